package windowsdisk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// host is a Windows host with drives. Its errors are those of GetDiskFreeSpaceEx.
type host struct {
	mu     sync.Mutex
	mounts []sysinfo.Mount
	space  map[string]sysinfo.Space
	errs   map[string]error
	hang   string // the path of a drive that does not answer
}

// newHost returns a host with a floppy drive, a disk, two CD drives, a disk without a file system and two network drives.
func newHost() *host {
	h := &host{space: map[string]sysinfo.Space{}, errs: map[string]error{}}
	h.add(sysinfo.Mount{Device: "A:"}, sysinfo.Space{}, syscall.Errno(21))
	h.add(sysinfo.Mount{Device: "C:", FSType: "NTFS"}, sysinfo.Space{Total: 255457226752, Free: 51091445350}, nil)
	h.add(sysinfo.Mount{Device: "D:"}, sysinfo.Space{}, syscall.Errno(21))
	h.add(sysinfo.Mount{Device: "E:", FSType: "UDF"}, sysinfo.Space{Total: 4700372992}, nil)
	h.add(sysinfo.Mount{Device: "F:"}, sysinfo.Space{}, &fs.PathError{Op: "GetDiskFreeSpaceEx", Path: `F:\`, Err: syscall.Errno(1005)})
	h.add(sysinfo.Mount{Device: "M:", Remote: true}, sysinfo.Space{}, syscall.Errno(53))
	h.add(sysinfo.Mount{Device: "Z:", FSType: "NTFS", Remote: true}, sysinfo.Space{Total: 1099511627776, Free: 549755813888}, nil)
	return h
}

func (h *host) add(m sysinfo.Mount, s sysinfo.Space, err error) {
	if m.Path == "" {
		m.Path = m.Device + `\`
	}
	h.mounts = append(h.mounts, m)
	h.space[m.Path], h.errs[m.Path] = s, err
}

func (h *host) use(e *plugins.Env) {
	e.Host = &sysinfo.Host{
		Mounts: func(context.Context) ([]sysinfo.Mount, error) { return slices.Clone(h.mounts), nil },
		Space: func(ctx context.Context, path string) (sysinfo.Space, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if path == h.hang {
				h.mu.Unlock()
				<-ctx.Done()
				h.mu.Lock()
				return sysinfo.Space{}, errors.New("no answer in time")
			}
			return h.space[path], h.errs[path]
		},
	}
}

func mountpoints(values map[string]float64) []string {
	var all []string
	for key := range values {
		if name, ok := strings.CutPrefix(key, "windows_disk_total_"); ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "drives", Setup: func(_ *testing.T, e *plugins.Env) { newHost().use(e) }, Allocs: 100})
}

func TestDrives(t *testing.T) {
	h := newHost()
	var log servicetest.Log
	p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_disk", "", h.use, func(e *plugins.Env) {
		e.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	got := p.Gather(0)
	want := map[string]float64{
		"windows_disk_total_C_NTFS_C": 255457226752, "windows_disk_used_C_NTFS_C": 204365781402, "windows_disk_free_C_NTFS_C": 51091445350, "windows_disk_percent_C_NTFS_C": 80,
		"windows_disk_total_E_UDF_E": 4700372992, "windows_disk_used_E_UDF_E": 4700372992, "windows_disk_free_E_UDF_E": 0, "windows_disk_percent_E_UDF_E": 100,
		"windows_disk_total_Z_NTFS_Z": 1099511627776, "windows_disk_used_Z_NTFS_Z": 549755813888, "windows_disk_free_Z_NTFS_Z": 549755813888, "windows_disk_percent_Z_NTFS_Z": 50,
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Fatal(diff)
	}
	for key, v := range want {
		if d := got[key] - v; d > 0.05 || d < -0.05 {
			t.Errorf("%s is %v, want %v", key, got[key], v)
		}
	}
	p.Gather(10)
	if n := log.Count("a drive is left out"); n != 4 || log.Count(`drive=M:\`) != 1 {
		t.Errorf("%d messages:\n%s", n, log.String())
	}

	// A medium is inserted, and removed again.
	h.errs[`D:\`], h.space[`D:\`], h.mounts[2].FSType = nil, sysinfo.Space{Total: 700e6}, "CDFS"
	if got := mountpoints(p.Gather(20)); !slices.Contains(got, "D_CDFS_D") || log.Count("a drive answers") != 1 {
		t.Errorf("drives %v\n%s", got, log.String())
	}
	h.errs[`D:\`], h.mounts[2].FSType = syscall.Errno(21), ""
	ended := 0
	for _, b := range p.Batches(30, 40, 50, 60) {
		ended += len(b.Ended())
		if got := mountpoints(plugintest.ByKey(b)); slices.Contains(got, "D_CDFS_D") {
			t.Errorf("drives %v", got)
		}
	}
	if ended != 4 {
		t.Errorf("%d series have ended, want the four of D", ended)
	}
	if n := log.Count("a drive is left out"); n != 5 {
		t.Errorf("%d messages:\n%s", n, log.String())
	}
}

// A drive that is not listed any more is logged once.
func TestDriveGone(t *testing.T) {
	h := newHost()
	var log servicetest.Log
	p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_disk", "", h.use, func(e *plugins.Env) {
		e.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	p.Gather(0)
	h.mounts = slices.Delete(h.mounts, 3, 4)
	p.Batches(10, 20)
	if log.Count("a drive has nothing any more") != 1 || log.Count(`drive=E:\`) != 1 {
		t.Error(log.String())
	}
}

// A network drive that does not answer does not keep the samples of the others from the gather.
func TestHangingDrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		h.hang = `M:\`
		p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_disk", "", h.use))
		b, err := p.Within(5*time.Second, 0)
		if got := mountpoints(plugintest.ByKey(b)); err != nil || !slices.Equal(got, []string{"C_NTFS_C", "E_UDF_E", "Z_NTFS_Z"}) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// The agent turns a panic of a gather into an error, but not one of another goroutine.
func TestPanic(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_disk", "", newHost().use, func(e *plugins.Env) {
		e.Host.Space = func(context.Context, string) (sysinfo.Space, error) { panic("a bug") }
	}))
	var panicked *crew.PanicError
	if err := crew.Catch(func() error { _, err := p.Batch(0); return err }); !errors.As(err, &panicked) {
		t.Error(err)
	}
}

// Series do not end while a drive or the list of drives cannot be read.
func TestIncompleteReading(t *testing.T) {
	h := newHost()
	p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_disk", "", h.use))
	p.Gather(0)
	h.errs[`C:\`] = syscall.Errno(31) // ERROR_GEN_FAILURE
	for i := range 6 {
		if b, err := p.Batch(float64(10 * (1 + i))); err == nil || len(b.Ended()) > 0 {
			t.Errorf("%v, ended: %v", err, b.Ended())
		}
	}
}

func TestManyVolumes(t *testing.T) {
	h := &host{space: map[string]sysinfo.Space{}, errs: map[string]error{}}
	for i := range 40 {
		path := fmt.Sprintf(`C:\mnt\disk%d\`, i)
		h.add(sysinfo.Mount{Device: fmt.Sprintf(`\\?\Volume{%d}\`, i), Path: path, FSType: "ReFS"}, sysinfo.Space{Total: 100, Free: 50}, nil)
	}
	h.add(sysinfo.Mount{Device: "C:", FSType: "NTFS"}, sysinfo.Space{Total: 100, Free: 50}, nil)
	p := plugintest.Start(t, Plugin, `exclude_mounts: ['C\mnt\disk3*']`, plugintest.Env("windows_disk", "", h.use))
	b, err := p.Batch(0)
	if got := plugintest.BySeries(b); err != nil || len(got) != 4*(41-11) {
		t.Errorf("%d samples, %v", len(got), err)
	}
	if s, _, _ := b.Sample(0); !strings.Contains(s.String(), `mountpoint="C\mnt\disk0"`) {
		t.Error(s.String())
	}
}

func TestErrors(t *testing.T) {
	h := newHost()
	h.errs[`C:\`] = syscall.Errno(1117) // ERROR_IO_DEVICE
	b, err := plugintest.Start(t, Plugin, "", plugintest.Env("windows_disk", "", h.use)).Batch(0)
	if err == nil || !strings.Contains(err.Error(), `read the space of drive C:\: `) {
		t.Errorf("a disk that fails is no error: %v", err)
	}
	if got := mountpoints(plugintest.ByKey(b)); len(got) != 2 {
		t.Error(got)
	}
	for want, err := range map[bool]error{
		true:  errors.Join(fmt.Errorf("F: %w", syscall.Errno(1005)), fmt.Errorf("A: %w", syscall.Errno(21))),
		false: errors.Join(fmt.Errorf("F: %w", syscall.Errno(1005)), fmt.Errorf("C: %w", syscall.Errno(1117))),
	} {
		p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_disk", "", newHost().use, func(e *plugins.Env) {
			e.Host.Mounts = func(context.Context) ([]sysinfo.Mount, error) {
				return []sysinfo.Mount{{Device: "E:", Path: `E:\`}}, err
			}
		}))
		if b, got := p.Batch(0); (got == nil) != want || b.Len() != 4 {
			t.Errorf("%d samples and %v of %v", b.Len(), got, err)
		}
	}
}
