package telemetry

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBounds checks which values are possible for each unit.
func TestBounds(t *testing.T) {
	const minusOne = math.MaxUint64 // as an unsigned number
	inf := math.Inf(1)
	for _, tt := range []struct {
		unit     Unit
		kind     Kind
		possible []float64
		not      []float64
	}{
		{Percent, Gauge, []float64{0, 100, 55.5}, []float64{-1, 100.001, minusOne, math.NaN(), inf, -inf}},
		{Celsius, Gauge, []float64{-273.15, 0, 28, 511, 1000}, []float64{-274, 3892313.987, math.NaN()}},
		{Bytes, Gauge, []float64{0, 1 << 62, math.MaxInt64}, []float64{-1, minusOne, minusOne * 1024.0}},
		{Bits, Counter, []float64{0, 8 * (1 << 62)}, []float64{-1, 8.0 * minusOne}},
		{None, Gauge, []float64{-1, 0, math.MaxInt64}, []float64{minusOne, -minusOne, math.NaN()}},
		{None, Counter, []float64{0, 1 << 62}, []float64{-1, minusOne}},
		{Seconds, Gauge, []float64{-0.5, 0, 1e9}, []float64{minusOne}},
		{Seconds.PerSecond(), Gauge, []float64{0, 128}, []float64{-1, 1e7}},
		{None.PerSecond(), Gauge, []float64{0, 1e12}, []float64{-1, 1e16}},
		{Bytes.PerSecond(), Gauge, []float64{0, 1e12}, []float64{-1, minusOne / 10.0}},
		{Bits.PerSecond(), Gauge, []float64{0, 400e9}, []float64{-1, minusOne}},
		{RPM, Gauge, []float64{0, 30000}, []float64{-1, 1e9}},
		{Volts, Gauge, []float64{-12, 230}, []float64{1e9}},
		{"kibibytes", Gauge, []float64{-5, 5}, []float64{minusOne}}, // an unknown unit
	} {
		b := tt.unit.Bounds(tt.kind)
		for _, v := range tt.possible {
			if !b.Contains(v) {
				t.Errorf("%q, %s: %v is not possible", tt.unit, tt.kind, v)
			}
		}
		for _, v := range tt.not {
			if b.Contains(v) {
				t.Errorf("%q, %s: %v is possible", tt.unit, tt.kind, v)
			}
		}
	}
}

// Impossible samples are counted each time and described once.
func TestImpossibleSamplesAreRejected(t *testing.T) {
	f := NewFactory("h", "s", nil)
	hot, cpu := f.Gauge("hot", Celsius), f.Gauge("cpu", Percent).Within(0, math.MaxFloat64)
	foreign := f.Unbounded().Gauge("foreign", Percent)
	for round, described := range []int{1, 0} {
		b := NewBatch(atSecond(float64(round)), atSecond(float64(round)), 0)
		b.Add(hot, 3892313.987)
		b.Add(nil, math.NaN())
		b.Add(hot, 28)
		b.Add(cpu, 800)
		b.Add(foreign, -7)
		b.Add(foreign, math.Inf(1))
		want := []writtenSample{{"hot", b.Time, 28}, {"cpu", b.Time, 800}, {"foreign", b.Time, -7}}
		if diff := cmp.Diff(want, batchSamples(b)); diff != "" {
			t.Error(diff)
		}
		if b.Rejected() != 2 || len(b.Rejections()) != 2*described {
			t.Errorf("round %d: %d rejected, described: %v", round, b.Rejected(), b.Rejections())
		}
	}
}

func TestUnwantedSeriesHasNoBounds(t *testing.T) {
	f := NewFactory("h", "s", nil).Choose(Choice{Wants: func(string) bool { return false }})
	s := f.Gauge("x", Percent).Signed().Within(0, 1)
	b := NewBatch(atSecond(0), atSecond(0), 0)
	b.Reject(s, 5)
	b.AddUpTo(s, 5, 3)
	if s != nil || b.Rejected() != 0 {
		t.Errorf("%v, %d rejected", s, b.Rejected())
	}
}

