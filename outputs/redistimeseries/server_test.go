package redistimeseries_test

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// start is the time of the first samples. A retention of minutes does not remove them, because it counts from the newest sample.
var start = time.UnixMilli(1_700_000_000_000)

// testServer is a server to write to.
type testServer struct{ *outputtest.Redis }

func newServer(t testing.TB) *testServer {
	t.Helper()
	return &testServer{outputtest.NewRedis(t)}
}

// config points at the server.
func (s *testServer) config() redistimeseries.Config {
	c := redistimeseries.Defaults()
	c.Host, c.Port = s.Host, s.Port
	return c
}

// fixture is an open output and a factory of series for it.
type fixture struct {
	*redistimeseries.Writer
	factory *telemetry.Factory
	log     *servicetest.Log
}

func newFixture(t testing.TB, config redistimeseries.Config, host string, tags map[string]string) *fixture {
	t.Helper()
	f := &fixture{factory: telemetry.NewFactory(host, "test", tags), log: &servicetest.Log{}}
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

// describe returns the retention, policy and labels of a series.
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
