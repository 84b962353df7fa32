package bench

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// FleetOptions describe many agents that write to one Redis or to one cluster.
type FleetOptions struct {
	Redis    redisconn.Config
	Secrets  secret.Resolver // nil: the environment
	Agents   int             // each is a host with connections of its own
	Series   int             // per agent
	Interval time.Duration   // between two writes of an agent
	Rounds   int             // writes per agent for each spread
}

// FleetResult holds the measured values. Memory and CPU time are what INFO of the servers says; they are 0 if it does not say it.
type FleetResult struct {
	ConnectionsPerAgent float64       `json:"connections_per_agent"`
	ConnectionBytes     float64       `json:"bytes_per_connection"` // of the servers' memory
	SeriesPerSecond     float64       `json:"create_series_per_s"`
	SeriesBytes         float64       `json:"bytes_per_series"` // with its first sample
	SampleBytes         float64       `json:"bytes_per_sample"` // of the samples after the first one
	ServerMicros        float64       `json:"server_cpu_us_per_sample"`
	ShardSamples        []int         `json:"shard_samples_per_round"` // the busiest shard first
	Spreads             []FleetSpread `json:"spreads"`
}

// FleetSpread tells how long the agents' writes took when their work was spread over a time.
type FleetSpread struct {
	Over   time.Duration `json:"over_ns"`
	Median time.Duration `json:"p50_ns"` // from the instant at which the agent's write is due until everything is accepted
	P99    time.Duration `json:"p99_ns"`
	Max    time.Duration `json:"max_ns"`
	Late   int           `json:"late"` // writes that took longer than the interval
}

const (
	// fleetWorkers is how many agents connect or create series at the same time. A fleet that starts at once is not what is measured.
	fleetWorkers = 32

	// agentSpread is over what time the agents of different hosts spread their work; see agent/schedule.go.
	agentSpread = 50 * time.Millisecond
)

// fleet is the state of one measurement.
type fleet struct {
	options FleetOptions
	client  *redisconn.Client
	naming  tskey.Naming
	agents  []*fleetAgent
	now     int64 // time of the next sample, ms
}

// fleetAgent is what one agent has.
type fleetAgent struct {
	host   string
	writer *redistimeseries.Writer
	series []*telemetry.Series
}

// RunFleet measures a fleet. Keys are made and removed as by [Run].
func RunFleet(ctx context.Context, o FleetOptions, progress func(stage string, done, total int)) (result FleetResult, err error) {
	if o.Agents < 1 || o.Series < 1 || o.Rounds < 1 || o.Interval < time.Millisecond {
		return FleetResult{}, errors.New("measure a fleet: --agents, --series, --rounds and --interval must be positive")
	}
	client, err := redisconn.Open(ctx, o.Redis, o.Secrets)
	if err != nil {
		return FleetResult{}, err
	}
	f := &fleet{options: o, client: client, now: time.Now().UnixMilli(), naming: tskey.Naming{
		Format: tskey.Host, Prefix: fmt.Sprintf("rtcollector:bench:%08x:", rand.Uint32()),
	}}
	if client.Clustered {
		f.naming.Format = tskey.Tagged // an agent then writes to one shard
	}
	defer func() { err = errors.Join(err, f.cleanUp(ctx)) }()
	steps := []struct {
		name string
		run  func(context.Context, *FleetResult, func(done int)) error
	}{
		{"connect", f.connect}, {"create", f.create}, {"write", f.write},
	}
	for _, step := range steps {
		if err := step.run(ctx, &result, func(done int) { progress(step.name, done, o.Agents) }); err != nil {
			return FleetResult{}, client.Explain(ctx, err)
		}
	}
	return result, nil
}

