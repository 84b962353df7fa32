package windowsio

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// host returns two disks whose counters grow by their first values with each reading.
func host(e *plugins.Env) {
	n := 0.0
	e.Host = &sysinfo.Host{Disks: func(context.Context) ([]sysinfo.Disk, error) {
		n++
		return []sysinfo.Disk{
			{Name: "C:", Reads: 10 * n, Writes: 20 * n, ReadBytes: 30 * n, WriteBytes: 40 * n, ReadTime: 50 * n, WriteTime: 60 * n},
			{Name: "D:", Reads: n},
		}, nil
	}}
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "two disks", Setup: func(_ *testing.T, e *plugins.Env) { host(e) }, Allocs: 8})
}

func TestGather(t *testing.T) {
	p := plugintest.Start(t, Plugin, "exclude_disks: [D]", plugintest.Env("windows_io", "", host))
	p.Gather(0)
	want := map[string]float64{
		"windows_disk_read_count_C": 20, "windows_disk_write_count_C": 40, "windows_disk_read_bytes_C": 60, "windows_disk_write_bytes_C": 80,
		"windows_disk_read_time_C": 100, "windows_disk_write_time_C": 120,
		"windows_disk_read_count_rate_C": 1, "windows_disk_write_count_rate_C": 2, "windows_disk_read_bytes_rate_C": 3, "windows_disk_write_bytes_rate_C": 4,
		"windows_disk_read_time_rate_C": 5, "windows_disk_write_time_rate_C": 6,
	}
	if diff := cmp.Diff(want, p.Gather(10)); diff != "" {
		t.Error(diff)
	}
}

// One disk that cannot be read does not cost the others their samples.
func TestPartialError(t *testing.T) {
	away := errors.New("away")
	p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_io", "", func(e *plugins.Env) {
		e.Host = &sysinfo.Host{Disks: func(context.Context) ([]sysinfo.Disk, error) { return []sysinfo.Disk{{Name: "C:"}}, away }}
	}))
	if b, err := p.Batch(0); !errors.Is(err, away) || b.Len() != 6 {
		t.Errorf("%d samples, %v", b.Len(), err)
	}
}
