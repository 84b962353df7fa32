// Package windowsdisk reports the space of a Windows host's drives, under the names of the Python rtcollector. plugin.go is the input;
// absent.go decides which drives are silently left out.
package windowsdisk

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("windows_disk", "space per drive, under the names of the Python rtcollector (Windows)", func() Config { return Config{} }, build).
	On("windows").OnRequest().Doc(readme)

// Config selects the drives.
type Config struct {
	IncludeMounts match.List `yaml:"include_mounts"` // if not empty, only these
	ExcludeMounts match.List `yaml:"exclude_mounts"`
}

func (c *Config) includes(mountpoint string) bool {
	return (len(c.IncludeMounts) == 0 || c.IncludeMounts.Match(mountpoint)) && !c.ExcludeMounts.Match(mountpoint)
}

type input struct {
	config  Config
	host    *sysinfo.Host
	log     *slog.Logger
	states  map[string]string // by path: why the drive was left out in the last gather; "": it was not
	listing string            // the last silent error of the list of drives
	drives  *telemetry.Vec[drive, driveSeries]
}

// drive identifies the series of a drive. Another medium in it may have another file system.
type drive struct{ device, mountpoint, fsType string }

type driveSeries struct{ total, used, free, percent *telemetry.Series }

func build(env plugins.Env, c Config) (*input, error) {
	if env.Host == nil || env.Host.Mounts == nil || env.Host.Space == nil {
		return nil, errors.ErrUnsupported
	}
	return &input{config: c, host: env.Host, log: env.Log, states: map[string]string{}, drives: telemetry.NewVec(env.Factory, newDriveSeries)}, nil
}

func newDriveSeries(f *telemetry.Factory, d drive) driveSeries {
	labels := metric.SortLabels([]telemetry.Label{{Key: "device", Value: d.device}, {Key: "mountpoint", Value: d.mountpoint}, {Key: "fstype", Value: d.fsType}})
	return driveSeries{
		total:   f.Gauge("windows_disk_total", telemetry.Bytes, labels...),
		used:    f.Gauge("windows_disk_used", telemetry.Bytes, labels...),
		free:    f.Gauge("windows_disk_free", telemetry.Bytes, labels...),
		percent: f.Gauge("windows_disk_percent", telemetry.Percent, labels...),
	}
}

// answer is what a drive says about its space.
type answer struct {
	space sysinfo.Space
	err   error
}

// Gather implements plugins.Gatherer. It asks all drives at once, so that one that does not answer delays no other.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	mounts, err := in.host.Mounts(ctx)
	errs := []error{in.silenceListing(err)}
	answers := make([]answer, len(mounts))
	var asking crew.Crew
	for i, m := range mounts {
		if in.config.includes(cleanPath(m.Path)) {
			asking.Go(func() { answers[i].space, answers[i].err = in.host.Space(ctx, m.Path) })
		}
	}
	asking.Wait()
	states := map[string]string{}
	for i, m := range mounts {
		a := answers[i]
		switch {
		case a.err != nil && isAbsent(m, a.err):
			states[m.Path] = a.err.Error()
		case a.err != nil:
			errs = append(errs, fmt.Errorf("read the space of drive %s: %w", m.Path, a.err))
		case a.space.Total > 0: // 0: excluded, or a drive without space
			states[m.Path] = ""
			in.drives.Get(driveOf(m)).addSpace(out, a.space)
		}
	}
	in.logChanges(states)
	if err = errors.Join(errs...); err == nil {
		in.drives.Sweep(out)
	}
	return err
}

// logChanges logs once when a drive is left out, and once when that changes.
func (in *input) logChanges(states map[string]string) {
	for path, reason := range states {
		switch reason {
		case in.states[path]:
		case "":
			in.log.Debug("a drive answers", "drive", path)
		default:
			in.log.Debug("a drive is left out", "drive", path, "because", reason)
		}
	}
	for path, reason := range in.states {
		if _, listed := states[path]; !listed && reason == "" {
			in.log.Debug("a drive has nothing any more", "drive", path)
		}
	}
	in.states = states
}

// silenceListing returns the error of the list of drives, unless it is only about drives without a medium or file system.
func (in *input) silenceListing(err error) error {
	reason := ""
	if err != nil {
		if !isOnlyAbsence(err) {
			return err
		}
		reason = err.Error()
	}
	if reason != in.listing && reason != "" {
		in.log.Debug("drives are left out", "because", reason)
	}
	in.listing = reason
	return nil
}

func (d *driveSeries) addSpace(out *telemetry.Batch, s sysinfo.Space) {
	out.Add(d.total, s.Total)
	out.AddUpTo(d.free, s.Free, s.Total)
	if s.Free <= s.Total {
		out.Add(d.used, s.Total-s.Free)
		out.Add(d.percent, 100*(s.Total-s.Free)/s.Total)
	}
}