// A computed percentage may exceed 100 by a rounding error.
func TestPercentageMayBeSlightlyOver100(t *testing.T) {
	f := NewFactory("h", "s", nil)
	full, empty, bytes := f.Gauge("full", Percent), f.Gauge("empty", Percent), f.Gauge("bytes", Bytes)
	b := NewBatch(atSecond(0), atSecond(0), 0)
	b.Add(full, 100.00000000000001)
	b.Add(empty, -1e-12)
	b.Add(bytes, -1e-12)
	if diff := cmp.Diff([]writtenSample{{"full", b.Time, 100}, {"empty", b.Time, 0}}, batchSamples(b)); diff != "" || b.Rejected() != 1 {
		t.Error(diff, b.Rejected())
	}
}

func TestAddUpTo(t *testing.T) {
	f := NewFactory("h", "s", nil)
	free, used := f.Gauge("free", Bytes), f.Gauge("used", Bytes)
	b := NewBatch(atSecond(0), atSecond(0), 0)
	b.AddUpTo(free, 1025, 1024)
	b.AddUpTo(used, 1024, 1024)
	if diff := cmp.Diff([]writtenSample{{"used", b.Time, 1024}}, batchSamples(b)); diff != "" || b.Rejected() != 1 {
		t.Error(diff, b.Rejected())
	}
}

// Of two samples of one series in one gather, the first is written. This is also true for counters that are withheld until they move.
func TestSecondSampleIsRejected(t *testing.T) {
	f := NewFactory("h", "s", nil)
	moving := NewFactory("h", "s", nil).Choose(Choice{Counters: MovingCounters}).Counter("moving", None)
	x, y, c := f.Gauge("x", None), f.Gauge("y", None), f.Counter("c", None)
	var got []writtenSample
	rejected := 0
	for round := range 4 {
		b := NewBatch(atSecond(float64(round)), atSecond(float64(round)), 0)
		base := float64(100 * (round / 2))
		b.Add(x, base+1)
		b.Add(y, base+2)
		b.Add(x, base+3)
		c.Add(b, base+4)
		c.Add(b, base+5)
		moving.Add(b, base+6)
		moving.Add(b, base+7)
		got, rejected = append(got, batchSamples(b)...), rejected+b.Rejected()
	}
	want := []writtenSample{
		{"x", 1000_000, 1}, {"y", 1000_000, 2}, {"c", 1000_000, 4},
		{"x", 1001_000, 1}, {"y", 1001_000, 2}, {"c", 1001_000, 4}, {"c_rate", 1001_000, 0},
		{"x", 1002_000, 101}, {"y", 1002_000, 102}, {"c", 1002_000, 104}, {"c_rate", 1002_000, 100},
		{"moving", 1001_000, 6}, {"moving", 1002_000, 106}, {"moving_rate", 1001_000, 0}, {"moving_rate", 1002_000, 100},
		{"x", 1003_000, 101}, {"y", 1003_000, 102}, {"c", 1003_000, 104}, {"c_rate", 1003_000, 0},
		{"moving", 1003_000, 106}, {"moving_rate", 1003_000, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" || rejected != 3*4 {
		t.Error(diff, rejected)
	}
}

// A batch counts all rejections and describes a few.
func TestRejectionsAreBounded(t *testing.T) {
	f := NewFactory("h", "s", nil)
	b := NewBatch(atSecond(0), atSecond(0), 0)
	for range 10_000 {
		b.Add(f.Gauge("x", Percent), 101)
	}
	if b.Rejected() != 10_000 || len(b.Rejections()) != maxRejections {
		t.Errorf("%d rejected, %d described", b.Rejected(), len(b.Rejections()))
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	f := NewFactory("h", "s", nil)
	x, y := f.Gauge("x", None), f.Gauge("y", Percent)
	b := NewBatch(atSecond(0), atSecond(0), 4096)
	b.Add(y, 101) // the first rejection of a series is described
	if n := testing.AllocsPerRun(100, func() {
		b.Add(x, 1)
		b.Add(y, 101)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The difference of two sizes may be negative.
func TestSignedSeriesMayBeNegative(t *testing.T) {
	s := NewFactory("h", "s", nil).Gauge("profit", Bytes).Signed()
	if b := s.Bounds(); !b.Contains(-18446) || !b.Contains(18446) || b.Contains(math.MaxUint64) || b.Contains(-math.MaxUint64) {
		t.Errorf("%v", b)
	}
}
