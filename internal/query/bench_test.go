package query

import (
	"context"
	"fmt"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// benchStart is when the samples of benchmarks begin.
var benchStart = time.Unix(1750003200, 0)

// openBench returns a client of the embedded server, or of RTC_TEST_REDIS, which it empties.
func openBench(b *testing.B) *redisconn.Client {
	b.Helper()
	url := os.Getenv("RTC_TEST_REDIS")
	if url == "" {
		return querytest.Open(b)
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		b.Fatal(err)
	}
	config := redisconn.Defaults()
	if _, err := fmt.Sscanf(options.Addr, "127.0.0.1:%d", &config.Port); err != nil {
		b.Fatal(err)
	}
	config.Host = "127.0.0.1"
	client, err := redisconn.Open(b.Context(), config.ForSearches(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	if err := client.FlushAll(b.Context()).Err(); err != nil {
		b.Fatal(err)
	}
	return client
}

// counters returns a day of samples every 10 s of a counter on 50 hosts.
func counters() (all []querytest.Sample) {
	for host := range 50 {
		l := labels.FromStrings("__name__", "net_rx_bytes", "host", fmt.Sprintf("host-%02d", host), "iface", "eth0", "unit", "bytes")
		v := 0.0
		for s := range 8640 {
			v += float64((s*7919+host)%10_000) * 100
			all = append(all, querytest.Sample{Labels: l, Time: benchStart.UnixMilli() + int64(s)*10_000 + int64(host)*37, Value: v})
		}
	}
	return all
}

// memory holds what a query has read, and gives it to the same query again.
type memory struct {
	storage.Queryable
	mu    sync.Mutex
	known map[string][]*series
}

func (m *memory) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := m.Queryable.Querier(mint, maxt)
	return memoryQuerier{q, m}, err
}

type memoryQuerier struct {
	storage.Querier
	memory *memory
}

func (q memoryQuerier) Select(ctx context.Context, s bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	q.memory.mu.Lock()
	defer q.memory.mu.Unlock()
	key := fmt.Sprint(matchers)
	if all, ok := q.memory.known[key]; ok {
		done := make(chan struct{})
		close(done)
		return &seriesSet{pending: &selection{done: done, series: all}}
	}
	set := q.Querier.Select(ctx, s, hints, matchers...).(*seriesSet)
	<-set.pending.done
	q.memory.known[key] = set.pending.series
	return set
}

// evaluate evaluates a range query on any storage with the engine's settings.
func (e *Engine) evaluate(b *testing.B, q storage.Queryable, expr string, start, end time.Time, step time.Duration) {
	b.Helper()
	query, err := e.engine.NewRangeQuery(b.Context(), q, promql.NewPrometheusQueryOpts(false, e.limits.Lookback, nil), expr, start, end, step)
	if err != nil {
		b.Fatal(err)
	}
	defer query.Close()
	if r := query.Exec(b.Context()); r.Err != nil || len(r.Value.(promql.Matrix)) == 0 {
		b.Fatal(r.Err, r.Value)
	}
}

// readRange evaluates a range query.
func (e *Engine) readRange(b *testing.B, expr string, start, end time.Time, step time.Duration) {
	b.Helper()
	r, err := e.Range(b.Context(), expr, start, end, step, Params{})
	if err != nil {
		b.Fatal(err)
	}
	if len(r.Value.(promql.Matrix)) == 0 {
		b.Fatal("no result")
	}
	r.Close()
}

// rawReplies reads the replies to TS.MRANGE without using them.
func rawReplies(b *testing.B, shards *redisconn.Shards, filter string) {
	b.Helper()
	command := redisconn.AppendCommand(nil, 5)
	for _, arg := range []string{"TS.MRANGE", "-", "+", "FILTER", filter} {
		command = redisconn.AppendArg(command, arg)
	}
	if err := shards.Each(b.Context(), command, (*redisconn.Reader).Skip); err != nil {
		b.Fatal(err)
	}
}

// The rate over 5 minutes of 50 hosts in 24 h, compared with what it cannot do without: reading the replies of Redis and evaluating the
// expression on samples in memory. The last column compares it with Prometheus' engine on its own database.
func BenchmarkRateByHost(b *testing.B) {
	const expr = "sum by (host) (rate(net_rx_bytes[5m]))"
	client := openBench(b)
	samples := counters()
	querytest.Add(b, client, samples)
	db := teststorage.New(b)
	app := db.Appender(b.Context())
	for _, s := range samples {
		if _, err := app.Append(0, s.Labels, s.Time, s.Value); err != nil {
			b.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		b.Fatal(err)
	}
	e := New(client, Limits{Samples: 50_000_000})
	b.Cleanup(e.Close)
	shards := client.NewShards()
	b.Cleanup(shards.Close)
	cached := &memory{Queryable: &queryable{engine: e, limits: e.limits}, known: map[string][]*series{}}
	start, end, step := benchStart, benchStart.Add(24*time.Hour), 2*time.Minute
	e.evaluate(b, cached, expr, start, end, step)
	var ours, replies, inMemory, prometheus time.Duration
	measure := func(sum *time.Duration, f func()) {
		from := time.Now()
		f()
		*sum += time.Since(from)
	}
	for b.Loop() {
		measure(&replies, func() { rawReplies(b, shards, "__name__=net_rx_bytes") })
		measure(&ours, func() { e.readRange(b, expr, start, end, step) })
		measure(&inMemory, func() { e.evaluate(b, cached, expr, start, end, step) })
		measure(&prometheus, func() { e.evaluate(b, db, expr, start, end, step) })
	}
	b.ReportMetric(0, "ns/op")
	for name, d := range map[string]time.Duration{"ours-ms": ours, "replies-ms": replies, "memory-ms": inMemory, "prometheus-ms": prometheus} {
		b.ReportMetric(float64(d.Milliseconds())/float64(b.N), name)
	}
	b.ReportMetric(float64(ours)/float64(replies+inMemory), "of-parts")
	b.ReportMetric(float64(ours)/float64(prometheus), "of-prometheus")
}

// A gauge of 50 hosts over 24 h, with and without aggregation in Redis.
func BenchmarkPushDown(b *testing.B) {
	client := openBench(b)
	querytest.Add(b, client, counters())
	e := New(client, Limits{Samples: 50_000_000})
	b.Cleanup(e.Close)
	for _, tc := range []struct {
		expr string
		step time.Duration
	}{
		{"net_rx_bytes", 30 * time.Second}, {"net_rx_bytes", time.Minute}, {"net_rx_bytes", 5 * time.Minute}, {"net_rx_bytes", time.Hour},
		{"max_over_time(net_rx_bytes[1m])", time.Minute}, {"max_over_time(net_rx_bytes[5m])", 5 * time.Minute}, {"max_over_time(net_rx_bytes[1h])", time.Hour},
	} {
		b.Run(fmt.Sprint(tc.expr, " step ", tc.step), func(b *testing.B) {
			var with, without time.Duration
			for b.Loop() {
				for _, off := range []bool{false, true} {
					e.noPushDown = off
					from := time.Now()
					e.readRange(b, tc.expr, benchStart, benchStart.Add(24*time.Hour), tc.step)
					if off {
						without += time.Since(from)
					} else {
						with += time.Since(from)
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(with.Microseconds())/1000/float64(b.N), "with-ms")
			b.ReportMetric(float64(without.Microseconds())/1000/float64(b.N), "without-ms")
			b.ReportMetric(float64(with)/float64(without), "ratio")
		})
	}
}

// A year of 10 hosts, of which a day is raw and the rest compacted by the hour.
func BenchmarkYear(b *testing.B) {
	client := openBench(b)
	const hosts, year = 10, 365 * 24
	var samples []querytest.Sample
	for host := range hosts {
		for _, name := range []string{"load", "net_rx_bytes"} {
			l := labels.FromStrings("__name__", name, "host", fmt.Sprintf("host-%02d", host))
			for s := range 8640 {
				samples = append(samples, querytest.Sample{Labels: l, Time: benchStart.Add(-24*time.Hour).UnixMilli() + int64(s)*10_000, Value: math.Sin(float64(s))})
			}
			for _, agg := range map[string][]string{"load": {"avg", "max"}, "net_rx_bytes": {"first", "last"}}[name] {
				l := labels.NewBuilder(l).Set("agg", agg).Set("bucket", "1h").Labels()
				for h := range year {
					samples = append(samples, querytest.Sample{Labels: l, Time: benchStart.Add(time.Duration(h-year) * time.Hour).UnixMilli(), Value: float64(h) * 1.5})
				}
			}
		}
	}
	querytest.Add(b, client, samples)
	e := New(client, Limits{})
	b.Cleanup(e.Close)
	for _, expr := range []string{"load", "max_over_time(load[1d])", "sum(rate(net_rx_bytes[1d]))", "sum(rate(net_rx_bytes[5m]))"} {
		b.Run(expr, func(b *testing.B) {
			for b.Loop() {
				e.readRange(b, expr, benchStart.Add(-year*time.Hour), benchStart, 6*time.Hour)
			}
		})
	}
}

func BenchmarkInstant(b *testing.B) {
	client := openBench(b)
	var samples []querytest.Sample
	for i := range 3000 {
		l := labels.FromStrings("__name__", fmt.Sprintf("metric_%02d", i%60), "host", fmt.Sprintf("host-%02d", i/60), "source", "linux")
		samples = append(samples, querytest.Sample{Labels: l, Time: benchStart.UnixMilli(), Value: float64(i)})
	}
	querytest.Add(b, client, samples)
	e := New(client, Limits{})
	b.Cleanup(e.Close)
	for _, expr := range []string{"metric_07", `{host="host-07"}`, `sum by (host) ({__name__=~"metric_.*"})`} {
		b.Run(expr, func(b *testing.B) {
			for b.Loop() {
				r, err := e.Instant(b.Context(), expr, benchStart.Add(time.Minute), Params{})
				if err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
		})
	}
	for name, selection := range map[string]Selection{"of all series": {}, "of a metric": {Selectors: []string{"metric_07"}}, "of a source": {Selectors: []string{`{source="linux"}`}, Start: benchStart}} {
		b.Run("values "+name, func(b *testing.B) {
			for b.Loop() {
				if values, _, err := e.LabelValues(b.Context(), "host", selection); err != nil || len(values) != 50 {
					b.Fatal(values, err)
				}
			}
		})
	}
	b.Run("values, cold index", func(b *testing.B) {
		for b.Loop() {
			e.index = newIndex(e.reader)
			if values, _, err := e.LabelValues(b.Context(), "host", Selection{}); err != nil || len(values) != 50 {
				b.Fatal(values, err)
			}
		}
	})
}
