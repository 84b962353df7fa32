// Package selfstats is the input "internal": what the agent counts about itself. (A folder called internal would be
// closed to other packages.)
package selfstats

import (
	"context"
	_ "embed"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("internal", "the agent itself: its inputs, outputs, memory and CPU time", func() Config { return Config{} }, build).
	Doc(readme)

// Config has no keys of its own.
type Config struct{}

type input struct {
	registry *selfstat.Registry
	process  *process
	agent    agent
	inputs   *telemetry.Vec[string, gatherer]
	outputs  *telemetry.Vec[string, writer]
}

// agent are the sums over all inputs and outputs.
type agent struct{ gathered, written, dropped, errors, timeouts *telemetry.Total }

// gatherer are the series of one input.
type gatherer struct {
	time                              *telemetry.Total
	samples, errors, timeouts, missed *telemetry.Series
}

// writer are the series of one output.
type writer struct {
	time, written, dropped         *telemetry.Total
	rejected, retries, size, limit *telemetry.Series
}

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	total := func(name string) *telemetry.Total { return f.Counter("internal_agent_"+name, telemetry.None) }
	return &input{
		registry: env.Self,
		process:  newProcess(f),
		agent: agent{
			gathered: total("metrics_gathered"),
			written:  total("metrics_written"),
			dropped:  total("metrics_dropped"),
			errors:   total("gather_errors"),
			timeouts: total("gather_timeouts"),
		},
		inputs:  telemetry.NewVec(func(id string) gatherer { return newGatherer(f, id) }),
		outputs: telemetry.NewVec(func(id string) writer { return newWriter(f, id) }),
	}, nil
}

func newGatherer(f *telemetry.Factory, id string) gatherer {
	label := telemetry.Label{Key: "input", Value: id}
	counter := func(name string) *telemetry.Series {
		return f.New("internal_gather_"+name, telemetry.Counter, telemetry.None, label)
	}
	return gatherer{
		time:     f.Counter("internal_gather_gather_time_ns", telemetry.Nanoseconds, label),
		samples:  counter("metrics_gathered"),
		errors:   counter("errors"),
		timeouts: counter("gather_timeouts"),
		missed:   counter("missed"),
	}
}

func newWriter(f *telemetry.Factory, id string) writer {
	label := telemetry.Label{Key: "output", Value: id}
	series := func(name string, k telemetry.Kind) *telemetry.Series {
		return f.New("internal_write_"+name, k, telemetry.None, label)
	}
	return writer{
		time:     f.Counter("internal_write_write_time_ns", telemetry.Nanoseconds, label),
		written:  f.Counter("internal_write_metrics_written", telemetry.None, label),
		dropped:  f.Counter("internal_write_metrics_dropped", telemetry.None, label),
		rejected: series("metrics_rejected", telemetry.Counter),
		retries:  series("retries", telemetry.Counter),
		size:     series("buffer_size", telemetry.Gauge),
		limit:    series("buffer_limit", telemetry.Gauge),
	}
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	err := in.process.add(out)
	var gathered, failed, timeouts, written, dropped int64
	for _, s := range in.registry.Inputs() {
		in.inputs.Get(s.ID).add(out, s)
		gathered += s.Samples.Load()
		failed += s.Errors.Load()
		timeouts += s.Timeouts.Load()
	}
	for _, s := range in.registry.Outputs() {
		in.outputs.Get(s.ID).add(out, s)
		written += s.Written.Load()
		dropped += s.Dropped.Load()
	}
	in.inputs.Sweep()
	in.outputs.Sweep()
	in.agent.gathered.Add(out, float64(gathered))
	in.agent.written.Add(out, float64(written))
	in.agent.dropped.Add(out, float64(dropped))
	in.agent.errors.Add(out, float64(failed))
	in.agent.timeouts.Add(out, float64(timeouts))
	return err
}

func (g *gatherer) add(out *telemetry.Batch, s *selfstat.Input) {
	g.time.Add(out, float64(s.GatherTime.Load()))
	out.Add(g.samples, float64(s.Samples.Load()))
	out.Add(g.errors, float64(s.Errors.Load()))
	out.Add(g.timeouts, float64(s.Timeouts.Load()))
	out.Add(g.missed, float64(s.Missed.Load()))
}

func (w *writer) add(out *telemetry.Batch, s *selfstat.Output) {
	w.time.Add(out, float64(s.WriteTime.Load()))
	w.written.Add(out, float64(s.Written.Load()))
	w.dropped.Add(out, float64(s.Dropped.Load()))
	out.Add(w.rejected, float64(s.Rejected.Load()))
	out.Add(w.retries, float64(s.Retries.Load()))
	out.Add(w.size, float64(s.Buffered.Load()))
	out.Add(w.limit, float64(s.Limit))
}
