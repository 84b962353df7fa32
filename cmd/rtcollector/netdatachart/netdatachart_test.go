package netdatachart

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := New(&out, "atila", 2*time.Second, func(error) { t.Error("stopped") })
	f := telemetry.NewFactory("atila", "linux_net", nil)
	rate := func(iface string) *telemetry.Series {
		return f.Gauge("net_rx_bytes_rate", telemetry.Bytes.PerSecond(), telemetry.Label{Key: "iface", Value: iface})
	}
	eth0, odd, load := rate("eth0"), rate("it's\n0"), f.Gauge("system_load1", telemetry.None)
	at := time.Unix(1_700_000_000, 0)
	write := func(after time.Duration, add func(b *telemetry.Batch)) string {
		out.Reset()
		b := telemetry.NewBatch(at.Add(after), at.Add(after), 4)
		add(b)
		if err := w.WriteMetrics(t.Context(), []*telemetry.Batch{b}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	want := `CHART rtcollector.net_rx_bytes_rate '' 'net rx bytes rate' 'bytes/s' 'linux_net' rtcollector.net_rx_bytes_rate line 90000 2 '' rtcollector
DIMENSION 'eth0' '' absolute 1 1000
BEGIN rtcollector.net_rx_bytes_rate
SET 'eth0' = 1500
END
CHART rtcollector.system_load1 '' 'system load1' 'value' 'linux_net' rtcollector.system_load1 line 90000 2 '' rtcollector
DIMENSION 'value' '' absolute 1 1000
BEGIN rtcollector.system_load1
SET 'value' = 250
END
`
	if diff := cmp.Diff(want, write(0, func(b *telemetry.Batch) { b.Add(eth0, 1.5); b.Add(load, 0.25) })); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	want = `CHART rtcollector.net_rx_bytes_rate '' 'net rx bytes rate' 'bytes/s' 'linux_net' rtcollector.net_rx_bytes_rate line 90000 2 '' rtcollector
DIMENSION 'eth0' '' absolute 1 1000
DIMENSION 'it_s_0' '' absolute 1 1000
BEGIN rtcollector.net_rx_bytes_rate 2000000
SET 'eth0' = 2000
SET 'it_s_0' = 3000
END
`
	if diff := cmp.Diff(want, write(2*time.Second, func(b *telemetry.Batch) { b.Add(eth0, 2); b.Add(odd, 3) })); diff != "" {
		t.Errorf("a new dimension: -want +got\n%s", diff)
	}
}

// TestSeriesOfOneName: inputs of one kind share a chart and its round, and label sets with equal values, and hosts, have dimensions of their own.
func TestSeriesOfOneName(t *testing.T) {
	var out bytes.Buffer
	w := New(&out, "h", time.Second, func(error) { t.Error("stopped") })
	f := telemetry.NewFactory("h", "exec", nil)
	label := func(key string) telemetry.Label { return telemetry.Label{Key: key, Value: "1"} }
	a, b, c := f.Gauge("x", telemetry.None, label("a")), f.Gauge("x", telemetry.None, label("b")), f.On("router").Gauge("x", telemetry.None, label("a"))
	at := time.Unix(1_700_000_000, 0)
	batch := func(after time.Duration, s *telemetry.Series, v float64) *telemetry.Batch {
		b := telemetry.NewBatch(at.Add(after), at.Add(after+time.Millisecond), 1)
		b.Add(s, v)
		return b
	}
	write := func(batches ...*telemetry.Batch) string {
		out.Reset()
		if err := w.WriteMetrics(t.Context(), batches); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const chart = "CHART rtcollector.x '' 'x' 'value' 'exec' rtcollector.x line 90000 1"
	want := chart + ` '' rtcollector
DIMENSION '1' '' absolute 1 1000
DIMENSION 'b:1 host:h source:exec' '' absolute 1 1000
DIMENSION 'router 1' '' absolute 1 1000
BEGIN rtcollector.x
SET '1' = 1000
SET 'b:1 host:h source:exec' = 2000
SET 'router 1' = 3000
END
BEGIN rtcollector.x 1000000
SET '1' = 4000
END
`
	if diff := cmp.Diff(want, write(batch(time.Second, a, 4), batch(0, a, 1), batch(0, b, 2), batch(0, c, 3))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := write(batch(time.Second, b, 5)); got != "BEGIN rtcollector.x\nSET 'b:1 host:h source:exec' = 5000\nEND\n" {
		t.Errorf("a late part of an instant: %s", got)
	}
	end := telemetry.NewBatch(at.Add(2*time.Second), at.Add(2*time.Second), 1)
	end.Add(a, 6)
	end.End(b)
	write(end)
	if got := write(batch(3*time.Second, a, 7)); got != chart+` '' rtcollector
DIMENSION '1' '' absolute 1 1000
DIMENSION 'router 1' '' absolute 1 1000
DIMENSION 'b:1 host:h source:exec' '' absolute 1 1000 obsolete
BEGIN rtcollector.x 1000000
SET '1' = 7000
END
` {
		t.Errorf("after the end of a series: %s", got)
	}
	last := telemetry.NewBatch(at.Add(4*time.Second), at.Add(4*time.Second), 1)
	last.End(a)
	last.End(c)
	if got := write(last); got != chart+" obsolete rtcollector\n" {
		t.Errorf("after the end of all: %s", got)
	}
}

func TestInteger(t *testing.T) {
	for v, want := range map[float64]int64{1.2345: 1235, -2: -2000, 1e15: 1e18} {
		if got, ok := integer(v); !ok || got != want {
			t.Errorf("%v is %d, %v", v, got, ok)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), 1e16} {
		if _, ok := integer(v); ok {
			t.Errorf("%v fits", v)
		}
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestWriterStopsWithItsReader(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	w := New(closed{}, "h", time.Second, stop)
	b := telemetry.NewBatch(time.Now(), time.Now(), 1)
	b.Add(telemetry.NewFactory("h", "s", nil).Gauge("x", telemetry.None), 1)
	if err := w.WriteMetrics(t.Context(), []*telemetry.Batch{b}); err == nil || ctx.Err() == nil {
		t.Errorf("error %v, stopped %v", err, ctx.Err())
	}
}
