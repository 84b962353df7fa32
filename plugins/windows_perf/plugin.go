// Package windowsperf reports Windows' performance counters.
//
//   - config.go: the settings, and the names of the metrics. plugin.go: the input.
//   - processes.go: which process an instance is, because their names and numbers change.
package windowsperf

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/pdh"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = define(pdh.Open)

func define(open func() (pdh.Query, error)) plugins.Definition {
	return plugins.Poll("windows_perf", "performance counters of any object, in every language of Windows", defaults, func(e plugins.Env, c Config) (*input, error) {
		return build(e, c, open)
	}).On("windows").OnRequest().Doc(readme)
}

type input struct {
	config   Config
	log      *slog.Logger
	open     func() (pdh.Query, error)
	query    pdh.Query // nil: not open
	counters []*counter
	gathers  int // since the missing counters were looked for

	processIDs *counter // \Process(*)\ID Process; nil: no counter needs it
	processes  processTable
}

// counter is a configured counter.
type counter struct {
	path      string
	isProcess bool
	handle    pdh.Counter
	added     bool
	missing   bool // it was logged that this Windows does not have it
	series    *telemetry.Vec[instance, *telemetry.Series]
}

// instance identifies a series of a counter.
type instance struct {
	name string // "": the object has no instances
	pid  string // "": it is not a process
}

func build(env plugins.Env, c Config, open func() (pdh.Query, error)) (*input, error) {
	in := &input{config: c, log: env.Log, open: open}
	for _, configured := range c.counters() {
		p, err := pdh.ParsePath(configured.Path)
		if err != nil {
			return nil, err
		}
		one := newCounter(env.Factory, configured, p)
		in.counters = append(in.counters, one)
		if one.isProcess && in.processIDs == nil {
			in.processIDs = &counter{path: processIDPath}
		}
	}
	return in, nil
}

func newCounter(f *telemetry.Factory, c counterConfig, p pdh.Path) *counter {
	one := &counter{path: c.Path, isProcess: p.HasInstance && strings.EqualFold(p.Object, "Process")}
	if one.isProcess {
		f = f.Ephemeral(keepProcess)
	}
	name, unit, most := c.metricName(p), telemetry.None, math.MaxFloat64
	if strings.HasPrefix(p.Counter, "%") {
		unit, most = telemetry.Percent, maxPercent
	}
	one.series = telemetry.NewVec(f, func(f *telemetry.Factory, i instance) *telemetry.Series {
		var labels []telemetry.Label
		if i.name != "" {
			labels = append(labels, telemetry.Label{Key: "instance", Value: i.name})
		}
		if i.pid != "" {
			labels = append(labels, telemetry.Label{Key: "pid", Value: i.pid})
		}
		return f.Gauge(name, unit, labels...).Within(-most, most)
	})
	return one
}

// maxPercent is the time of ten thousand cores, in percent of one.
const maxPercent = 1e6

// Open implements plugins.Opener.
func (in *input) Open(context.Context) error {
	if in.query == nil { // else it is open, but had no counters
		q, err := in.open()
		if err != nil {
			return err
		}
		in.query = q
	}
	return in.addCounters()
}

// all returns the counters to read, with that of the processes' IDs first.
func (in *input) all() []*counter {
	if in.processIDs == nil {
		return in.counters
	}
	return append([]*counter{in.processIDs}, in.counters...)
}

// addCounters adds the counters that the query does not have. A counter that this Windows does not have is logged once. The error says that
// there is none at all.
func (in *input) addCounters() error {
	in.gathers = 0
	present := 0
	for _, c := range in.all() {
		if !c.added {
			handle, err := in.query.Add(c.path)
			if err != nil && !c.missing {
				c.missing = true
				in.log.Warn("a performance counter is left out", "counter", c.path, "because", err)
			}
			c.handle, c.added = handle, err == nil
		}
		if c.added && c != in.processIDs {
			present++
		}
	}
	if present == 0 {
		return fmt.Errorf("add %s: this Windows has none of the performance counters", in.counters[0].path)
	}
	return nil
}

// retryAfter is the number of gathers after which missing counters are looked for again: a program that brings them may have been installed.
const retryAfter = 60

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	if in.gathers++; in.gathers >= retryAfter {
		_ = in.addCounters() // what is missing has been logged
	}
	if err := in.query.Collect(); err != nil {
		return err
	}
	var errs []error
	if in.processIDs != nil && in.processIDs.added {
		ids, err := in.query.Values(in.processIDs.handle)
		errs = append(errs, readError(processIDPath, err))
		in.processes.update(ids)
	}
	for _, c := range in.counters {
		if !c.added {
			continue
		}
		values, err := in.query.Values(c.handle)
		if err != nil {
			errs = append(errs, readError(c.path, err))
			continue
		}
		for i, v := range values {
			in.addValue(out, c, i, v)
		}
		c.series.Sweep(out)
	}
	return errors.Join(errs...)
}

func readError(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read the performance counter %s: %w", path, err)
}

const maxInstance = 200

// addValue appends the value of a counter's instance, which is the i-th of its object.
func (in *input) addValue(out *telemetry.Batch, c *counter, i int, v pdh.Value) {
	id := instance{name: metric.LabelValue(v.Instance, maxInstance)}
	if c.isProcess {
		var ok bool
		if id, ok = in.processes.identify(i, v.Instance); !ok {
			return
		}
	}
	if id.name == "" || in.config.includesInstance(id.name) {
		series := *c.series.Get(id) // also without a value, so that the entity stays
		if v.Valid {
			out.Add(series, v.Value)
		}
	}
}

// Close implements io.Closer.
func (in *input) Close() error {
	if in.query == nil {
		return nil
	}
	return in.query.Close()
}
