// Package macosdisk reports the space of a Mac's file systems with the names of the Python rtcollector.
package macosdisk

import (
	"context"
	_ "embed"
	"errors"
	"io/fs"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("macos_disk", "space per mounted file system of a Mac, with the names of the Python rtcollector", func() Config { return Config{} }, build).
	On("darwin").InsteadOf("linux_disk").OnRequest().Doc(readme)

// Config selects the mounts that are reported. The keys are those of linux_disk.
type Config struct {
	ExcludeMounts match.List `yaml:"exclude_mounts"`
	IncludeMounts match.List `yaml:"include_mounts"`                // if not empty, only these
	ExcludeTypes  match.List `yaml:"exclude_types" conf:"ignored"`  // of linux_disk
	ExcludeDocker bool       `yaml:"exclude_docker" conf:"ignored"` // of linux_disk
}

// selectMounts returns one mount for each space, and all that are included.
func (c Config) selectMounts(all []sysinfo.Mount) []sysinfo.Mount {
	best := map[string]sysinfo.Mount{}
	for _, m := range all {
		space := m.SharedSpace()
		if b, ok := best[space]; c.accepts(m) && (!ok || m.IsBetterThan(b)) {
			best[space] = m
		}
	}
	var chosen []sysinfo.Mount
	for _, m := range all {
		if c.accepts(m) && (c.IncludeMounts.Match(m.Path) || best[m.SharedSpace()].Path == m.Path) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

func (c Config) accepts(m sysinfo.Mount) bool {
	isPseudo := m.FSType == "autofs" || m.FSType == "devfs"
	return !isPseudo && !c.ExcludeMounts.Match(m.Path) && (len(c.IncludeMounts) == 0 || c.IncludeMounts.Match(m.Path))
}

type input struct {
	config Config
	host   *sysinfo.Host
	series *telemetry.Vec[mountLabels, mountSeries]
}

// mountLabels identify the series of a mount.
type mountLabels struct{ device, path, fsType string }

type mountSeries struct {
	total, used, free, available *telemetry.Series
	percent, availablePercent    *telemetry.Series
}

func build(env plugins.Env, c Config) (*input, error) {
	return &input{c, env.Host, telemetry.NewVec(env.Factory, newMountSeries)}, nil
}

func newMountSeries(f *telemetry.Factory, l mountLabels) mountSeries {
	labels := []telemetry.Label{{Key: "device", Value: l.device}, {Key: "mountpoint", Value: l.path}, {Key: "fstype", Value: l.fsType}}
	return mountSeries{
		total:            f.Gauge("disk_total", telemetry.Bytes, labels...),
		used:             f.Gauge("disk_used", telemetry.Bytes, labels...),
		free:             f.Gauge("disk_free", telemetry.Bytes, labels...),
		available:        f.Gauge("disk_available", telemetry.Bytes, labels...),
		percent:          f.Gauge("disk_percent", telemetry.Percent, labels...),
		availablePercent: f.Gauge("disk_available_percent", telemetry.Percent, labels...),
	}
}

// Gather implements plugins.Gatherer. It asks for all file systems at once, so that one that hangs does not delay the others.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	all, err := in.host.Mounts(ctx)
	errs := []error{err}
	mounts := in.config.selectMounts(all)
	spaces, failures := make([]sysinfo.Space, len(mounts)), make([]error, len(mounts))
	var asking crew.Crew
	for i, m := range mounts {
		asking.Go(func() { spaces[i], failures[i] = in.host.Space(ctx, m.Path) })
	}
	asking.Wait()
	for i, m := range mounts {
		switch {
		case errors.Is(failures[i], fs.ErrNotExist): // unmounted meanwhile
		case failures[i] != nil:
			errs = append(errs, &fs.PathError{Op: "statfs", Path: m.Path, Err: failures[i]})
		case spaces[i].Total > 0:
			in.series.Get(mountLabels{m.Device, m.Path, m.FSType}).addSpace(out, spaces[i])
		}
	}
	if err = errors.Join(errs...); err == nil {
		in.series.Sweep(out)
	}
	return err
}

func (s *mountSeries) addSpace(out *telemetry.Batch, u sysinfo.Space) {
	out.Add(s.total, u.Total)
	if !telemetry.Bytes.Bounds(telemetry.Gauge).Contains(u.Total) {
		return
	}
	out.AddUpTo(s.used, u.Used, u.Total)
	out.AddUpTo(s.free, u.Free, u.Total)
	out.AddUpTo(s.available, u.Available, u.Total)
	out.Add(s.percent, 100*u.Used/u.Total)
	out.Add(s.availablePercent, 100*u.Available/u.Total)
}
