package kernel

import (
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// pressureDir reads the files of /proc/pressure, one per resource. It lists the directory because kernels differ in
// their files, and trying to open a missing file costs more than a listing.
type pressureDir struct {
	dir       *hostfs.Dir
	resources *telemetry.Vec[string, pressureResource]
}

// pressureResource is one file and the series of its two lines.
type pressureResource struct {
	file       *hostfs.File
	some, full stallSeries
}

// stallSeries are the series of one line. The line describes the time in which some tasks waited, or all of them.
type stallSeries struct {
	averages [3]*telemetry.Series
	total    *telemetry.Total
}

func newPressureDir(env plugins.Env) *pressureDir {
	return &pressureDir{
		dir: env.FS.ProcDir("pressure"),
		resources: telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) pressureResource {
			return pressureResource{
				file: env.FS.ProcFile("pressure", name),
				some: newStallSeries(f, name, "some"),
				full: newStallSeries(f, name, "full"),
			}
		}),
	}
}

func newStallSeries(f *telemetry.Factory, name, kind string) stallSeries {
	labels := []telemetry.Label{{Key: "resource", Value: name}, {Key: "type", Value: kind}}
	return stallSeries{
		averages: [3]*telemetry.Series{
			f.Gauge("kernel_pressure_avg10", telemetry.Percent, labels...),
			f.Gauge("kernel_pressure_avg60", telemetry.Percent, labels...),
			f.Gauge("kernel_pressure_avg300", telemetry.Percent, labels...),
		},
		total: f.Counter("kernel_pressure_total", telemetry.Microseconds, labels...),
	}
}

// addSamples reads all files. It reports no error for a kernel without pressure, or one that was booted with psi=0:
// there the files exist, but reading them is not supported.
func (p *pressureDir) addSamples(out *telemetry.Batch) error {
	names, err := p.dir.Names()
	if err != nil {
		return hostfs.IgnoreMissing(err)
	}
	var errs error
	for _, name := range names {
		if err := telemetry.GetBytes(p.resources, name).addSamples(out); err != nil {
			errs = errors.Join(errs, err)
		}
	}
	p.resources.Sweep(out)
	return errs
}

func (r *pressureResource) addSamples(out *telemetry.Batch) error {
	data, err := r.file.ReadOptional()
	if err != nil {
		return err
	}
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		kind, p, ok := parsePressure(line)
		switch {
		case !ok:
			return fmt.Errorf("parse %s: %.60q is not a pressure line", r.file.Path(), line)
		case string(kind) == "full":
			r.full.addSamples(out, p)
		default:
			r.some.addSamples(out, p)
		}
	}
	return nil
}

func (s *stallSeries) addSamples(out *telemetry.Batch, p pressureLine) {
	for i, average := range s.averages {
		out.Add(average, p.averages[i])
	}
	s.total.Add(out, float64(p.total))
}
