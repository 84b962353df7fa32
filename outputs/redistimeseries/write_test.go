package redistimeseries_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

func TestSeriesIsMadeOnceWithItsLabels(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.Retention, c.KeyPrefix = 3_600_000, "lab:"
	f := open(t, c)
	g := f.factory.Gauge("disk_used", telemetry.Bytes, telemetry.Label{Key: "mount", Value: "/mnt/a (old)"})
	write(t, f, batch(1, g))
	if err := s.Do(t.Context(), "TS.ALTER", "lab:h1:disk_used_mnt_a_(old)", "LABELS", "seen", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	write(t, f, batch(2, g), batch(3, g))
	if got := s.samples(t, "lab:h1:disk_used_mnt_a_(old)"); got != "1=1 2=2 3=3" {
		t.Errorf("samples %q", got)
	}
	retention, policy, labels := s.describe(t, "lab:h1:disk_used_mnt_a_(old)")
	if retention != 3_600_000 || policy != "last" {
		t.Errorf("retention %d, policy %s", retention, policy)
	}
	if diff := cmp.Diff(map[string]string{"seen": "yes"}, labels); diff != "" {
		t.Errorf("the series was created a second time in one process:\n%s", diff)
	}
}

func TestLabels(t *testing.T) {
	s := newServer(t)
	f := newFixture(t, s.config(), "h1", map[string]string{"room": "a,b"})
	if err := f.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, f, batch(1, f.factory.Gauge("net_rx", telemetry.Bytes, telemetry.Label{Key: "iface", Value: "eth0"})))
	_, _, labels := s.describe(t, "h1:net_rx_eth0")
	want := map[string]string{
		"__name__": "net_rx", "host": "h1", "iface": "eth0", "room": "a_b", "source": "test", "unit": "bytes",
	}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Error(diff)
	}
}

func TestLivenessSample(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.KeyPrefix = "lab:"
	f := open(t, c)
	write(t, f, batch(1, f.gauge("x")), batch(2, f.gauge("x")))
	write(t, f, batch(4, f.gauge("x")), batch(3, f.gauge("x"))) // as after a retry: the newest batch need not be the last
	if got := s.samples(t, "lab:rtcollector:hosts:h1"); got != "2=1 4=1" {
		t.Errorf("samples %q", got)
	}
	_, policy, labels := s.describe(t, "lab:rtcollector:hosts:h1")
	if diff := cmp.Diff(map[string]string{"__name__": "rtcollector_up", "type": "host", "host": "h1"}, labels); diff != "" || policy != "last" {
		t.Error(policy, diff)
	}
}

func TestManySamplesArriveOnce(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	const series, ticks = 700, 9
	var all []*telemetry.Series
	for i := range series {
		all = append(all, f.gauge("m", "n", strconv.Itoa(i)))
	}
	var batches []*telemetry.Batch
	for tick := range ticks {
		batches = append(batches, batch(tick, all...))
	}
	write(t, f, batches...)
	write(t, f, batches...) // the reply was lost, so everything is written again
	want := "0=0 1=1 2=2 3=3 4=4 5=5 6=6 7=7 8=8"
	for i := range series {
		if got := s.samples(t, "h1:m_"+strconv.Itoa(i)); got != want {
			t.Fatalf("series %d: %q", i, got)
		}
	}
}

func TestValuesReadBackAsTheyWere(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	values := []float64{
		0, 1, -1, 0.1, -2.5, 1e6, 123456789.125, 1 << 52, 1 << 53, 1<<53 + 2, -(1 << 60), 1e21, 1e-7, 5e-300,
		math.MaxFloat64, -math.MaxFloat64, math.Pi, 1.0 / 3, math.MaxInt64, math.MaxUint64,
	}
	b := telemetry.NewBatch(start, start, 0)
	var all []*telemetry.Series
	for i, v := range values {
		all = append(all, f.gauge("v", "n", strconv.Itoa(i)))
		b.AddAt(all[i], v, b.Time) // without the check of Add
	}
	write(t, f, b)
	for i, v := range values {
		_, text, _ := strings.Cut(s.samples(t, "h1:v_"+strconv.Itoa(i)), "=")
		if got, err := strconv.ParseFloat(text, 64); err != nil || got != v {
			t.Errorf("wrote %v, read %v (%v)", v, text, err)
		}
	}
}

func TestOwnTimes(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	g, h := f.gauge("g"), f.gauge("h")
	b := batch(5, g)
	b.AddAt(h, 1, start.UnixMilli()+1000)
	b.AddAt(h, 2, start.UnixMilli()+2000)
	b.Add(h, 5)
	write(t, f, b)
	if got := s.samples(t, "h1:g") + "; " + s.samples(t, "h1:h"); got != "5=5; 1=1 2=2 5=5" {
		t.Error(got)
	}
}

func rejected(t *testing.T, err error) (n int, text string) {
	t.Helper()
	var r *outputs.RejectError
	if !errors.As(err, &r) {
		t.Fatalf("got error %v, want a RejectError", err)
	}
	return r.N, r.Err.Error()
}

