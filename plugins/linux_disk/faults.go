package linuxdisk

import (
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// faultCounter reads how often ext4 found a file system damaged since its last check: /sys/fs/ext4/<device>/errors_count
// (Documentation/ABI/testing/sysfs-fs-ext4).
type faultCounter struct {
	count *hostfs.File // nil: the kernel does not count them
}

// faultsKey identifies a file system and its mount point.
type faultsKey struct{ device, path string }

// updateFaultCounters opens the files of newly reported mounts and closes those of mounts that are no longer reported.
func (in *input) updateFaultCounters() {
	kept := map[faultsKey]*faultCounter{}
	for i := range in.mounts {
		m := &in.mounts[i]
		if m.fstype != "ext4" {
			continue
		}
		key := faultsKey{m.device, m.path}
		f := in.faultCounters[key]
		if f == nil {
			f = in.newFaultCounter(*m)
		}
		kept[key], m.faults = f, f
		delete(in.faultCounters, key)
	}
	for _, f := range in.faultCounters {
		f.close()
	}
	in.faultCounters = kept
}

func (in *input) newFaultCounter(m mount) *faultCounter {
	name := in.deviceName(m)
	if name == "" {
		return &faultCounter{}
	}
	return &faultCounter{in.fs.SysValue("fs", "ext4", name, "errors_count")}
}

// deviceName returns the kernel's name of a mount's device ("sda2", "dm-0"). The source of the mount may be another name of the device
// ("/dev/root", "/dev/mapper/vg-home").
func (in *input) deviceName(m mount) string {
	uevent := in.fs.SysFile("dev", "block", m.device, "uevent")
	data, err := uevent.Read()
	_ = uevent.Close()
	if err != nil {
		return ""
	}
	return parseDeviceName(data)
}

// parseDeviceName returns DEVNAME from the file uevent of a block device. In names of directories the kernel replaces a slash, as in
// "cciss/c0d0", by an exclamation mark.
func parseDeviceName(data []byte) string {
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "DEVNAME="); ok {
			return strings.ReplaceAll(strings.TrimSpace(name), "/", "!")
		}
	}
	return ""
}

// addFaults adds the count of a file system. When another file system is mounted at the same path, the
// counter starts again.
func (d *mountSeries) addFaults(out *telemetry.Batch, f *faultCounter) error {
	if f == nil || f.count == nil {
		return nil
	}
	if d.faults != f {
		d.faults = f
		d.faultsTotal.Forget()
	}
	data, err := f.count.ReadOptional()
	field, _ := scan.CutField(data)
	if err != nil || len(field) == 0 {
		return err
	}
	n, ok := scan.ParseUint(field)
	if !ok {
		return fmt.Errorf("parse %s: not a number", f.count.Path())
	}
	d.faultsTotal.Add(out, float64(n))
	return nil
}

func (f *faultCounter) close() {
	if f.count != nil {
		_ = f.count.Close()
	}
}
