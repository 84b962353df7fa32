package telemetry

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A counter that never moves has no samples. From its first step on all samples are written, including the one before the step.
func TestIdleCountersAreWithheld(t *testing.T) {
	f := NewFactory("h", "s", nil).Choose(Choice{Counters: MovingCounters})
	still, moving, gauge := f.Counter("still", None), f.Counter("moving", None), f.Gauge("gauge", None)
	var got []writtenSample
	for i, v := range []float64{7, 7, 7, 9, 9} {
		b := NewBatch(atSecond(float64(10*i)), atSecond(float64(10*i)), 0)
		still.Add(b, 3)
		moving.Add(b, v)
		b.Add(gauge, 5)
		got = append(got, batchSamples(b)...)
	}
	want := []writtenSample{
		{"gauge", 1000_000, 5}, {"gauge", 1010_000, 5}, {"gauge", 1020_000, 5},
		{"moving", 1020_000, 7}, {"moving", 1030_000, 9}, {"moving_rate", 1020_000, 0}, {"moving_rate", 1030_000, 0.2}, {"gauge", 1030_000, 5},
		{"moving", 1040_000, 9}, {"moving_rate", 1040_000, 0}, {"gauge", 1040_000, 5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The first rate of a counter that always moves has no zero sample before it.
func TestFirstRateNeedsNoSampleBefore(t *testing.T) {
	c := NewFactory("h", "s", nil).Choose(Choice{Counters: MovingCounters}).Counter("c", None)
	var got []writtenSample
	for i, v := range []float64{1, 2, 3} {
		b := NewBatch(atSecond(float64(i)), atSecond(float64(i)), 0)
		c.Add(b, v)
		got = append(got, batchSamples(b)...)
	}
	want := []writtenSample{{"c", 1000_000, 1}, {"c", 1001_000, 2}, {"c_rate", 1001_000, 1}, {"c", 1002_000, 3}, {"c_rate", 1002_000, 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCountersCanBeSwitchedOff(t *testing.T) {
	f := NewFactory("h", "s", nil).Choose(Choice{Counters: NoCounters})
	if c := f.Counter("c", None); c.raw != nil || c.rate.series == nil {
		t.Errorf("a counter with a rate: %v, %v", c.raw, c.rate.series)
	}
	if f.New("raw", Counter, None) == nil || f.Gauge("g", None) == nil {
		t.Error("a counter without a rate, or a gauge, is left out")
	}
	f.Choose(Choice{Counters: NoCounters, NoRates: true})
	if c := f.Counter("c", None); c.raw == nil {
		t.Error("neither the counter nor its rate is written")
	}
}
