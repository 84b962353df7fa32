package kernel

import (
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// pressures are the files of /proc/pressure, one per resource. The directory is listed, because kernels differ in what
// they have, and asking for a file that is not there costs more than a list.
type pressures struct {
	dir       *hostfs.Dir
	resources *telemetry.Vec[string, resource]
}

type resource struct {
	file       *hostfs.File
	some, full stalls
}

// stalls are the series of one line: some tasks waited, or all of them did.
type stalls struct {
	averages [3]*telemetry.Series
	total    *telemetry.Total
}

func newPressures(env plugins.Env) *pressures {
	return &pressures{
		dir: env.FS.ProcDir("pressure"),
		resources: telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) resource {
			return resource{
				file: env.FS.ProcFile("pressure", name),
				some: newStalls(f, name, "some"),
				full: newStalls(f, name, "full"),
			}
		}),
	}
}

func newStalls(f *telemetry.Factory, name, kind string) stalls {
	labels := []telemetry.Label{{Key: "resource", Value: name}, {Key: "type", Value: kind}}
	return stalls{
		averages: [3]*telemetry.Series{
			f.Gauge("kernel_pressure_avg10", telemetry.Percent, labels...),
			f.Gauge("kernel_pressure_avg60", telemetry.Percent, labels...),
			f.Gauge("kernel_pressure_avg300", telemetry.Percent, labels...),
		},
		total: f.Counter("kernel_pressure_total", telemetry.Microseconds, labels...),
	}
}

// add says nothing where the kernel has no pressure, or was booted with psi=0: then the files are there, but reading them
// is not supported.
func (p *pressures) add(out *telemetry.Batch) error {
	names, err := p.dir.Names()
	if err != nil {
		return hostfs.UnlessMissing(err)
	}
	var errs error
	for _, name := range names {
		if err := telemetry.GetBytes(p.resources, name).add(out); err != nil {
			errs = errors.Join(errs, err)
		}
	}
	p.resources.Sweep(out)
	return errs
}

func (r *resource) add(out *telemetry.Batch) error {
	data, err := r.file.ReadOptional()
	if err != nil {
		return err
	}
	for len(data) > 0 {
		var line []byte
		line, data = scan.Line(data)
		kind, p, ok := parsePressure(line)
		switch {
		case !ok:
			return fmt.Errorf("parse %s: %.60q is no pressure", r.file.Path(), line)
		case string(kind) == "full":
			r.full.add(out, p)
		default:
			r.some.add(out, p)
		}
	}
	return nil
}

func (s *stalls) add(out *telemetry.Batch, p pressure) {
	for i, average := range s.averages {
		out.Add(average, p.averages[i])
	}
	s.total.Add(out, float64(p.total))
}
