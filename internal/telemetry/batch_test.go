package telemetry

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type writtenSample struct {
	Key   string
	Time  int64
	Value float64
}

func batchSamples(b *Batch) []writtenSample {
	var all []writtenSample
	for i := range b.Len() {
		s, ms, v := b.Sample(i)
		all = append(all, writtenSample{s.BareKey(), ms, v})
	}
	return all
}

func atSecond(s float64) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second)))
}

func TestBatchTimes(t *testing.T) {
	f := NewFactory("h", "s", nil)
	x, y, z := f.Gauge("x", None), f.Gauge("y", None), f.Gauge("z", None)
	for _, size := range []int{0, 1, 8} {
		b := NewBatch(atSecond(0), atSecond(0.2), size)
		b.Add(x, 1)
		b.Add(y, 2)
		b.AddAt(x, 3, 77)
		b.Add(z, 4)
		b.AddAt(x, 5, 78)
		want := []writtenSample{{"x", 1000_000, 1}, {"y", 1000_000, 2}, {"x", 77, 3}, {"z", 1000_000, 4}, {"x", 78, 5}}
		if diff := cmp.Diff(want, batchSamples(b)); diff != "" {
			t.Errorf("size %d: %s", size, diff)
		}
	}
	b := NewBatch(atSecond(0), atSecond(0), 0)
	b.AddAt(x, 1, 5)
	if diff := cmp.Diff([]writtenSample{{"x", 5, 1}}, batchSamples(b)); diff != "" {
		t.Error(diff)
	}
	if b.Len() != 1 {
		t.Errorf("length %d", b.Len())
	}
	empty, events, ends := NewBatch(atSecond(0), atSecond(0), 0), NewBatch(atSecond(0), atSecond(0), 0), NewBatch(atSecond(0), atSecond(0), 0)
	events.Events = make([]Event, 1)
	ends.End(x)
	if b.IsEmpty() || !empty.IsEmpty() || events.IsEmpty() || ends.IsEmpty() {
		t.Errorf("empty: %v, %v, %v, %v", b.IsEmpty(), empty.IsEmpty(), events.IsEmpty(), ends.IsEmpty())
	}
}

func TestBatchDoesNotGrowWithinItsSize(t *testing.T) {
	f := NewFactory("h", "s", nil)
	var series [64]*Series
	for i := range series {
		series[i] = f.Gauge("x", None)
	}
	if n := testing.AllocsPerRun(100, func() {
		b := NewBatch(atSecond(0), atSecond(0), len(series))
		for _, s := range series {
			b.Add(s, 1)
		}
		if b.Len() != len(series) {
			t.Fatalf("%d samples", b.Len())
		}
	}); n > 3 {
		t.Errorf("%v allocations for 64 samples", n)
	}
}

func TestRate(t *testing.T) {
	f := NewFactory("h", "s", nil)
	r := f.Rate("r", Bytes.PerSecond())
	for i, step := range []struct {
		at, counter float64
		want        float64 // NaN: none
	}{
		{0, 100, math.NaN()}, // the first reading
		{10, 150, 5},
		{10, 170, math.NaN()}, // no time has passed: the baseline stays
		{5, 190, math.NaN()},  // the clock goes backwards: the baseline stays
		{20, 170, 2},
		{21, 170, 0},
		{22, 30, math.NaN()}, // a reset is the new baseline
		{24, 34, 2},
		{25, math.NaN(), math.NaN()},
		{26, 40, 3}, // an invalid reading has not changed the baseline
		{26.5, 41, 2},
		{26.5004, 900, math.NaN()}, // too soon: the quotient would be noise
		{27.5, 42, 1},
	} {
		got, ok := r.Step(atSecond(step.at), step.counter)
		if ok == math.IsNaN(step.want) || ok && got != step.want {
			t.Errorf("step %d is %v, %v, want %v", i, got, ok, step.want)
		}
	}
}

