// Package selfstats is the input "internal": what the agent counts about itself. (A folder called internal would be
// closed to other packages.)
package selfstats

import (
	"context"
	_ "embed"
	"time"

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
		inputs:  telemetry.NewVec(f, newGatherer),
		outputs: telemetry.NewVec(f, newWriter),
	}, nil
}

// Observes implements plugins.Observer.
func (in *input) Observes() {}

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
	in.inputs.Sweep(out)
	in.outputs.Sweep(out)
	in.agent.gathered.Add(out, float64(gathered))
	in.agent.written.Add(out, float64(written))
	in.agent.dropped.Add(out, float64(dropped))
	in.agent.errors.Add(out, float64(failed))
	in.agent.timeouts.Add(out, float64(timeouts))
	return err
}

// gatherer are the series of one input.
type gatherer struct {
	time                                      *telemetry.Total
	last, max, age                            *telemetry.Series
	samples, events, errors, timeouts, missed *telemetry.Series
	unclaimed, implausible                    *telemetry.Series
}

func newGatherer(f *telemetry.Factory, id string) gatherer {
	label := telemetry.Label{Key: "input", Value: id}
	counter := func(name string) *telemetry.Series {
		return f.New("internal_gather_"+name, telemetry.Counter, telemetry.None, label)
	}
	return gatherer{
		time:      f.Counter("internal_gather_gather_time_ns", telemetry.Nanoseconds, label),
		last:      f.Gauge("internal_gather_last_gather_time_ns", telemetry.Nanoseconds, label),
		max:       f.Gauge("internal_gather_max_gather_time_ns", telemetry.Nanoseconds, label),
		age:       f.Gauge("internal_gather_last_success_age", telemetry.Seconds, label),
		samples:   counter("metrics_gathered"),
		events:    counter("events_gathered"),
		unclaimed: counter("events_unclaimed"),

		implausible: counter("implausible"),
		errors:      counter("errors"),
		timeouts:    counter("gather_timeouts"),
		missed:      counter("missed"),
	}
}

func (g *gatherer) add(out *telemetry.Batch, s *selfstat.Input) {
	g.time.Add(out, float64(s.GatherTime.Load()))
	if slowest := s.MaxGather.Swap(0); slowest > 0 { // else nothing was gathered since we last looked
		out.Add(g.last, float64(s.LastGather.Load()))
		out.Add(g.max, float64(slowest))
	}
	out.Add(g.age, age(out, s.LastSuccess.Load()))
	out.Add(g.samples, float64(s.Samples.Load()))
	out.Add(g.events, float64(s.Events.Load()))
	if n := s.Unclaimed.Load(); n > 0 {
		out.Add(g.unclaimed, float64(n))
	}
	if n := s.Implausible.Load(); n > 0 {
		out.Add(g.implausible, float64(n))
	}
	out.Add(g.errors, float64(s.Errors.Load()))
	out.Add(g.timeouts, float64(s.Timeouts.Load()))
	out.Add(g.missed, float64(s.Missed.Load()))
}

// age is how many seconds before the gather something happened; 0 if the clock was set back since.
func age(out *telemetry.Batch, unixNano int64) float64 {
	return max(0, out.At.Sub(time.Unix(0, unixNano)).Seconds())
}

// writer are the series of one output.
type writer struct {
	time, written, dropped                      *telemetry.Total
	rejected, retries, writes, size, limit, age *telemetry.Series
	gone                                        *telemetry.Series
	events, eventBytes, eventLimit              *telemetry.Series
	wait                                        *telemetry.Total
	reasons                                     *telemetry.Vec[string, *telemetry.Series]
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
		writes:   series("writes", telemetry.Counter),
		gone:     series("series_gone", telemetry.Counter),
		size:     series("buffer_size", telemetry.Gauge),
		limit:    series("buffer_limit", telemetry.Gauge),
		age:      f.Gauge("internal_write_last_success_age", telemetry.Seconds, label),

		events:     series("event_buffer_size", telemetry.Gauge),
		eventBytes: f.Gauge("internal_write_event_buffer_bytes", telemetry.Bytes, label),
		eventLimit: f.Gauge("internal_write_event_buffer_limit_bytes", telemetry.Bytes, label),
		wait:       f.Counter("internal_write_event_wait_time_ns", telemetry.Nanoseconds, label),
		reasons: telemetry.NewVec(f, func(f *telemetry.Factory, reason string) *telemetry.Series {
			return f.New("internal_write_rejected", telemetry.Counter, telemetry.None, label, telemetry.Label{Key: "reason", Value: reason})
		}),
	}
}

func (w *writer) add(out *telemetry.Batch, s *selfstat.Output) {
	w.time.Add(out, float64(s.WriteTime.Load()))
	w.written.Add(out, float64(s.Written.Load()))
	w.dropped.Add(out, float64(s.Dropped.Load()))
	out.Add(w.rejected, float64(s.Rejected.Load()))
	s.EachReason(func(reason string, n int64) { out.Add(*w.reasons.Get(reason), float64(n)) })
	out.Add(w.retries, float64(s.Retries.Load()))
	out.Add(w.writes, float64(s.Writes.Load()))
	if gone, ok := s.SeriesGone(); ok {
		out.Add(w.gone, float64(gone))
	}
	if limit := s.Samples.Limit.Load(); limit > 0 {
		out.Add(w.size, float64(s.Samples.Size.Load()))
		out.Add(w.limit, float64(limit))
	}
	if limit := s.Events.Limit.Load(); limit > 0 {
		out.Add(w.events, float64(s.Events.Count.Load()))
		out.Add(w.eventBytes, float64(s.Events.Size.Load()))
		out.Add(w.eventLimit, float64(limit))
		w.wait.Add(out, float64(s.WaitTime.Load()))
	}
	out.Add(w.age, age(out, s.LastSuccess.Load()))
}
