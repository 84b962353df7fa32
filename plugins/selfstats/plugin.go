// Package selfstats is the input "internal": the agent's own statistics. (Other packages could not import a folder
// called internal.) plugin.go reports the agent, its inputs and its outputs; process.go reports the process.
package selfstats

import (
	"context"
	_ "embed"
	"time"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("internal", "the agent itself: its inputs, outputs, memory and CPU time", func() Config { return Config{} }, build).
	Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	registry *selfstat.Registry
	process  *processSeries
	agent    agentSeries
	inputs   *telemetry.Vec[string, inputSeries]
	outputs  *telemetry.Vec[string, outputSeries]
}

// agentSeries are the sums over all inputs and outputs.
type agentSeries struct{ gathered, written, dropped, errors, timeouts *telemetry.Total }

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	total := func(name string) *telemetry.Total { return f.Counter("internal_agent_"+name, telemetry.None) }
	return &input{
		registry: env.Self,
		process:  newProcessSeries(f),
		agent: agentSeries{
			gathered: total("metrics_gathered"),
			written:  total("metrics_written"),
			dropped:  total("metrics_dropped"),
			errors:   total("gather_errors"),
			timeouts: total("gather_timeouts"),
		},
		inputs:  telemetry.NewVec(f, newInputSeries),
		outputs: telemetry.NewVec(f, newOutputSeries),
	}, nil
}

