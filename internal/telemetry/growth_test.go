package telemetry

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGrowth(t *testing.T) {
	none := math.NaN()
	for name, steps := range map[string][][2]float64{ // reading, growth
		"grows":                      {{5, none}, {7, 2}, {7, 0}, {10, 3}},
		"reads 0 once":               {{1000, none}, {0, none}, {1005, none}, {1010, 5}},
		"reads 0 for a while":        {{1000, none}, {0, none}, {0, 0}, {0, 0}, {1005, none}, {1010, 5}},
		"falls in steps":             {{1000, none}, {500, none}, {0, none}, {1000, none}, {1001, 1}},
		"restarts":                   {{1000, none}, {3, none}, {8, 5}, {2000, 1992}},
		"restarts from 0":            {{1000, none}, {0, none}, {0, 0}, {8, 8}, {9, 1}},
		"jumps up, then falls":       {{1000, none}, {1e15, 1e15 - 1000}, {1000, none}, {1000, 0}, {1, none}, {1000, none}, {1001, 1}},
		"jumps up once":              {{1000, none}, {1e15, 1e15 - 1000}, {1005, none}, {1010, 5}},
		"falls a second time, lower": {{1000, none}, {0, none}, {10, 10}, {0, none}, {12, none}, {13, 1}},
		"wraps at 2^32":              {{math.MaxUint32, none}, {7, none}, {9, 2}},
		"is no reading":              {{1000, none}, {-1, none}, {none, none}, {math.Inf(1), none}, {1e30, none}, {1001, 1}},
	} {
		var g Growth
		for i, step := range steps {
			got, ok := g.Step(step[0])
			if want := step[1]; ok == math.IsNaN(want) || ok && got != want {
				t.Errorf("%s, step %d: %v, %v, want %v", name, i, got, ok, want)
			}
		}
	}
}

// A counter of 50 GB that reads 0 once must not cause a rate of 400 Gbit/s.
func TestCounterThatReadsZeroOnceHasNoFalseRate(t *testing.T) {
	c := NewFactory("h", "s", nil).Counter("c", Bytes)
	var got []writtenSample
	for i, v := range []float64{50e9, 50e9 + 10, 0, 50e9 + 30, 50e9 + 40} {
		b := NewBatch(atSecond(float64(i)), atSecond(float64(i)), 0)
		c.Add(b, v)
		got = append(got, batchSamples(b)...)
	}
	want := []writtenSample{
		{"c", 1000_000, 50e9}, {"c", 1001_000, 50e9 + 10}, {"c_rate", 1001_000, 10}, {"c", 1002_000, 0}, {"c", 1003_000, 50e9 + 30},
		{"c", 1004_000, 50e9 + 40}, {"c_rate", 1004_000, 10},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A counter that grows faster than its limit has no rate. The limit allows for readings that were stale.
func TestCounterAboveLimitHasNoRate(t *testing.T) {
	const limit = 100 // per second
	c := NewFactory("h", "s", nil).Counter("c", Bytes)
	rejected := 0
	var got []writtenSample
	for i, v := range []float64{0, 1000, 3200, 4601, 4600, 4600} { // in 10 s, limit * (10 s + staleness) = 1200
		b := NewBatch(atSecond(float64(10*i)), atSecond(float64(10*i)), 0)
		c.AddUpTo(b, v, limit)
		got, rejected = append(got, batchSamples(b)...), rejected+b.Rejected()
	}
	want := []writtenSample{{"c", 1000_000, 0}, {"c", 1010_000, 1000}, {"c_rate", 1010_000, 100}, {"c", 1020_000, 3200}, {"c", 1030_000, 4601},
		{"c", 1040_000, 4600}, {"c", 1050_000, 4600}, {"c_rate", 1050_000, 0}}
	if diff := cmp.Diff(want, got); diff != "" || rejected != 2 {
		t.Error(diff, rejected)
	}
}

// FuzzGrowth checks that growth is always a possible number, and that a counter which returns to its old value has not grown.
func FuzzGrowth(f *testing.F) {
	f.Add(1000.0, 0.0, 1005.0)
	f.Add(1000.0, 1e15, 3.0)
	f.Add(math.NaN(), math.Inf(1), -1.0)
	f.Fuzz(func(t *testing.T, first, second, third float64) {
		var g Growth
		for _, v := range []float64{first, second, third} {
			if growth, ok := g.Step(v); ok && !isReading(growth) {
				t.Fatalf("%v, %v, %v: %v", first, second, third, growth)
			}
		}
		g.Forget()
		for _, v := range []float64{first, second, first} {
			if growth, ok := g.Step(v); ok && second < first && growth != 0 {
				t.Fatalf("%v, %v and back: %v", first, second, growth)
			}
		}
	})
}
