package kernel

import (
	"fmt"
	"math"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// numberFile is a file of a few integers, and the function that turns them into samples.
type numberFile struct {
	file       *hostfs.File
	minColumns int // fewer are an error
	write      func(out *telemetry.Batch, columns []uint64)
}

// maxColumns is the width of the widest file, dentry-state.
const maxColumns = 6

// newNumberFiles returns the files below /proc/sys that are reported, with their series.
func newNumberFiles(env plugins.Env) []numberFile {
	file, f := env.FS.ProcFile, env.Factory
	gauge := func(name string) *telemetry.Series { return f.Gauge(name, telemetry.None) }
	entropy := f.Gauge("kernel_entropy_avail", telemetry.Bits)
	tainted := gauge("kernel_tainted")
	inodes, inodesFree := gauge("kernel_inodes_allocated"), gauge("kernel_inodes_free")
	dentries, negative := gauge("kernel_dentries"), gauge("kernel_dentries_negative")
	return []numberFile{
		{file("sys", "kernel", "random", "entropy_avail"), 1, func(out *telemetry.Batch, c []uint64) { out.Add(entropy, float64(c[0])) }},
		{file("sys", "kernel", "tainted"), 1, func(out *telemetry.Batch, c []uint64) { out.Add(tainted, float64(c[0])) }},
		{file("sys", "fs", "file-nr"), 3, newOpenFilesWriter(f)},
		{file("sys", "fs", "inode-nr"), 2, func(out *telemetry.Batch, c []uint64) {
			out.Add(inodes, float64(c[0]))
			out.AddUpTo(inodesFree, float64(c[1]), float64(c[0]))
		}},
		{file("sys", "fs", "dentry-state"), maxColumns, func(out *telemetry.Batch, c []uint64) {
			out.Add(dentries, float64(c[0]))
			out.AddUpTo(negative, float64(c[4]), float64(c[0]))
		}},
	}
}

// maxUsedPercent bounds kernel_fd_used_percent. It is above 100 because root may exceed the limit, and the limit may be
// lowered below what is in use.
const maxUsedPercent = 1000

// newOpenFilesWriter returns the writer of file-nr, whose columns are allocated, free and the limit
// (Documentation/admin-guide/sysctl/fs.rst). Without a limit, which is what systemd configures, there is no percentage.
func newOpenFilesWriter(f *telemetry.Factory) func(*telemetry.Batch, []uint64) {
	allocated, used := f.Gauge("kernel_fd_allocated", telemetry.None), f.Gauge("kernel_fd_used", telemetry.None)
	limit, percent := f.Gauge("kernel_fd_max", telemetry.None), f.Gauge("kernel_fd_used_percent", telemetry.Percent).Within(0, maxUsedPercent)
	return func(out *telemetry.Batch, c []uint64) {
		inUse := c[0] - min(c[0], c[1])
		out.Add(allocated, float64(c[0]))
		out.Add(used, float64(inUse))
		out.Add(limit, float64(c[2]))
		if c[2] > 0 && c[2] < math.MaxInt64 {
			out.Add(percent, 100*float64(inUse)/float64(c[2]))
		}
	}
}

func (f *numberFile) addSamples(out *telemetry.Batch) error {
	data, err := f.file.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	var columns [maxColumns]uint64
	if n := scan.ParseUints(data, columns[:]); n < f.minColumns {
		return fmt.Errorf("parse %s: %d numbers, want %d", f.file.Path(), n, f.minColumns)
	}
	f.write(out, columns[:])
	return nil
}
