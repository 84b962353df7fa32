// Package bench measures how fast this agent writes to a Redis, compared with the limit of the same server.
//
//   - bench.go: [Run], which alternates rounds through the agent's output with raw rounds.
//   - raw.go: raw rounds, which send commands encoded beforehand.
//   - cpu_*.go: the CPU time of this process.
package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// Options holds the server and the size of the measurement.
type Options struct {
	Redis   redisconn.Config
	Secrets secret.Resolver // nil: the environment
	Series  int             // distinct series, 6 labels each
	Samples int             // samples to write through the agent; about as many are written in raw rounds
}

// Result holds the measured values. Rates are medians of rounds that alternate between the agent and the raw protocol, so that
// other load on the machine affects both equally.
type Result struct {
	SamplesPerSecond        float64 `json:"samples_per_s"`         // through the agent's output
	CeilingSamplesPerSecond float64 `json:"ceiling_samples_per_s"` // TS.MADD encoded beforehand, on one connection
	Ratio                   float64 `json:"ratio"`                 // SamplesPerSecond / CeilingSamplesPerSecond
	CPUMicrosPerSample      float64 `json:"cpu_us_per_sample"`     // user and system time of this process; 0 if unknown
	CreateSeriesPerSecond   float64 `json:"create_series_per_s"`   // including the first sample
	CreateCeilingPerSecond  float64 `json:"create_ceiling_series_per_s"`
	AllocsPerSample         float64 `json:"allocs_per_sample"`
}

const (
	roundSamples    = 200_000 // long enough for a steady rate, short enough to interleave
	minRounds       = 5
	createRounds    = 3
	samplesPerWrite = 50_000  // the most that the agent writes at once
	retention       = 60_000  // ms; short, in case the series cannot be deleted
	host            = "bench" // label of the series
	cleanupTime     = time.Minute
	stepMillis      = 1000 // between two samples of a series
)

// benchRun is the state of one measurement.
type benchRun struct {
	options Options
	client  *redisconn.Client
	writer  *redistimeseries.Writer
	naming  tskey.Naming
	series  []*telemetry.Series
	now     int64 // time of the next sample, ms
	pending []*telemetry.Batch
	used    usage
}

// Run measures a server. It writes below its own key prefix, "rtcollector:bench:<random>:", and deletes those keys at the end, also
// if ctx ends. Progress, if not nil, is called as each stage advances.
func Run(ctx context.Context, o Options, progress func(stage string, done, total int)) (_ Result, err error) {
	if o.Series < 1 || o.Samples < 1 {
		return Result{}, errors.New("measure redis: --series and --samples must be at least 1")
	}
	if progress == nil {
		progress = func(string, int, int) {}
	}
	r, err := newRunner(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.cleanUp(ctx)) }()
	result := Result{}
	if err = r.measureCreation(ctx, &result, progress); err != nil {
		return Result{}, err
	}
	return result, r.measureWriting(ctx, &result, progress)
}

func newRunner(ctx context.Context, o Options) (*benchRun, error) {
	prefix := fmt.Sprintf("rtcollector:bench:%08x:", rand.Uint32())
	config := redistimeseries.Defaults()
	config.Config, config.Retention, config.KeyPrefix = o.Redis, retention, prefix
	env := outputs.Env{ID: "bench", Host: host, Log: slog.New(slog.DiscardHandler), Secrets: o.Secrets}
	w, err := redistimeseries.New(env, config)
	if err != nil {
		return nil, err
	}
	if err := w.Open(ctx); err != nil {
		return nil, err
	}
	client, err := redisconn.Open(ctx, o.Redis, o.Secrets)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	r := &benchRun{
		options: o, client: client, writer: w, now: time.Now().UnixMilli(),
		naming: tskey.Naming{Format: config.KeyFormat, Prefix: prefix},
	}
	return r, nil
}

// newSeries returns options.Series series that do not exist on the server. Each round has its own.
func (r *benchRun) newSeries(round int) []*telemetry.Series {
	f := telemetry.NewFactory(host, "bench", nil)
	metric := fmt.Sprintf("bench%d", round)
	var all []*telemetry.Series
	for i := range r.options.Series {
		all = append(all, f.Gauge(metric, telemetry.Bytes,
			telemetry.Label{Key: "group", Value: strconv.Itoa(i % 100)}, telemetry.Label{Key: "item", Value: strconv.Itoa(i)}))
	}
	return all
}

// syntheticValue returns a value like that of a real metric: half of the series have whole numbers.
func syntheticValue(series int, ms int64) float64 {
	v := float64(ms/stepMillis%100_000) + float64(series%1000)
	if series%2 == 0 {
		return v
	}
	return v + 0.25
}

// measureCreation alternates between creating series through the agent and with raw commands. The series of the last round remain;
// measureWriting writes to them.
func (r *benchRun) measureCreation(ctx context.Context, result *Result, progress func(string, int, int)) error {
	raw := &rawWriter{pipe: r.client.NewPipe()}
	defer raw.pipe.Close()
	var agent, ceiling []float64
	for round := range createRounds {
		if err := r.deleteSeries(ctx, r.series); err != nil {
			return err
		}
		r.series = r.newSeries(round)
		begin := time.Now()
		if err := r.writeThroughAgent(ctx, 1); err != nil {
			return err
		}
		agent = append(agent, float64(len(r.series))/time.Since(begin).Seconds())
		seconds, err := r.timeRawCreation(ctx, raw, r.newSeries(createRounds+round))
		if err != nil {
			return r.client.Explain(ctx, err)
		}
		ceiling = append(ceiling, float64(len(r.series))/seconds)
		progress("create", round+1, createRounds)
	}
	result.CreateSeriesPerSecond, result.CreateCeilingPerSecond = median(agent), median(ceiling)
	return nil
}

