// Package linuxdisk reports the space and inodes of a host's mounted file systems.
//
// config.go selects the mounts that parse.go finds in mountinfo, or that host.go finds on other systems. inquiry.go calls statfs(2) of
// network file systems, which may hang. faults.go reads the error counts of ext4.
package linuxdisk

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"io/fs"
	"path"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_disk", "space and inodes per mounted file system", defaults, build).
	On("linux").As("disk").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

type input struct {
	config    Config
	fs        hostfs.Root
	mountinfo *hostfs.File
	host      *sysinfo.Host // has the mounts; nil: mountinfo has them
	statfs    func(path string) (spaceUsage, error)

	lastMountinfo []byte // the content that mounts was parsed from
	mounts        []mount
	faultCounters map[faultsKey]*faultCounter
	series        *telemetry.Vec[string, *mountSeries]
}

// mountSeries has the series and the state of one mount point.
type mountSeries struct {
	exists, readOnly, failed      *telemetry.Series
	total, used, free, available  *telemetry.Series
	usedPercent                   *telemetry.Series
	inodesTotal, inodesUsed       *telemetry.Series
	inodesFree, inodesUsedPercent *telemetry.Series
	remote                        statRequest
	faults                        *faultCounter // that faultsTotal counts
	faultsTotal                   *telemetry.Total
}

func build(env plugins.Env, c Config) (*input, error) {
	if env.Host != nil {
		return newInput(env, c, func(path string) (spaceUsage, error) { return readSpace(env.Host, path) }), nil
	}
	return newInput(env, c, statfs), nil
}

func newInput(env plugins.Env, c Config, statfs func(string) (spaceUsage, error)) *input {
	in := &input{config: c, fs: env.FS, mountinfo: env.FS.HostFile("mountinfo"), host: env.Host, statfs: statfs}
	in.series = telemetry.NewVec(env.Factory, newMountSeries)
	return in
}

// mountName returns the label value for a mount point.
func mountName(path string) string {
	if path == "/" {
		return "root"
	}
	return path
}

func newMountSeries(f *telemetry.Factory, mountpoint string) *mountSeries {
	name := mountName(mountpoint)
	mount := telemetry.Label{Key: "mount", Value: name}
	return &mountSeries{
		exists:            f.Gauge("disk_mountpoint", telemetry.None, telemetry.Label{Key: "mountpoint", Value: name}),
		readOnly:          f.Gauge("disk_read_only", telemetry.None, mount),
		failed:            f.Gauge("disk_error", telemetry.None, mount),
		total:             f.Gauge("disk_total", telemetry.Bytes, mount),
		used:              f.Gauge("disk_used", telemetry.Bytes, mount),
		free:              f.Gauge("disk_free", telemetry.Bytes, mount),
		available:         f.Gauge("disk_available", telemetry.Bytes, mount),
		usedPercent:       f.Gauge("disk_used_percent", telemetry.Percent, mount),
		inodesTotal:       f.Gauge("disk_inodes_total", telemetry.None, mount),
		inodesUsed:        f.Gauge("disk_inodes_used", telemetry.None, mount),
		inodesFree:        f.Gauge("disk_inodes_free", telemetry.None, mount),
		inodesUsedPercent: f.Gauge("disk_inodes_percent", telemetry.Percent, mount),
		faultsTotal:       f.Counter("disk_fs_errors", telemetry.None, mount),
	}
}

// Gather implements plugins.Gatherer. It starts the requests for network file systems first and waits for all of them last, so that
// a hung one does not delay the others.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	errMounts := in.updateMounts(ctx)
	if errMounts != nil && in.host == nil {
		return errMounts
	}
	remotes := 0
	for _, m := range in.mounts {
		if d := *in.series.Get(m.path); m.isRemote {
			d.remote.startRequest(in.statfs, m.statfsPath)
			remotes++
		}
	}
	var errs []error
	if errMounts != nil {
		errs = append(errs, errMounts)
	}
	for _, m := range in.mounts {
		if d := *in.series.Get(m.path); !m.isRemote {
			u, err := in.statfs(m.statfsPath)
			errs = d.addSamples(out, m, u, err, errs)
		}
	}
	if remotes > 0 {
		errs = in.collectRemote(ctx, out, errs)
	}
	if errMounts == nil {
		in.series.Sweep(out)
	}
	return errors.Join(errs...)
}