// Observes implements plugins.Observer.
func (in *input) Observes() {}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	err := in.process.addSamples(out)
	var gathered, failed, timeouts, written, dropped int64
	for _, s := range in.registry.Inputs() {
		in.inputs.Get(s.ID).addSamples(out, s)
		gathered += s.Samples.Load()
		failed += s.Errors.Load()
		timeouts += s.Timeouts.Load()
	}
	for _, s := range in.registry.Outputs() {
		in.outputs.Get(s.ID).addSamples(out, s)
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

// inputSeries are the series of one input.
type inputSeries struct {
	gatherTime                                *telemetry.Total
	lastGatherTime, maxGatherTime, successAge *telemetry.Series
	healthy                                   *telemetry.Series
	samples, events, errors, timeouts, missed *telemetry.Series
	unclaimed, implausible, refused           *telemetry.Series
}

func newInputSeries(f *telemetry.Factory, id string) inputSeries {
	label := telemetry.Label{Key: "input", Value: id}
	counter := func(name string) *telemetry.Series {
		return f.New("internal_gather_"+name, telemetry.Counter, telemetry.None, label)
	}
	return inputSeries{
		gatherTime:     f.Counter("internal_gather_gather_time_ns", telemetry.Nanoseconds, label),
		lastGatherTime: f.Gauge("internal_gather_last_gather_time_ns", telemetry.Nanoseconds, label),
		maxGatherTime:  f.Gauge("internal_gather_max_gather_time_ns", telemetry.Nanoseconds, label),
		successAge:     f.Gauge("internal_gather_last_success_age", telemetry.Seconds, label),
		healthy:        f.Gauge("internal_input_healthy", telemetry.None, label),
		samples:        counter("metrics_gathered"),
		events:         counter("events_gathered"),
		unclaimed:      counter("events_unclaimed"),

		implausible: counter("implausible"),
		refused:     counter("entities_refused"),
		errors:      counter("errors"),
		timeouts:    counter("gather_timeouts"),
		missed:      counter("missed"),
	}
}

func (i *inputSeries) addSamples(out *telemetry.Batch, s *selfstat.Input) {
	i.gatherTime.Add(out, float64(s.GatherTime.Load()))
	if slowest := s.MaxGather.Swap(0); slowest > 0 { // 0: no gather since the last report
		out.Add(i.lastGatherTime, float64(s.LastGather.Load()))
		out.Add(i.maxGatherTime, float64(slowest))
	}
	out.Add(i.successAge, secondsSince(out, s.LastSuccess.Load()))
	out.Add(i.healthy, metric.Bool(!s.Condition.IsFailing()))
	out.Add(i.samples, float64(s.Samples.Load()))
	out.Add(i.events, float64(s.Events.Load()))
	if n := s.Unclaimed.Load(); n > 0 {
		out.Add(i.unclaimed, float64(n))
	}
	if n := s.Implausible.Load(); n > 0 {
		out.Add(i.implausible, float64(n))
	}
	if n := s.Refused.Load(); n > 0 {
		out.Add(i.refused, float64(n))
	}
	out.Add(i.errors, float64(s.Errors.Load()))
	out.Add(i.timeouts, float64(s.Timeouts.Load()))
	out.Add(i.missed, float64(s.Missed.Load()))
}

// secondsSince returns the seconds from an instant to the gather, or 0 if the clock was set back since.
func secondsSince(out *telemetry.Batch, unixNano int64) float64 {
	return max(0, out.Began.Sub(time.Unix(0, unixNano)).Seconds())
}

// outputSeries are the series of one output.
type outputSeries struct {
	writeTime, written, dropped                                    *telemetry.Total
	rejected, retries, writes, bufferSize, bufferLimit, successAge *telemetry.Series
	seriesGone, healthy                                            *telemetry.Series
	eventCount, eventBytes, eventLimit                             *telemetry.Series
	waitTime                                                       *telemetry.Total
	rejectedByReason                                               *telemetry.Vec[string, *telemetry.Series]
	disk                                                           diskSeries
}

// diskSeries are the series of an output's queues on the disk.
type diskSeries struct {
	bytes, limit, samples, events, corrupt *telemetry.Series
	appended, replayed, dropped            *telemetry.Series
}

func newDiskSeries(f *telemetry.Factory, label telemetry.Label) diskSeries {
	series := func(name string, k telemetry.Kind, u telemetry.Unit) *telemetry.Series {
		return f.New("internal_write_disk_"+name, k, u, label)
	}
	return diskSeries{
		bytes:    series("bytes", telemetry.Gauge, telemetry.Bytes),
		limit:    series("limit_bytes", telemetry.Gauge, telemetry.Bytes),
		samples:  series("samples", telemetry.Gauge, telemetry.None),
		events:   series("events", telemetry.Gauge, telemetry.None),
		appended: series("appended", telemetry.Counter, telemetry.None),
		replayed: series("replayed", telemetry.Counter, telemetry.None),
		dropped:  series("dropped", telemetry.Counter, telemetry.None),
		corrupt:  series("corrupt_files", telemetry.Counter, telemetry.None),
	}
}

func (d *diskSeries) addSamples(out *telemetry.Batch, s *selfstat.Output) {
	limit := s.DiskLimit.Load()
	if limit == 0 {
		return
	}
	both := func(series *telemetry.Series, of func(*selfstat.Disk) int64) {
		out.Add(series, float64(of(&s.SampleDisk)+of(&s.EventDisk)))
	}
	out.Add(d.limit, float64(limit))
	both(d.bytes, func(d *selfstat.Disk) int64 { return d.Bytes.Load() })
	if s.Samples.Limit.Load() > 0 {
		out.Add(d.samples, float64(s.SampleDisk.Count.Load()))
	}
	if s.Events.Limit.Load() > 0 {
		out.Add(d.events, float64(s.EventDisk.Count.Load()))
	}
	both(d.appended, func(d *selfstat.Disk) int64 { return d.Appended.Load() })
	both(d.replayed, func(d *selfstat.Disk) int64 { return d.Replayed.Load() })
	both(d.dropped, func(d *selfstat.Disk) int64 { return d.Dropped.Load() })
	both(d.corrupt, func(d *selfstat.Disk) int64 { return d.Corrupt.Load() })
}

func newOutputSeries(f *telemetry.Factory, id string) outputSeries {
	label := telemetry.Label{Key: "output", Value: id}
	series := func(name string, k telemetry.Kind) *telemetry.Series {
		return f.New("internal_write_"+name, k, telemetry.None, label)
	}
	return outputSeries{
		disk:        newDiskSeries(f, label),
		writeTime:   f.Counter("internal_write_write_time_ns", telemetry.Nanoseconds, label),
		written:     f.Counter("internal_write_metrics_written", telemetry.None, label),
		dropped:     f.Counter("internal_write_metrics_dropped", telemetry.None, label),
		rejected:    series("metrics_rejected", telemetry.Counter),
		retries:     series("retries", telemetry.Counter),
		writes:      series("writes", telemetry.Counter),
		seriesGone:  series("series_gone", telemetry.Counter),
		bufferSize:  series("buffer_size", telemetry.Gauge),
		bufferLimit: series("buffer_limit", telemetry.Gauge),
		successAge:  f.Gauge("internal_write_last_success_age", telemetry.Seconds, label),
		healthy:     f.Gauge("internal_output_healthy", telemetry.None, label),

		eventCount: series("event_buffer_size", telemetry.Gauge),
		eventBytes: f.Gauge("internal_write_event_buffer_bytes", telemetry.Bytes, label),
		eventLimit: f.Gauge("internal_write_event_buffer_limit_bytes", telemetry.Bytes, label),
		waitTime:   f.Counter("internal_write_event_wait_time_ns", telemetry.Nanoseconds, label),
		rejectedByReason: telemetry.NewVec(f, func(f *telemetry.Factory, reason string) *telemetry.Series {
			return f.New("internal_write_rejected", telemetry.Counter, telemetry.None, label, telemetry.Label{Key: "reason", Value: reason})
		}),
	}
}

func (o *outputSeries) addSamples(out *telemetry.Batch, s *selfstat.Output) {
	o.writeTime.Add(out, float64(s.WriteTime.Load()))
	o.written.Add(out, float64(s.Written.Load()))
	o.dropped.Add(out, float64(s.Dropped.Load()))
	out.Add(o.rejected, float64(s.Rejected.Load()))
	s.EachReason(func(reason string, n int64) { out.Add(*o.rejectedByReason.Get(reason), float64(n)) })
	out.Add(o.retries, float64(s.Retries.Load()))
	out.Add(o.writes, float64(s.Writes.Load()))
	if gone, ok := s.SeriesGone(); ok {
		out.Add(o.seriesGone, float64(gone))
	}
	if limit := s.Samples.Limit.Load(); limit > 0 {
		out.Add(o.bufferSize, float64(s.Samples.Size.Load()))
		out.Add(o.bufferLimit, float64(limit))
	}
	if limit := s.Events.Limit.Load(); limit > 0 {
		out.Add(o.eventCount, float64(s.Events.Count.Load()))
		out.Add(o.eventBytes, float64(s.Events.Size.Load()))
		out.Add(o.eventLimit, float64(limit))
		o.waitTime.Add(out, float64(s.WaitTime.Load()))
	}
	o.disk.addSamples(out, s)
	out.Add(o.successAge, secondsSince(out, s.LastSuccess.Load()))
	out.Add(o.healthy, metric.Bool(!s.Condition.IsFailing()))
}
