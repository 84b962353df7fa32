package query_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// benchServers returns the embedded server and, with RTC_TEST_REDIS=redis://host:port, that server, which is emptied.
func benchServers(b *testing.B) map[string]*redisconn.Client {
	b.Helper()
	all := map[string]*redisconn.Client{"embedded": querytest.Open(b)}
	address, ok := strings.CutPrefix(os.Getenv("RTC_TEST_REDIS"), "redis://")
	if !ok {
		return all
	}
	config := redisconn.Defaults()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		b.Fatal(err)
	}
	config.Host = host
	if _, err := fmt.Sscan(port, &config.Port); err != nil {
		b.Fatal(err)
	}
	client, err := redisconn.Open(b.Context(), config.ForSearches(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	if err := client.FlushAll(b.Context()).Err(); err != nil {
		b.Fatal(err)
	}
	all["redis"] = client
	return all
}

const day = 24 * 3600

// dayOfCounters returns a day of a counter of 50 hosts, every 10 s.
func dayOfCounters() (samples []querytest.Sample) {
	random := rand.New(rand.NewPCG(3, 4))
	for h := range 50 {
		l := labels.FromStrings("__name__", "net_rx_bytes", "host", fmt.Sprintf("host-%02d", h), "iface", "eth0", "source", "linux_net", "unit", "bytes")
		v := 0.0
		for s := 0; s < day; s += 10 {
			v += float64(random.IntN(1_000_000))
			samples = append(samples, querytest.Sample{Labels: l, Time: int64(T+s) * 1000, Value: v})
		}
	}
	return samples
}

// discardReply sends a command and reads its reply without parsing it.
func discardReply(b *testing.B, conn net.Conn, room []byte, args ...string) {
	b.Helper()
	const end = "+PONG\r\n"
	command := redisconn.AppendCommand(nil, len(args))
	for _, arg := range args {
		command = redisconn.AppendArg(command, arg)
	}
	command = append(command, "PING\r\n"...) // its reply shows where the other one ends
	if _, err := conn.Write(command); err != nil {
		b.Fatal(err)
	}
	kept := 0
	for {
		n, err := conn.Read(room[kept:])
		if err != nil {
			b.Fatal(err)
		}
		n += kept
		if bytes.HasSuffix(room[:n], []byte(end)) {
			return
		}
		kept = copy(room, room[max(0, n-len(end)):n])
	}
}

// evaluateAll evaluates an expression in a window.
func evaluateAll(b *testing.B, e *query.Engine, w window, expr string) {
	b.Helper()
	if got := evaluate(b.Context(), e, w, expr); got == "" || strings.HasPrefix(got, "error") {
		b.Fatalf("%s: %.300s", expr, got)
	}
}

// BenchmarkRates computes rates of 50 counters over a day at 10 s, in 721 steps: with our engine on Redis; only the replies of Redis to
// TS.MRANGE, without parsing them; only the engine, on samples in memory; and with Prometheus.
func BenchmarkRates(b *testing.B) {
	const expr = `sum by (host) (rate(net_rx_bytes[5m]))`
	w := window{start: at(0), end: at(day), step: 2 * time.Minute}
	samples := dayOfCounters()
	prometheus := newReference(b, samples)
	b.Run("prometheus", func(b *testing.B) {
		for b.Loop() {
			prometheus.evaluate(b.Context(), w, expr)
		}
	})
	b.Run("memory", func(b *testing.B) {
		var m query.Memory
		for _, s := range samples {
			m.Add(s.Labels, s.Time, s.Value)
		}
		inMemory := &reference{prometheus.engine, m}
		for b.Loop() {
			inMemory.evaluate(b.Context(), w, expr)
		}
	})
	for name, client := range benchServers(b) {
		querytest.Add(b, client, samples)
		b.Run("replies/"+name, func(b *testing.B) {
			pipe := client.NewPipe()
			defer pipe.Close()
			conn, err := pipe.Conn(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			room := make([]byte, 256<<10)
			for b.Loop() {
				discardReply(b, conn, room, "TS.MRANGE", "-", "+", "WITHLABELS", "FILTER", "__name__=net_rx_bytes")
			}
		})
		b.Run("ours/"+name, func(b *testing.B) {
			e := query.New(client, query.Limits{})
			defer e.Close()
			b.ReportAllocs()
			for b.Loop() {
				evaluateAll(b, e, w, expr)
			}
		})
	}
}

// threeThousand returns ten minutes of 60 metrics of 50 hosts, every 10 s.
func threeThousand() (samples []querytest.Sample) {
	for h := range 50 {
		for m := range 60 {
			l := labels.FromStrings("__name__", fmt.Sprintf("metric_%02d", m), "host", fmt.Sprintf("host-%02d", h), "source", "linux", "unit", "bytes")
			for s := 0; s < 600; s += 10 {
				samples = append(samples, querytest.Sample{Labels: l, Time: int64(T+s) * 1000, Value: float64(h * m * s)})
			}
		}
	}
	return samples
}

// BenchmarkInstant evaluates at one time: the newest samples, and rates of five minutes.
func BenchmarkInstant(b *testing.B) {
	samples := threeThousand()
	for name, client := range benchServers(b) {
		querytest.Add(b, client, samples)
		e := query.New(client, query.Limits{})
		b.Cleanup(e.Close)
		for what, expr := range map[string]string{
			"50 series": `metric_07`, "60 series of a host": `{host="host-07"}`, "50 rates": `rate(metric_07[5m])`, "3,000 series, by the index": `count({host=~"host-.+"})`,
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				for b.Loop() {
					evaluateAll(b, e, window{start: at(599)}, expr)
				}
			})
		}
	}
}

// BenchmarkLabelValues lists hosts: of all series, and of one metric.
func BenchmarkLabelValues(b *testing.B) {
	samples := threeThousand()
	for name, client := range benchServers(b) {
		querytest.Add(b, client, samples)
		e := query.New(client, query.Limits{})
		b.Cleanup(e.Close)
		for what, selectors := range map[string][]string{"all": nil, "one metric": {"metric_07"}, "all of a source": {`{source="linux"}`}} {
			b.Run(name+"/"+what, func(b *testing.B) {
				for b.Loop() {
					values, _, err := e.LabelValues(b.Context(), "host", query.Selection{Selectors: selectors, Start: at(0), End: at(600)})
					if err != nil || len(values) != 50 {
						b.Fatal(len(values), err)
					}
				}
			})
		}
		b.Run(name+"/a new index", func(b *testing.B) {
			for b.Loop() {
				fresh := query.New(client, query.Limits{})
				if values, _, err := fresh.LabelValues(b.Context(), "host", query.Selection{}); err != nil || len(values) != 50 {
					b.Fatal(len(values), err)
				}
				fresh.Close()
			}
		})
	}
}
