package linuxdisk

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestReadOnly(t *testing.T) {
	for line, want := range map[string]bool{
		"1 0 8:1 / /a rw,relatime - ext4 /dev/a rw,errors=remount-ro": false,
		"1 0 8:1 / /a ro,relatime - ext4 /dev/a rw":                   true, // at this mount point only
		"1 0 8:1 / /a rw,relatime shared:1 - ext4 /dev/a ro":          true, // the kernel remounted it
		"1 0 8:1 / /a rw - ext4 /dev/a":                               false,
		"1 0 8:1 / /a rw,nodev - 9p C: aname=ro;x,trans=fd,ro":        true,
		"1 0 8:1 / /a rw,root - ext4 /dev/a rw,prorate":               false,
	} {
		if mounts := parseMountinfo([]byte(line)); len(mounts) != 1 || mounts[0].readOnly != want {
			t.Errorf("%s is %+v, want %v", line, mounts, want)
		}
	}
	dir := plugintest.Files(t, "", map[string]string{"proc/1/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /b ro - xfs /dev/sda2 rw\n"})
	in := newInput(plugintest.Env("linux_disk", dir), defaults(), func(string) (spaceUsage, error) { return spaceUsage{total: 1}, nil })
	if got, err := gatherValues(t.Context(), in); err != nil || got["disk_read_only_root"] != 0 || got["disk_read_only_b"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// For a service with DynamicUser, systemd remounts everything read-only. The host's file systems are not read-only then.
func TestSandboxIsNotReadOnly(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{
		"proc/1/mountinfo": "1 0 8:1 / / ro - ext4 /dev/sda1 rw\n2 1 8:2 / /b ro - xfs /dev/sda2 rw\n3 1 8:3 / /c ro - xfs /dev/sda3 ro\n"})
	in := newInput(plugintest.Env("linux_disk", dir), defaults(), func(string) (spaceUsage, error) { return spaceUsage{total: 1}, nil })
	got, err := gatherValues(t.Context(), in)
	if err != nil || got["disk_read_only_root"] != 0 || got["disk_read_only_b"] != 0 || got["disk_read_only_c"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
	for _, m := range parseMountinfo([]byte("1 0 8:1 / / ro - squashfs /dev/sda1 ro\n2 1 8:2 / /b ro - xfs /dev/sda2 rw\n")) {
		if !m.readOnly {
			t.Errorf("with a read-only / of the host, %s ignores the options of its mount point", m.path)
		}
	}
}

// ext4Mounts is the mountinfo of a machine with two ext4 file systems. Their sources are not the kernel's names of the devices.
const ext4Mounts = "1 0 8:1 / / rw - ext4 /dev/root rw\n2 1 253:0 / /home rw - ext4 /dev/mapper/vg-home rw\n3 1 8:3 / /x rw - xfs /dev/sda3 rw\n"

func newExt4Input(t *testing.T) (dir string, in *input) {
	if runtime.GOOS == "windows" {
		t.Skip("file names cannot contain colons on Windows")
	}
	dir = plugintest.Files(t, "", map[string]string{
		"proc/1/mountinfo":                      ext4Mounts,
		"sys/dev/block/8:1/uevent":              "MAJOR=8\nMINOR=1\nDEVNAME=cciss/c0d0p1\nDEVTYPE=partition\n",
		"sys/dev/block/253:0/uevent":            "MAJOR=253\nMINOR=0\nDEVNAME=dm-0\nDEVTYPE=disk\n",
		"sys/dev/block/8:3/uevent":              "DEVNAME=sda3\n",
		"sys/fs/ext4/cciss!c0d0p1/errors_count": "3\n",
		"sys/fs/ext4/dm-0/errors_count":         "0\n",
	})
	return dir, newInput(plugintest.Env("linux_disk", dir), defaults(), func(string) (spaceUsage, error) { return spaceUsage{total: 1}, nil })
}

func TestFileSystemErrors(t *testing.T) {
	dir, in := newExt4Input(t)
	got, err := gatherValues(t.Context(), in)
	if err != nil || got["disk_fs_errors_root"] != 3 || got["disk_fs_errors_home"] != 0 {
		t.Errorf("%v, %v", got, err)
	}
	counted := slices.DeleteFunc(slices.Sorted(maps.Keys(got)), func(k string) bool { return !strings.HasPrefix(k, "disk_fs_errors") })
	if diff := cmp.Diff([]string{"disk_fs_errors_home", "disk_fs_errors_root"}, counted); diff != "" {
		t.Error(diff)
	}
	// The kernel remounts / read-only after an error. The mounts have changed, but the counter continues.
	plugintest.Files(t, dir, map[string]string{"sys/fs/ext4/cciss!c0d0p1/errors_count": "5\n",
		"proc/1/mountinfo": strings.Replace(ext4Mounts, "/dev/root rw", "/dev/root ro", 1)})
	before := in.faultCounters[faultsKey{"8:1", "/"}]
	if before == nil {
		t.Error("the counter is not kept")
	}
	if got, err = gatherValues(t.Context(), in); err != nil || got["disk_fs_errors_root"] != 5 || got["disk_read_only_root"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if in.faultCounters[faultsKey{"8:1", "/"}] != before {
		t.Error("the counter of a file system that is still mounted was reset")
	}
	plugintest.Files(t, dir, map[string]string{"proc/1/mountinfo": "1 0 8:3 / / rw - xfs /dev/sda3 rw\n"})
	if got, err = gatherValues(t.Context(), in); err != nil || len(in.faultCounters) > 0 {
		t.Errorf("%v are kept for unmounted file systems, %v", in.faultCounters, err)
	}
	if _, ok := got["disk_fs_errors_root"]; ok {
		t.Errorf("another file system at the same path: %v", got)
	}
}

func TestUnreadableErrorCountCostsNothingElse(t *testing.T) {
	dir, in := newExt4Input(t)
	plugintest.Files(t, dir, map[string]string{"sys/fs/ext4/cciss!c0d0p1/errors_count": "noise", "sys/fs/ext4/dm-0/errors_count": ""})
	got, err := gatherValues(t.Context(), in)
	if err == nil || !strings.Contains(err.Error(), "parse ") || !strings.Contains(err.Error(), "errors_count: not a number") || strings.Contains(err.Error(), "dm-0") {
		t.Errorf("error: %v", err)
	}
	if got["disk_total_root"] != 1 || got["disk_total_home"] != 1 {
		t.Errorf("other metrics are missing: %v", got)
	}
	if err := os.RemoveAll(filepath.Join(dir, "sys")); err != nil {
		t.Fatal(err)
	}
	if _, err := gatherValues(t.Context(), in); err != nil {
		t.Errorf("without /sys: %v", err)
	}
}

func TestCloseClosesErrorCounts(t *testing.T) {
	_, in := newExt4Input(t)
	var out telemetry.Batch
	if err := in.Gather(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzParseDeviceName(f *testing.F) {
	f.Add([]byte("MAJOR=8\nDEVNAME=sda1\nDEVTYPE=partition\n"))
	f.Add([]byte("DEVNAME=../../x\nDEVNAME="))
	f.Fuzz(func(t *testing.T, data []byte) {
		if name := parseDeviceName(data); strings.ContainsAny(name, "/\n") {
			t.Errorf("%q", name)
		}
	})
}