// timeRawCreation creates series with commands encoded beforehand, deletes them, and returns how many seconds the creation took.
func (r *benchRun) timeRawCreation(ctx context.Context, raw *rawWriter, series []*telemetry.Series) (seconds float64, err error) {
	raw.reset()
	for _, s := range series {
		args := []string{"TS.CREATE", r.naming.Key(s), "RETENTION", strconv.Itoa(retention), "DUPLICATE_POLICY", "LAST", "LABELS"}
		for _, l := range tskey.Labels(s) {
			args = append(args, l.Key, l.Value)
		}
		raw.addCommand(args)
	}
	raw.finish()
	defer func() { err = errors.Join(err, r.deleteSeries(context.WithoutCancel(ctx), series)) }() // also when interrupted
	begin := time.Now()
	if err := raw.send(ctx); err != nil {
		return 0, err
	}
	return time.Since(begin).Seconds(), nil
}

// measureWriting alternates between writing through the agent and with raw commands.
func (r *benchRun) measureWriting(ctx context.Context, result *Result, progress func(string, int, int)) error {
	raw := &rawWriter{pipe: r.client.NewPipe()}
	defer raw.pipe.Close()
	rounds := max(minRounds, r.options.Samples/roundSamples)
	ticks := max(1, r.options.Samples/rounds/len(r.series))
	perRound := ticks * len(r.series)
	var agent, ceiling []float64
	for i := -1; i < rounds; i++ { // the first one only warms up
		a, err := r.timeAgentRound(ctx, ticks, i >= 0)
		if err != nil {
			return err
		}
		c, err := r.timeRawRound(ctx, raw, ticks)
		if err != nil {
			return r.client.Explain(ctx, err)
		}
		if i >= 0 {
			agent, ceiling = append(agent, float64(perRound)/a), append(ceiling, float64(perRound)/c)
			progress("write", (i+1)*perRound, rounds*perRound)
		}
	}
	total := float64(rounds * perRound)
	result.SamplesPerSecond, result.CeilingSamplesPerSecond = median(agent), median(ceiling)
	result.Ratio = result.SamplesPerSecond / result.CeilingSamplesPerSecond
	result.CPUMicrosPerSample = float64(r.used.cpu.Nanoseconds()) / 1000 / total
	result.AllocsPerSample = float64(r.used.allocs) / total
	return nil
}

// usage is what rounds through the agent cost this process.
type usage struct {
	cpu    time.Duration
	allocs uint64
}

func readUsage() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{cpu: cpuTime(), allocs: m.Mallocs}
}

// timeAgentRound writes through the output and returns how many seconds it took.
func (r *benchRun) timeAgentRound(ctx context.Context, ticks int, counted bool) (float64, error) {
	runtime.GC() // otherwise the garbage of the raw round is collected during the measurement
	before := readUsage()
	begin := time.Now()
	if err := r.writeThroughAgent(ctx, ticks); err != nil {
		return 0, err
	}
	seconds := time.Since(begin).Seconds()
	if after := readUsage(); counted {
		r.used.cpu += after.cpu - before.cpu
		r.used.allocs += after.allocs - before.allocs
	}
	return seconds, nil
}

// writeThroughAgent fills batches and hands them to the output, as the agent does.
func (r *benchRun) writeThroughAgent(ctx context.Context, ticks int) error {
	r.pending = r.pending[:0]
	held := 0
	for tick := range ticks {
		b := telemetry.NewBatch(time.UnixMilli(r.now), time.Time{}, len(r.series))
		for i, s := range r.series {
			b.Add(s, syntheticValue(i, r.now))
		}
		r.now += stepMillis
		r.pending = append(r.pending, b)
		if held += b.Len(); held < samplesPerWrite && tick+1 < ticks {
			continue
		}
		if err := r.writer.WriteMetrics(ctx, r.pending); err != nil {
			return err
		}
		clear(r.pending)
		r.pending, held = r.pending[:0], 0
	}
	return nil
}

func (r *benchRun) timeRawRound(ctx context.Context, raw *rawWriter, ticks int) (float64, error) {
	raw.reset()
	for range ticks {
		for i, s := range r.series {
			raw.addSample(r.naming.Key(s), r.now, syntheticValue(i, r.now))
		}
		r.now += stepMillis
	}
	raw.finish()
	runtime.GC() // otherwise the garbage of the encoding is collected during the measurement
	begin := time.Now()
	if err := raw.send(ctx); err != nil {
		return 0, err
	}
	return time.Since(begin).Seconds(), nil
}

// cleanUp deletes all remaining keys, even if ctx has ended.
func (r *benchRun) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	err := r.deleteSeries(ctx, r.series)
	if livenessErr := r.client.Unlink(ctx, r.naming.Liveness(host)).Err(); err == nil {
		err = livenessErr
	}
	return errors.Join(err, r.writer.Close(), r.client.Close())
}

func (r *benchRun) deleteSeries(ctx context.Context, series []*telemetry.Series) error {
	for part := range slices.Chunk(series, 500) {
		var keys []string
		for _, s := range part {
			keys = append(keys, r.naming.Key(s))
		}
		if err := r.client.Unlink(ctx, keys...).Err(); err != nil {
			return r.client.Explain(ctx, fmt.Errorf("delete keys %s*: %w", r.naming.Prefix, err))
		}
	}
	return nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