func TestRejectedSamplesDoNotCostTheOthers(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.Retention = 60_000
	f := open(t, c)
	g, h := f.gauge("g"), f.gauge("h")
	write(t, f, batch(100, g, h))
	b := batch(101, g)
	b.AddAt(g, math.NaN(), b.Time) // which Add would reject
	b.AddAt(h, math.Inf(-1), b.Time)
	b.AddAt(g, 7, start.UnixMilli()) // 101 s before
	b.AddAt(h, 7, -5)
	b.AddAt(h, 8, start.UnixMilli()+102_000)
	err := f.WriteMetrics(t.Context(), []*telemetry.Batch{b})
	n, text := rejected(t, err)
	want := "1 older than the retention of their series, or these have samples from the future (see \"Wrong clocks\" in docs/operating.md)\n1 with a time or value that Redis cannot read\n2 not a number or infinite"
	if diff := cmp.Diff(want, text); diff != "" || n != 4 {
		t.Errorf("%d rejected:\n%s", n, diff)
	}
	var refusal *outputs.RejectError
	if errors.As(err, &refusal) {
		if diff := cmp.Diff(map[string]int{"too_old": 1, "not_valid": 1, "not_finite": 2}, refusal.Reasons); diff != "" {
			t.Error(diff)
		}
	}
	if got := s.samples(t, "h1:g") + "; " + s.samples(t, "h1:h"); got != "100=100 101=101; 100=100 102=8" {
		t.Error(got)
	}
}

func TestDuplicateUnderBlockIsRejected(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	g := f.gauge("g")
	write(t, f, batch(1, g))
	if err := s.Do(t.Context(), "TS.ALTER", "h1:g", "DUPLICATE_POLICY", "BLOCK").Err(); err != nil {
		t.Fatal(err)
	}
	n, text := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(1, g), batch(2, g)}))
	if n != 1 || !strings.Contains(text, "policy BLOCK") {
		t.Error(n, text)
	}
	if got := s.samples(t, "h1:g"); got != "1=1 2=2" {
		t.Error(got)
	}
}

// A refused liveness sample is not counted.
func TestRefusedLivenessSampleIsNotCounted(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.Retention = 1000
	f := open(t, c)
	write(t, f, batch(100, f.gauge("g")))
	write(t, f, batch(1, f.gauge("other"))) // older than the retention of the liveness sample
	if got := s.samples(t, "h1:other"); got != "1=1" {
		t.Error(got)
	}
}

// If another key occupies the liveness key, no other samples are lost, and their rejections are still reported.
func TestLivenessSampleWithoutItsKey(t *testing.T) {
	s := newServer(t)
	if err := s.Set(t.Context(), "rtcollector:hosts:h1", "mine", 0).Err(); err != nil {
		t.Fatal(err)
	}
	c := s.config()
	c.Retention = 1000
	f := open(t, c)
	g := f.gauge("g")
	write(t, f, batch(100, g))
	if n, text := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(1, g)})); n != 1 || !strings.Contains(text, "older than") {
		t.Error(n, text)
	}
}

// The encoding of an argument depends on its length.
func TestLongKeys(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	var all []*telemetry.Series
	for n := range 130 {
		all = append(all, f.gauge(strings.Repeat("x", n+1)))
	}
	write(t, f, batch(1, all...))
	for n := range all {
		if got := s.samples(t, "h1:"+strings.Repeat("x", n+1)); got != "1=1" {
			t.Errorf("a name of %d bytes: %q", n+1, got)
		}
	}
}

func TestEmptiedServerLosesNothing(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.Retention = 3_600_000
	f := open(t, c)
	g, h := f.gauge("g"), f.gauge("h", "n", "1")
	write(t, f, batch(1, g, h))
	s.Empty(t)
	bad := batch(2, g, h)
	bad.AddAt(g, math.NaN(), bad.Time)
	if n, _ := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{bad, batch(3, h, g)})); n != 1 {
		t.Errorf("%d rejected, want the NaN alone", n)
	}
	for _, key := range []string{"h1:g", "h1:h_1"} {
		if got := s.samples(t, key); got != "2=2 3=3" {
			t.Errorf("%s: %q", key, got)
		}
		if retention, policy, labels := s.describe(t, key); retention != 3_600_000 || policy != "last" || labels["host"] != "h1" {
			t.Errorf("%s came back as %d %s %v", key, retention, policy, labels)
		}
	}
	if got := s.samples(t, "rtcollector:hosts:h1"); got != "3=1" {
		t.Errorf("liveness sample %q", got)
	}
	if n := f.log.Count("series are gone from redis"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestPartlyEmptied(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	var all []*telemetry.Series
	for i := range 1200 {
		all = append(all, f.gauge("m", "n", strconv.Itoa(i)))
	}
	write(t, f, batch(1, all...))
	if err := s.Del(t.Context(), "h1:m_0", "h1:m_499", "h1:m_500", "h1:m_777", "h1:m_1199").Err(); err != nil {
		t.Fatal(err)
	}
	write(t, f, batch(2, all...))
	for i := range all {
		want := "1=1 2=2"
		switch i {
		case 0, 499, 500, 777, 1199:
			want = "2=2"
		}
		if got := s.samples(t, "h1:m_"+strconv.Itoa(i)); got != want {
			t.Errorf("series %d: %q, want %q", i, got, want)
		}
	}
}

func TestCancelledWriteReturnsItsContext(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("shutdown"))
	g := f.gauge("g")
	if err := f.WriteMetrics(ctx, []*telemetry.Batch{batch(1, g)}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	write(t, f, batch(1, g))
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(1, g)}); err == nil {
		t.Error("wrote to a closed output")
	}
}

// The buffer only counts what it holds, so the output must not keep batches that it has written.
func TestWrittenBatchesAreFreed(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	g := f.gauge("g")
	written := func() weak.Pointer[telemetry.Batch] {
		b := batch(1, g)
		write(t, f, b)
		return weak.Make(b)
	}()
	runtime.GC()
	if written.Value() != nil {
		t.Error("the output still holds a batch that it has written")
	}
	runtime.KeepAlive(f)
}

func TestNoSamplesIsNoError(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	write(t, f)
	write(t, f, &telemetry.Batch{At: time.Now()})
	write(t, f, batch(7))
	if got := s.samples(t, "rtcollector:hosts:h1"); got != "7=1" {
		t.Error(got)
	}
}