// connect builds the agents and opens their connections.
func (f *fleet) connect(ctx context.Context, result *FleetResult, progress func(done int)) error {
	before, err := f.readServers(ctx)
	if err != nil {
		return err
	}
	for i := range f.options.Agents {
		a := &fleetAgent{host: fmt.Sprintf("bench-%06d", i)}
		config := redistimeseries.Defaults()
		config.Config, config.Retention, config.KeyPrefix, config.KeyFormat = f.options.Redis, retention, f.naming.Prefix, f.naming.Format
		env := outputs.Env{ID: "bench", Host: a.host, Log: slog.New(slog.DiscardHandler), Secrets: f.options.Secrets}
		if a.writer, err = redistimeseries.New(env, config); err != nil {
			return err
		}
		a.series = hostSeries(a.host, f.options.Series)
		f.agents = append(f.agents, a)
	}
	err = f.each(fleetWorkers, func(_ int, a *fleetAgent) error {
		if err := a.writer.Open(ctx); err != nil {
			return err
		}
		return a.writeOne(ctx, f.now) // the connection for samples is made when it is needed
	}, progress)
	if err != nil {
		return fmt.Errorf("connect %d agents with two connections each or more (see ulimit -n here, maxclients of the server): %w", f.options.Agents, err)
	}
	after, err := f.readServers(ctx)
	if err != nil {
		return err
	}
	connections := after.connections - before.connections
	result.ConnectionsPerAgent = connections / float64(f.options.Agents)
	if after.clientMemory > before.clientMemory {
		result.ConnectionBytes = (after.clientMemory - before.clientMemory) / max(connections, 1)
	}
	return nil
}

// hostSeries returns the series of a host: some metrics with an entity, half of them with whole numbers.
func hostSeries(host string, n int) (all []*telemetry.Series) {
	f := telemetry.NewFactory(host, "linux_net", map[string]string{"site": "north"})
	for i := range n {
		all = append(all, f.Gauge("bench_rx_bytes_rate", telemetry.Bytes.PerSecond(),
			telemetry.Label{Key: "iface", Value: "eth" + strconv.Itoa(i)}))
	}
	return all
}

// writeOne writes the first series, which also makes the agent known to the server.
func (a *fleetAgent) writeOne(ctx context.Context, now int64) error {
	b := telemetry.NewBatch(time.UnixMilli(now), time.Time{}, 1)
	b.Add(a.series[0], 1)
	return a.writer.WriteMetrics(ctx, []*telemetry.Batch{b})
}

func (a *fleetAgent) writeAll(ctx context.Context, now int64) error {
	b := telemetry.NewBatch(time.UnixMilli(now), time.Time{}, len(a.series))
	for i, s := range a.series {
		b.Add(s, syntheticValue(i, now))
	}
	return a.writer.WriteMetrics(ctx, []*telemetry.Batch{b})
}

