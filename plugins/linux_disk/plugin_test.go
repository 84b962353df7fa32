package linuxdisk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18", Setup: func(t *testing.T, e *plugins.Env) {
			plugintest.Files(t, e.FS.Root, map[string]string{"sys/dev/block/254:0/uevent": "DEVNAME=vda\n"}) // cannot be in testdata, because Windows does not allow colons in names
		}},
		plugintest.Case{Name: "docker host", Root: "testdata/docker-5.10", Allocs: 60}, // errors for missing directories allocate
		plugintest.Case{Name: "container", Root: "testdata/container"},
		plugintest.Case{Name: "wsl", Root: "testdata/wsl2-5.15", Allocs: 20}, // the request to a network file system allocates
		plugintest.Case{Name: "this machine", Allocs: 50},                    // it may have network mounts
		plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later", Allocs: 80},
		plugintest.Case{Name: "older macOS", Host: "macos-14", Allocs: 80},
		plugintest.Case{Name: "macOS on Intel", Host: "macos-13", Allocs: 80},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later", Allocs: 80},
		plugintest.Case{Name: "Windows", Host: "windows-2022", Then: "windows-2022-later", Allocs: 80},
	)
}

func TestSelectMounts(t *testing.T) {
	docker := defaults()
	for _, tt := range []struct {
		name, tree string
		config     Config
		want       []string
	}{
		{"vm", "vm-6.18", docker, []string{"/"}},
		{"docker host", "docker-5.10", docker, []string{"/", "/boot/efi", "/home", "/mnt/nas", "/home/a/.ssh fs", "/data"}},
		{"with docker", "docker-5.10", Config{}, []string{"/", "/boot/efi", "/home", "/mnt/nas", "/home/a/.ssh fs", "/var/lib/docker/overlay2/abc/merged",
			"/var/lib/docker/volumes", "/data"}},
		{"excluded", "docker-5.10", Config{ExcludeDocker: true, ExcludeMounts: match.NewList("/home", "/mnt/nas", "/data")},
			[]string{"/", "/boot/efi", `/srv/my data\x`, "/home/a/.ssh fs", "/data/snapshots"}},
		{"included", "docker-5.10", Config{ExcludeDocker: true, IncludeMounts: match.NewList(`/srv/my data\x`, "/home", "/run", "/snap/core/1", "/covered")},
			[]string{"/run", `/srv/my data\x`, "/home", "/snap/core/1", "/covered"}},
		{"globs and expressions", "docker-5.10", Config{ExcludeDocker: true, ExcludeMounts: match.NewList("/ho*", "~^/mnt/")},
			[]string{"/", "/boot/efi", `/srv/my data\x`, "/data"}},
		{"included by a glob", "docker-5.10", Config{IncludeMounts: match.NewList("/snap/*", "/data*"), ExcludeMounts: match.NewList("/data")},
			[]string{"/snap/core/1", "/data/snapshots"}},
		{"without types", "docker-5.10", Config{ExcludeDocker: true, ExcludeTypes: match.NewList("nfs*", "fuse.sshfs", "vfat")}, []string{"/", "/home", "/data"}},
		{"included but of an excluded type", "docker-5.10", Config{IncludeMounts: match.NewList("/", "/data"), ExcludeTypes: match.NewList("btrfs")}, []string{"/"}},
		{"container", "container", docker, []string{"/", "/data"}},
		{"wsl", "wsl2-5.15", docker, []string{"/", "/usr/lib/wsl/drivers", "/mnt/c"}},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", tt.tree, "proc/1/mountinfo"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range tt.config.selectMounts(parseMountinfo(data)) {
			got = append(got, m.path)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// TestShortestPathOfADeviceIsReported has file systems that are mounted several times. One of the mounts is covered by another.
func TestShortestPathOfADeviceIsReported(t *testing.T) {
	const file = `1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:2 / /a rw - ext4 /dev/sda2 rw
3 1 0:9 / /a rw - tmpfs tmpfs rw
4 1 8:2 / /long rw - ext4 /dev/sda2 rw
5 1 8:2 / /longer rw - ext4 /dev/sda2 rw
`
	var got []string
	for _, m := range defaults().selectMounts(parseMountinfo([]byte(file))) {
		got = append(got, m.path)
	}
	if diff := cmp.Diff([]string{"/", "/long"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMountsOfContainerEngines(t *testing.T) {
	for line, want := range map[string]bool{
		"/ overlay overlay":                            false, // the root of the container that we run in
		"/srv overlay overlay":                         true,
		"/srv aufs none":                               true,
		"/etc/hosts ext4 /dev/sda1":                    true,
		"/etc/hostname ext4 /dev/sda1":                 true,
		"/etc/resolv.conf ext4 /dev/sda1":              true,
		"/etc/hosts.d ext4 /dev/sda1":                  false,
		"/var/lib/docker/x ext4 /dev/sda1":             true,
		"/var/lib/containers/x ext4 /dev/sda1":         true,
		"/var/lib/kubelet/pods/x ext4 /dev/sda1":       true,
		"/run/docker/x ext4 /dev/sda1":                 true,
		"/var/lib/docker ext4 /dev/sda1":               false, // a disk that an administrator mounted for it
		"/srv ext4 /dev/mapper/docker-8:1-42":          true,
		"/var/lib/containerd-and-more ext4 /dev/sda1":  false,
		"/home/me/var/lib/docker/x ext4 /dev/mapper/y": false,
	} {
		f := strings.Fields(line)
		m := mount{path: f[0], fstype: f[1], source: f[2]}
		if got := isContainerMount(m); got != want {
			t.Errorf("%s is a mount of a container: %v, want %v", line, got, want)
		}
	}
}

func TestParseMountinfoSkipsIncompleteLines(t *testing.T) {
	for line, want := range map[string]string{
		`36 35 98:0 / /mnt rw - ext4 /dev/root rw`:                      "/mnt ext4 /dev/root",
		`36 35 98:0 / /mnt rw shared:1 master:2 unbindable - ext4 a rw`: "/mnt ext4 a",
		`36 35 98:0 / /a\040b\011c\012d\134e\043f rw - ext4 \040x rw`:   "/a b\tc\nd\\e#f ext4  x",
		`36 35 98:0 / /a\9\04 rw - ext4 a\`:                             `/a\9\04 ext4 a\`,
		`36 35 98:0 / /mnt rw - btrfs  rw`:                              "/mnt btrfs ", // no source
		`36 35 98:0 / /mnt rw`:                                          "",
		`36 35 98:0 / /mnt rw -`:                                        "",
		`36 35 98:0 / /mnt rw - ext4`:                                   "",
		`36 35 0:4 / net:[4026531840] rw - nsfs nsfs rw`:                "",
		``: "",
	} {
		got := ""
		if mounts := parseMountinfo([]byte(line)); len(mounts) == 1 {
			got = mounts[0].path + " " + mounts[0].fstype + " " + mounts[0].source
		}
		if got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

// newTestInput returns an input for a recorded tree with a fake statfs.
func newTestInput(t *testing.T, tree string, statfs func(string) (spaceUsage, error)) *input {
	env := plugintest.Env("linux_disk", filepath.Join("testdata", tree))
	env.FS.Root = "/"
	return newInput(env, defaults(), statfs)
}

func gatherValues(ctx context.Context, in *input) (map[string]float64, error) {
	var out telemetry.Batch
	err := in.Gather(ctx, &out)
	return plugintest.ByKey(&out), err
}

func TestGather(t *testing.T) {
	in := newTestInput(t, "vm-6.18", func(path string) (spaceUsage, error) {
		if path != "/" {
			t.Errorf("statfs of %s", path)
		}
		return spaceUsage{total: 1000, free: 400, available: 300, inodes: 100, inodesFree: 60}, nil
	})
	got, err := gatherValues(t.Context(), in)
	want := map[string]float64{
		"disk_mountpoint_root": 1, "disk_total_root": 1000, "disk_used_root": 600, "disk_free_root": 400, "disk_available_root": 300,
		"disk_used_percent_root": 100 * 600.0 / 900, "disk_inodes_total_root": 100, "disk_inodes_used_root": 40, "disk_inodes_free_root": 60,
		"disk_inodes_percent_root": 40, "disk_read_only_root": 0, "disk_error_root": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestLabels(t *testing.T) {
	in := newTestInput(t, "docker-5.10", func(string) (spaceUsage, error) { return spaceUsage{total: 10}, nil })
	var out telemetry.Batch
	if err := in.Gather(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	plugintest.HasSeries(t, &out,
		`disk_mountpoint{environment="test",host="testhost",mountpoint="root",source="linux_disk"}`,
		`disk_total{environment="test",host="testhost",mount="root",source="linux_disk",unit="bytes"}`,
		`disk_total{environment="test",host="testhost",mount="/home/a/.ssh fs",source="linux_disk",unit="bytes"}`,
	)
}

// In a container the host's mounts are below HOST_ROOT. Labels have the paths on the host.
func TestHostRootIsPrependedToPaths(t *testing.T) {
	env := plugintest.Env("linux_disk", filepath.Join("testdata", "wsl2-5.15"))
	env.FS.Root = "/host"
	in := newInput(env, Config{IncludeMounts: match.NewList("/", "/mnt/c")}, func(path string) (spaceUsage, error) {
		if path != "/host" && path != "/host/mnt/c" {
			t.Errorf("statfs of %s", path)
		}
		return spaceUsage{total: 10}, nil
	})
	got, err := gatherValues(t.Context(), in)
	if err != nil || got["disk_total_root"] != 10 || got["disk_total_mnt_c"] != 10 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestGatherFileSystemWithoutInodes(t *testing.T) {
	in := newTestInput(t, "vm-6.18", func(string) (spaceUsage, error) { return spaceUsage{total: 10, free: 10}, nil })
	got, err := gatherValues(t.Context(), in)
	if want := []string{"disk_available_root", "disk_error_root", "disk_free_root", "disk_mountpoint_root",
		"disk_read_only_root", "disk_total_root", "disk_used_root"}; err != nil ||
		!slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestGatherErrors(t *testing.T) {
	in := newTestInput(t, "docker-5.10", func(path string) (spaceUsage, error) {
		switch path {
		case "/boot/efi":
			return spaceUsage{}, syscall.ENOENT
		case "/home/a/.ssh fs":
			return spaceUsage{}, syscall.EACCES
		case "/home":
			return spaceUsage{}, syscall.EIO
		case "/data":
			return spaceUsage{}, nil
		}
		return spaceUsage{total: 10, free: 5, available: 5}, nil
	})
	got, err := gatherValues(t.Context(), in)
	if want := "statfs /home: " + syscall.EIO.Error(); err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	for key, want := range map[string]bool{"disk_used_root": true, "disk_used_mnt_nas": true, "disk_used_home": false, "disk_used_data": false, "disk_used_boot_efi": false,
		"disk_error_home": true, "disk_error_data": false, "disk_error_boot_efi": false, "disk_error_home_a_.ssh_fs": false} {
		if _, ok := got[key]; ok != want {
			t.Errorf("%s is written: %v", key, ok)
		}
	}
	in = newTestInput(t, "nowhere", nil)
	if _, err := gatherValues(t.Context(), in); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no mountinfo: %v", err)
	}
}

// Denied access is an error, except for FUSE file systems.
func TestOnlyFUSEMayDenyAccess(t *testing.T) {
	in := newTestInput(t, "vm-6.18", func(string) (spaceUsage, error) { return spaceUsage{}, syscall.EACCES })
	got, err := gatherValues(t.Context(), in)
	if diff := cmp.Diff(map[string]float64{"disk_mountpoint_root": 1, "disk_read_only_root": 0, "disk_error_root": 1}, got); !errors.Is(err, fs.ErrPermission) || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

// TestStuckMountDoesNotAffectOthers has a network or FUSE file system that does not answer, in fake time.
func TestStuckMountDoesNotAffectOthers(t *testing.T) {
	for path, key := range map[string]string{"/mnt/nas": "mnt_nas", "/home/a/.ssh fs": "home_a_.ssh_fs"} {
		t.Run(key, func(t *testing.T) { stuckMount(t, path, key) })
	}
}

func stuckMount(t *testing.T, stuck, key string) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var asked atomic.Int32
		in := newTestInput(t, "docker-5.10", func(path string) (spaceUsage, error) {
			if path == stuck {
				asked.Add(1)
				<-release
			}
			return spaceUsage{total: 10, free: 5, available: 5}, nil
		})
		for round := range 3 {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			got, err := gatherValues(ctx, in)
			cancel()
			if waited := time.Since(began); round > 0 && waited > 0 {
				t.Errorf("waited %v for a mount that is known to be stuck", waited)
			}
			if err == nil || err.Error() != "statfs "+stuck+": no answer in time; skipped until it answers" {
				t.Errorf("error: %v", err)
			}
			if got["disk_used_home"] != 5 || got["disk_used_mnt_nas"]+got["disk_used_home_a_.ssh_fs"] != 5 {
				t.Errorf("the other mounts: %v", got)
			}
			if got["disk_error_"+key] != 1 || got["disk_error_home"] != 0 {
				t.Errorf("the stuck mount has no series: %v", got)
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("%d calls of statfs while stuck", n)
			}
		}
		close(release)
		synctest.Wait()
		got, err := gatherValues(t.Context(), in)
		if err != nil || got["disk_used_"+key] != 5 || got["disk_error_"+key] != 0 || asked.Load() != 2 {
			t.Errorf("after its answer: %v, %v", got["disk_used_"+key], err)
		}
	})
}

func TestStuckMountEndsWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		in := newTestInput(t, "wsl2-5.15", func(path string) (spaceUsage, error) {
			if path == "/mnt/c" {
				<-release
			}
			return spaceUsage{total: 10, free: 5, available: 5}, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got, err := gatherValues(ctx, in)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "/mnt/c") {
			t.Errorf("error: %v", err)
		}
		if _, ok := got["disk_error_mnt_c"]; got["disk_used_root"] != 5 || ok {
			t.Errorf("the local mount: %v", got)
		}
		close(release)
		synctest.Wait()
	})
}

func TestMountsAreReadAgainWhenTheyChange(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{"proc/1/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"})
	in := newInput(plugintest.Env("linux_disk", dir), defaults(), func(string) (spaceUsage, error) { return spaceUsage{total: 1}, nil })
	if got, _ := gatherValues(t.Context(), in); len(got) != 8 {
		t.Errorf("one mount: %v", got)
	}
	plugintest.Files(t, dir, map[string]string{"proc/1/mountinfo": "1 0 8:2 / /b rw - ext4 /dev/sda2 rw\n"})
	got, _ := gatherValues(t.Context(), in)
	if _, ok := got["disk_total_b"]; !ok || len(got) != 8 {
		t.Errorf("another mount: %v", got)
	}
}

func TestUnmountedIsForgotten(t *testing.T) {
	const both = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /b rw - ext4 /dev/sda2 rw\n"
	dir := plugintest.Files(t, "", map[string]string{"proc/1/mountinfo": both})
	in := newInput(plugintest.Env("linux_disk", dir), defaults(), func(string) (spaceUsage, error) { return spaceUsage{total: 1}, nil })
	for range 10 {
		if _, err := gatherValues(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		plugintest.Files(t, dir, map[string]string{"proc/1/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"})
	}
	if n := in.series.Len(); n != 1 {
		t.Errorf("%d mounts are kept, want 1", n)
	}
}

// Images and optical discs are reported only if include_mounts matches them, or if they are the root file system.
func TestAlwaysFullFileSystemsAreLeftOut(t *testing.T) {
	info := "1 0 8:1 / /m/ext4 ro - ext4 /dev/sda1 ro\n"
	for i, fstype := range []string{"erofs", "iso9660", "udf", "squashfs", "cramfs", "romfs", "fuse.snapfuse"} {
		info += fmt.Sprintf("%d 1 0:%d / /m/%s ro - %[3]s /dev/src%[1]d ro\n", i+2, i+100, fstype)
	}
	chosen := func(info string, c Config) (paths []string) {
		for _, m := range c.selectMounts(parseMountinfo([]byte(info))) {
			paths = append(paths, m.path)
		}
		return paths
	}
	if diff := cmp.Diff([]string{"/m/ext4"}, chosen(info, defaults())); diff != "" {
		t.Error(diff)
	}
	all := []string{"/m/ext4", "/m/erofs", "/m/iso9660", "/m/udf", "/m/squashfs", "/m/cramfs", "/m/romfs", "/m/fuse.snapfuse"}
	if diff := cmp.Diff(all, chosen(info, Config{IncludeMounts: match.NewList("/m/*")})); diff != "" {
		t.Errorf("with include_mounts: %s", diff)
	}
	for _, root := range []string{"squashfs /dev/loop0", "erofs /dev/sda1"} {
		if got := chosen("1 0 8:1 / / ro - "+root+" ro\n", defaults()); !slices.Equal(got, []string{"/"}) {
			t.Errorf("%s: %v", root, got)
		}
	}
}

// TestImpossibleUsage has the results of statfs for file systems that do not know their usage.
func TestImpossibleUsage(t *testing.T) {
	const unknown = 1 << 64
	for name, tt := range map[string]struct {
		usage spaceUsage
		want  map[string]float64
	}{
		"more free than there is": {spaceUsage{total: 100, free: 101, available: 200}, map[string]float64{"disk_total_root": 100}},
		"unsigned -1":             {spaceUsage{total: unknown, free: unknown, available: unknown, inodes: unknown, inodesFree: unknown}, map[string]float64{}},
		"free inodes unknown": {spaceUsage{total: 100, free: 50, available: 50, inodes: 10, inodesFree: unknown}, map[string]float64{"disk_total_root": 100,
			"disk_free_root": 50, "disk_available_root": 50, "disk_used_root": 50, "disk_used_percent_root": 50, "disk_inodes_total_root": 10}},
	} {
		b := telemetry.NewBatch(time.Unix(0, 0), time.Unix(0, 0), 0)
		newMountSeries(telemetry.NewFactory("h", "s", nil), "/").addUsage(b, tt.usage)
		if diff := cmp.Diff(tt.want, plugintest.ByKey(b)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func FuzzParseMountinfo(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/1/mountinfo")
	f.Add([]byte(`1 2 3:4 / /\777\08\1 rw - a \`))
	f.Fuzz(func(t *testing.T, data []byte) {
		mounts := parseMountinfo(data)
		paths := map[string]bool{}
		for _, m := range defaults().selectMounts(mounts) {
			if !strings.HasPrefix(m.path, "/") || paths[m.path] {
				t.Errorf("selected %q", m.path)
			}
			paths[m.path] = true
		}
	})
}