func TestCounterWritesTotalAndRate(t *testing.T) {
	c := NewFactory("h", "s", nil).Counter("c", Bytes, Label{"d", "sda"})
	var got []writtenSample
	for i, v := range []float64{10, 40, 5} {
		// The sample has the scheduled time. The rate divides by the elapsed time, here 15 s.
		b := NewBatch(atSecond(float64(10*i)), atSecond(float64(15*i)), 0)
		c.Add(b, v)
		got = append(got, batchSamples(b)...)
	}
	want := []writtenSample{{"c_sda", 1000_000, 10}, {"c_sda", 1010_000, 40}, {"c_rate_sda", 1010_000, 2}, {"c_sda", 1020_000, 5}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c.raw.Kind() != Counter || c.rate.series.Kind() != Gauge || c.rate.series.Unit() != "bytes_per_second" {
		t.Error(c.raw, c.rate.series)
	}
}

func TestVecForgetsUnseenEntities(t *testing.T) {
	made := 0
	v := NewVec(nil, func(_ *Factory, k string) int { made++; return len(k) })
	first := v.Get("abc")
	if *first != 3 || v.Get("abc") != first || GetBytes(v, []byte("abc")) != first || made != 1 {
		t.Errorf("%d entities made", made)
	}
	*GetBytes(v, []byte("xy")) = 9
	v.Sweep(NewBatch(time.Time{}, time.Time{}, 0))
	for range keepUnseen - 1 { // missing, but not long enough to be forgotten
		v.Get("abc")
		v.Sweep(NewBatch(time.Time{}, time.Time{}, 0))
	}
	if v.Len() != 2 || *v.Get("xy") != 9 {
		t.Errorf("%d kept", v.Len())
	}
	v.Sweep(NewBatch(time.Time{}, time.Time{}, 0))
	for range keepUnseen {
		v.Get("abc")
		v.Sweep(NewBatch(time.Time{}, time.Time{}, 0))
	}
	if v.Len() != 1 || *v.Get("xy") != 2 {
		t.Errorf("%d kept", v.Len())
	}
}

func TestGetBytesKeepsSeenEntities(t *testing.T) {
	v := NewVec(nil, func(_ *Factory, _ string) int { return 0 })
	*v.Get("eth0") = 7
	for range 10 {
		GetBytes(v, []byte("eth0"))
		v.Sweep(NewBatch(time.Time{}, time.Time{}, 0))
	}
	if *v.Get("eth0") != 7 {
		t.Error("an entity that was in every gather is forgotten")
	}
	for range 2 { // every plugin relies on this: an entity may be missing in two gathers
		v.Sweep(NewBatch(time.Time{}, time.Time{}, 0))
	}
	if *v.Get("eth0") != 7 {
		t.Error("an entity that was missing twice is forgotten")
	}
}

func TestGetBytesAllocatesNothingForKnownKeys(t *testing.T) {
	v := NewVec(nil, func(_ *Factory, _ string) int { return 0 })
	name := []byte("eth0")
	GetBytes(v, name)
	if n := testing.AllocsPerRun(100, func() { GetBytes(v, name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMakerKeepsBatchesApart(t *testing.T) {
	f := NewFactory("h", "test", nil)
	b := f.Gauge("b", None)
	var more [5]*Series
	for i := range more {
		more[i] = f.Gauge("more", None)
	}
	var m Maker
	var made []*Batch
	sizes := []int{0, 3, 1, 5, 5, 5, 2, 0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 9, 1}
	for round, size := range sizes {
		at := time.UnixMilli(int64(1000 * round))
		batch := m.New(at, at)
		for i := range size {
			if i%2 == 0 {
				batch.Add(more[i/2], float64(100*round+i))
			} else {
				batch.AddAt(b, float64(100*round+i), int64(i))
			}
		}
		m.Filled(batch.Len())
		made = append(made, batch)
	}
	for round, size := range sizes { // each still has its own samples, and nothing else
		if made[round].Len() != size || made[round].Time != int64(1000*round) {
			t.Fatalf("batch %d: %d samples at %d", round, made[round].Len(), made[round].Time)
		}
		for i := range size {
			if _, _, v := made[round].Sample(i); v != float64(100*round+i) {
				t.Errorf("batch %d, sample %d: %v", round, i, v)
			}
		}
	}
}

func TestMakerAllocatesForSeveralBatches(t *testing.T) {
	f := NewFactory("h", "test", nil)
	s := f.Gauge("x", None)
	var m Maker
	at := time.Now()
	n := testing.AllocsPerRun(80, func() {
		b := m.New(at, at)
		for range 64 {
			b.Add(s, 1)
		}
		m.Filled(b.Len())
	})
	if n > 0.5 {
		t.Errorf("%v allocations a batch", n)
	}
}

func TestVecAll(t *testing.T) {
	v := NewVec(nil, func(_ *Factory, k string) int { return len(k) })
	v.Get("a")
	v.Get("bbb")
	got := map[string]int{}
	for k, n := range v.All() {
		got[k] = *n
	}
	if len(got) != 2 || got["a"] != 1 || got["bbb"] != 3 {
		t.Errorf("%v", got)
	}
	for range v.All() {
		break
	}
}

// A restarted counter has no rate, even if it has already exceeded its old value.
func TestForgetDropsBaselineOfRate(t *testing.T) {
	total := NewFactory("h", "s", nil).Counter("c", None)
	var got []int
	for i, reading := range []float64{10, 20, 30, 40} {
		b := NewBatch(atSecond(float64(i)), atSecond(float64(i)), 2)
		if i == 2 {
			total.Forget()
		}
		total.Add(b, reading)
		got = append(got, b.Len())
	}
	if want := []int{1, 2, 1, 2}; !cmp.Equal(got, want) {
		t.Errorf("%v samples, want %v", got, want)
	}
}