// create writes the first sample of every series.
func (f *fleet) create(ctx context.Context, result *FleetResult, progress func(done int)) error {
	before, err := f.readServers(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	f.now += stepMillis
	if err := f.each(fleetWorkers, func(_ int, a *fleetAgent) error { return a.writeAll(ctx, f.now) }, progress); err != nil {
		return err
	}
	made := float64(f.options.Agents * (f.options.Series - 1)) // one was made by connect
	result.SeriesPerSecond = made / time.Since(began).Seconds()
	after, err := f.readServers(ctx)
	result.SeriesBytes = max(0, after.memory-before.memory) / max(made, 1)
	return err
}

// write lets all agents write every interval, with their work spread over nothing, over what the agent spreads it, and over the
// interval.
func (f *fleet) write(ctx context.Context, result *FleetResult, progress func(done int)) error {
	before, err := f.readServers(ctx)
	if err != nil {
		return err
	}
	spreads := []time.Duration{0, min(f.options.Interval/20, agentSpread), f.options.Interval}
	for i, over := range spreads {
		s, err := f.writeSpread(ctx, over)
		if err != nil {
			return err
		}
		result.Spreads = append(result.Spreads, s)
		progress((i + 1) * f.options.Agents / len(spreads))
	}
	after, err := f.readServers(ctx)
	if err != nil {
		return err
	}
	samples := float64(len(spreads) * f.options.Rounds * f.options.Agents * f.options.Series)
	result.ServerMicros = (after.cpu - before.cpu) * 1e6 / samples
	result.SampleBytes = max(0, after.memory-before.memory) / samples
	result.ShardSamples = f.samplesByShard(ctx)
	return nil
}

// writeSpread lets every agent write options.Rounds times. The time of an agent within the interval depends on its host name.
func (f *fleet) writeSpread(ctx context.Context, over time.Duration) (FleetSpread, error) {
	runtime.GC() // the garbage of the rounds before must not be collected now
	s := FleetSpread{Over: over}
	took := make([]time.Duration, len(f.agents)*f.options.Rounds)
	start := time.Now().Add(100 * time.Millisecond)
	begin := f.now + stepMillis
	f.now += int64(f.options.Rounds) * stepMillis
	err := f.each(len(f.agents), func(i int, a *fleetAgent) error {
		for round := range f.options.Rounds {
			due := start.Add(time.Duration(round)*f.options.Interval + phaseOf(a.host, over))
			if !pause.Sleep(ctx, time.Until(due)) {
				return ctx.Err()
			}
			if err := a.writeAll(ctx, begin+int64(round)*stepMillis); err != nil {
				return err
			}
			took[i*f.options.Rounds+round] = time.Since(due)
		}
		return nil
	}, func(int) {})
	if err != nil {
		return s, err
	}
	slices.Sort(took)
	s.Median, s.P99, s.Max = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	for _, d := range took {
		if d > f.options.Interval {
			s.Late++
		}
	}
	return s, nil
}

// phaseOf returns the time of a host within a spread.
func phaseOf(host string, over time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = io.WriteString(h, host)
	return time.Duration(float64(over) * float64(h.Sum32()) / (1 << 32))
}

// each calls work for every agent, at most n at the same time, and returns the first error.
func (f *fleet) each(n int, work func(i int, a *fleetAgent) error, progress func(done int)) error {
	var mu sync.Mutex
	var first error
	next, done := 0, 0
	var wg sync.WaitGroup
	for range min(n, len(f.agents)) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := first != nil || i >= len(f.agents)
				mu.Unlock()
				if stop {
					return
				}
				err := work(i, f.agents[i])
				mu.Lock()
				done++
				first = cmp.Or(first, err)
				progress(done)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return first
}

// serverState is what INFO says, added up over the servers.
type serverState struct {
	connections  float64
	memory       float64 // bytes
	clientMemory float64 // bytes
	cpu          float64 // seconds
}

func (f *fleet) readServers(ctx context.Context) (sum serverState, err error) {
	var mu sync.Mutex
	add := func(ctx context.Context, c *redis.Client) error {
		text, err := c.Info(ctx).Result()
		if err != nil {
			return err
		}
		info := readInfo(text)
		mu.Lock()
		defer mu.Unlock()
		sum.connections += info["connected_clients"]
		sum.memory += info["used_memory"]
		sum.clientMemory += info["mem_clients_normal"]
		sum.cpu += info["used_cpu_user"] + info["used_cpu_sys"]
		return nil
	}
	switch c := f.client.UniversalClient.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, add)
	case *redis.Client:
		err = add(ctx, c)
	}
	return sum, err
}

// readInfo returns the numbers in a reply to INFO.
func readInfo(text string) map[string]float64 {
	numbers := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			numbers[name] = v
		}
	}
	return numbers
}

// samplesByShard returns how many samples of a round go to each server.
func (f *fleet) samplesByShard(ctx context.Context) []int {
	shards := f.client.NewShards()
	defer shards.Close()
	counts := map[int]int{}
	for _, a := range f.agents {
		for _, s := range a.series {
			if shard, err := shards.Of(ctx, shards.Slot(f.naming.Key(s))); err == nil {
				counts[shard]++
			}
		}
	}
	var all []int
	for _, n := range counts {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b int) int { return b - a })
	return all
}

// cleanUp deletes all keys, even if ctx has ended, and closes the connections.
func (f *fleet) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	var mu sync.Mutex
	var failed error // one failure must not leave the keys of all others behind
	err := f.each(fleetWorkers, func(_ int, a *fleetAgent) error {
		if a.writer == nil {
			return nil
		}
		_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, s := range a.series {
				p.Unlink(ctx, f.naming.Key(s))
			}
			p.Unlink(ctx, f.naming.Liveness(a.host))
			p.Unlink(ctx, f.naming.Agent(a.host))
			return nil
		})
		err = errors.Join(err, a.writer.Close())
		mu.Lock()
		defer mu.Unlock()
		failed = cmp.Or(failed, err)
		return nil
	}, func(int) {})
	return errors.Join(f.client.Explain(ctx, cmp.Or(err, failed)), f.client.Close())
}