// collectRemote waits for the network file systems.
func (in *input) collectRemote(ctx context.Context, out *telemetry.Batch, errs []error) []error {
	for _, m := range in.mounts {
		if d := *in.series.Get(m.path); m.isRemote {
			u, err := d.remote.awaitReply(ctx)
			errs = d.addSamples(out, m, u, err, errs)
		}
	}
	return errs
}

// updateMounts updates the list of mounts.
func (in *input) updateMounts(ctx context.Context) error {
	if in.host == nil {
		return in.readMounts()
	}
	all, err := in.host.Mounts(ctx)
	if err == nil || len(all) > 0 {
		in.mounts = in.config.selectMounts(convertMounts(all))
	}
	return err
}

// readMounts updates the list of mounts if the file has changed.
func (in *input) readMounts() error {
	data, err := in.mountinfo.Read()
	if err != nil {
		return err
	}
	if in.lastMountinfo == nil || !bytes.Equal(data, in.lastMountinfo) {
		in.lastMountinfo = append(in.lastMountinfo[:0], data...)
		in.mounts = in.config.selectMounts(parseMountinfo(data))
		for i := range in.mounts {
			in.mounts[i].statfsPath = path.Join(in.fs.Root, in.mounts[i].path)
		}
		in.updateFaultCounters()
	}
	return nil
}

// addSamples appends the samples of one mount to out, or its error to errs.
func (d *mountSeries) addSamples(out *telemetry.Batch, m mount, u spaceUsage, err error, errs []error) []error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errs // unmounted since the list was read, or covered by another mount
	case errors.Is(err, fs.ErrPermission) && m.isFUSE():
		return errs // not even root may access another user's mount: mount.fuse(8), allow_other
	case errors.Is(err, context.Canceled):
		return append(errs, &fs.PathError{Op: "statfs", Path: m.path, Err: err}) // the gather was cancelled, which says nothing about the mount
	case err == nil && u.total == 0:
		return errs // a pseudo file system that isPseudo does not know
	}
	out.Add(d.exists, 1)
	out.Add(d.readOnly, metric.Bool(m.readOnly))
	out.Add(d.failed, metric.Bool(err != nil))
	if err != nil {
		return append(errs, &fs.PathError{Op: "statfs", Path: m.path, Err: err})
	}
	d.addUsage(out, u)
	if err := d.addFaults(out, m.faults); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func (d *mountSeries) addUsage(out *telemetry.Batch, u spaceUsage) {
	out.Add(d.total, u.total)
	if telemetry.Bytes.Bounds(telemetry.Gauge).Contains(u.total) {
		out.AddUpTo(d.free, u.free, u.total)
		out.AddUpTo(d.available, u.available, u.total)
		if u.free <= u.total {
			out.Add(d.used, u.usedBytes())
			if percent, ok := u.usedPercent(); ok {
				out.Add(d.usedPercent, percent)
			}
		}
	}
	if u.inodes > 0 {
		d.addInodes(out, u)
	}
}

func (d *mountSeries) addInodes(out *telemetry.Batch, u spaceUsage) {
	out.Add(d.inodesTotal, u.inodes)
	if !telemetry.None.Bounds(telemetry.Gauge).Contains(u.inodes) {
		return
	}
	out.AddUpTo(d.inodesFree, u.inodesFree, u.inodes)
	if u.inodesFree <= u.inodes {
		used := u.inodes - u.inodesFree
		out.Add(d.inodesUsed, used)
		out.Add(d.inodesUsedPercent, 100*used/u.inodes)
	}
}

// Close implements io.Closer.
func (in *input) Close() error {
	for _, f := range in.faultCounters {
		f.close()
	}
	return nil
}
