package redistimeseries_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// start is a time that a retention of minutes does not remove: series know no clock, only their newest sample.
var start = time.UnixMilli(1_700_000_000_000)

// testServer is a server to write to: the embedded one, or the one that RTC_TEST_REDIS names. That one is emptied, and
// brought into bad states, so it must be nobody else's meanwhile: go test -p 1.
type testServer struct {
	*redis.Client
	host     string
	port     int
	embedded *embedded.Server // nil: a real one
}

func newServer(t testing.TB) *testServer {
	t.Helper()
	s := &testServer{}
	addr := ""
	if url := os.Getenv("RTC_TEST_REDIS"); url != "" {
		o, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal("RTC_TEST_REDIS is no redis:// URL")
		}
		addr = o.Addr
	} else {
		var err error
		if s.embedded, err = embedded.Listen("127.0.0.1:0", embedded.Config{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.embedded.Close() })
		addr = s.embedded.Addr()
	}
	s.host, s.port = splitAddr(t, addr)
	s.Client = redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = s.Close() })
	s.empty(t)
	t.Cleanup(func() {
		if s.embedded == nil {
			_ = s.FlushAll(context.Background()).Err() // the test's own context has ended by then
		}
	})
	return s
}

func (s *testServer) empty(t testing.TB) {
	t.Helper()
	if err := s.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

func splitAddr(t testing.TB, addr string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, n
}

// config points at the server.
func (s *testServer) config() redistimeseries.Config {
	c := redistimeseries.Defaults()
	c.Host, c.Port = s.host, s.port
	return c
}

// fixture is an open output and a factory of series for it.
type fixture struct {
	*redistimeseries.Writer
	factory *telemetry.Factory
	log     *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func newFixture(t testing.TB, config redistimeseries.Config, host string, tags map[string]string) *fixture {
	t.Helper()
	f := &fixture{factory: telemetry.NewFactory(host, "test", tags, 1), log: &logBuffer{}}
	w, err := redistimeseries.New(outputs.Env{
		ID: "redistimeseries", Host: host, Log: slog.New(slog.NewTextHandler(f.log, nil)),
	}, config)
	if err != nil {
		t.Fatal(err)
	}
	f.Writer = w
	t.Cleanup(func() { _ = w.Close() })
	return f
}

func open(t testing.TB, config redistimeseries.Config) *fixture {
	t.Helper()
	f := newFixture(t, config, "h1", nil)
	if err := f.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) gauge(name string, instance ...string) *telemetry.Series {
	var ls []telemetry.Label
	for i := 0; i+1 < len(instance); i += 2 {
		ls = append(ls, telemetry.Label{Key: instance[i], Value: instance[i+1]})
	}
	return f.factory.Gauge(name, telemetry.None, ls...)
}

// batch holds one sample per series, tick seconds after start, of the value tick.
func batch(tick int, series ...*telemetry.Series) *telemetry.Batch {
	at := start.Add(time.Duration(tick) * time.Second)
	b := telemetry.NewBatch(at, at, len(series))
	for _, s := range series {
		b.Add(s, float64(tick))
	}
	return b
}

func write(t *testing.T, f *fixture, batches ...*telemetry.Batch) {
	t.Helper()
	if err := f.WriteMetrics(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
}

// samples returns what a key holds, "tick=value" each.
func (s *testServer) samples(t *testing.T, key string) string {
	t.Helper()
	reply, err := s.Do(t.Context(), "TS.RANGE", key, "-", "+").Slice()
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	var out []string
	for _, r := range reply {
		pair := r.([]any)
		tick := (pair[0].(int64) - start.UnixMilli()) / 1000
		out = append(out, strconv.FormatInt(tick, 10)+"="+pair[1].(string))
	}
	return strings.Join(out, " ")
}

// describe returns a series' retention, policy and labels.
func (s *testServer) describe(t *testing.T, key string) (retention int64, policy string, labels map[string]string) {
	t.Helper()
	reply, err := s.Do(t.Context(), "TS.INFO", key).Slice()
	if err != nil {
		t.Fatalf("inspect %s: %v", key, err)
	}
	labels = map[string]string{}
	for i := 0; i+1 < len(reply); i += 2 {
		switch reply[i] {
		case "retentionTime":
			retention = reply[i+1].(int64)
		case "duplicatePolicy":
			policy, _ = reply[i+1].(string)
		case "labels":
			for _, l := range reply[i+1].([]any) {
				kv := l.([]any)
				labels[kv[0].(string)] = kv[1].(string)
			}
		}
	}
	return retention, policy, labels
}

func (s *testServer) keys(t *testing.T) map[string]bool {
	t.Helper()
	names, err := s.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}
