package disk

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// rig is a store with one queue of samples, as an agent has it.
type rig struct {
	t       testing.TB
	path    string
	limit   int64
	store   *Store
	queue   *Queue[*telemetry.Batch]
	stats   *selfstat.Disk
	dropped int
	fault   *fault // nil: none
}

func newRig(t testing.TB, path string, limit int64) *rig {
	r := &rig{t: t, path: path, limit: limit}
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

// start opens the store as a new process does.
func (r *rig) start() {
	r.t.Helper()
	r.prepare()
	if err := r.queue.Open(); err != nil {
		r.t.Fatal(err)
	}
}

// prepare does not open the queue yet.
func (r *rig) prepare() {
	log := slog.New(slog.DiscardHandler)
	r.store, r.stats = NewStore(r.path, r.limit, log), &selfstat.Disk{}
	r.store.Sync = func(*os.File) error { return nil } // a process that is killed needs none
	r.queue = NewQueue(r.store, "redis", SampleCodec(), r.stats, func(n int) { r.dropped += n }, log)
	if r.fault != nil {
		r.store.openFile = r.fault.open
	}
}

func (r *rig) stop() {
	if r.store != nil {
		r.queue.Close()
		r.store.Close()
		r.store = nil
	}
}

func (r *rig) append(batches ...*telemetry.Batch) {
	r.t.Helper()
	if rest, err := r.queue.Append(batches); err != nil || len(rest) > 0 {
		r.t.Fatalf("append: %v, %d batches are left", err, len(rest))
	}
}

// sample is what is compared: a series is its whole description.
type sample struct {
	series string
	ms     int64
	value  float64
}

// describe returns everything that outputs see of a series. It keeps the text in a memo slot.
func describe(s *telemetry.Series) string {
	text, _ := s.Memo(telemetry.Slot{}).(string)
	if text == "" {
		text = fmt.Sprintf("%+v", s.Describe())
		s.SetMemo(telemetry.Slot{}, text)
	}
	return text
}

func samplesOf(batches ...*telemetry.Batch) (all []sample) {
	for _, b := range batches {
		for i := range b.Len() {
			s, ms, v := b.Sample(i)
			all = append(all, sample{describe(s), ms, v})
		}
	}
	return all
}

// takeAll takes and settles everything, in portions of a weight.
func (r *rig) takeAll(weight int) (all []sample) {
	r.t.Helper()
	for r.queue.HasBacklog() {
		lease, err := r.queue.Take(nil, weight)
		if err != nil {
			r.t.Fatal(err)
		}
		got := samplesOf(lease.Items...)
		all = append(all, got...)
		r.queue.Settle(lease, len(got), nil)
		if len(lease.Items) == 0 && r.queue.HasBacklog() {
			r.t.Fatalf("there is nothing to take, but %d samples on the disk", r.stats.Count.Load())
		}
	}
	return all
}

func (r *rig) files() (names []string) {
	entries, err := os.ReadDir(filepath.Join(r.path, "redis", "samples"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		if isSegmentName(e.Name()) {
			names = append(names, filepath.Join(r.path, "redis", "samples", e.Name()))
		}
	}
	return names
}

// source makes batches of a few series whose values count up, so that a lost, doubled or displaced sample is visible.
type source struct {
	series []*telemetry.Series
	random *rand.Rand
	tick   int64
	value  float64
}

func newSource(seed uint64, series int) *source {
	s := &source{random: rand.New(rand.NewPCG(seed, 1))}
	f := telemetry.NewFactory("host-1", "test", map[string]string{"site": "a"}).Every(time.Second)
	for i := range series {
		of := f
		if i%3 == 1 {
			of = f.Ephemeral(time.Hour)
		}
		kind := telemetry.Gauge
		if i%2 == 1 {
			kind = telemetry.Counter
		}
		s.series = append(s.series, of.New(fmt.Sprintf("metric_%d", i%7), kind, telemetry.Bytes, telemetry.Label{Key: "disk", Value: fmt.Sprint("sd", i)}))
	}
	return s
}

// batch returns the next batch: some of the series, some with times of their own.
func (s *source) batch(size int) *telemetry.Batch {
	s.tick++
	at := time.UnixMilli(1_700_000_000_000 + 1000*s.tick)
	b := telemetry.NewBatch(at, at, 0)
	for i := range size {
		s.value++
		v := s.value
		if s.random.IntN(4) == 0 {
			v = s.value + s.random.Float64()
		}
		series := s.series[i%len(s.series)]
		if s.random.IntN(8) == 0 {
			series = s.series[s.random.IntN(len(s.series))]
		}
		ms := b.Time
		if s.tick%5 == 0 {
			ms += int64(s.random.IntN(100))
		}
		b.Copy(series, v, ms)
	}
	return b
}

func TestSamplesComeBackAsTheyWere(t *testing.T) {
	r, s := newRig(t, t.TempDir(), 1<<30), newSource(1, 50)
	var want []sample
	for range 200 {
		b := s.batch(s.random.IntN(100))
		if s.tick%10 == 0 {
			b.CopyEnd(s.series[3])
		}
		want = append(want, samplesOf(b)...)
		r.append(b)
	}
	ended := 0
	var got []sample
	for r.queue.HasBacklog() {
		lease, err := r.queue.Take(nil, 1+s.random.IntN(700))
		if err != nil {
			t.Fatal(err)
		}
		part := samplesOf(lease.Items...)
		for _, b := range lease.Items {
			for _, e := range b.Ended() {
				if describe(e) != describe(s.series[3]) {
					t.Errorf("%v ended", e)
				}
				ended++
			}
		}
		got = append(got, part...)
		r.queue.Settle(lease, len(part), nil)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d samples came back, want %d", len(got), len(want))
	}
	if ended != 20 || len(r.files()) != 0 || r.stats.Count.Load() != 0 || r.stats.Bytes.Load() != 0 || r.store.size != 0 {
		t.Errorf("%d ended, files %v, %d samples, %d bytes", ended, r.files(), r.stats.Count.Load(), r.stats.Bytes.Load())
	}
	if r.stats.Appended.Load() != int64(len(want)) || r.stats.Replayed.Load() != int64(len(want)) {
		t.Errorf("appended %d, replayed %d", r.stats.Appended.Load(), r.stats.Replayed.Load())
	}
}

// A sample takes at most 12 bytes, also if every bit of every value changes and the flushes are small.
func TestBytesPerSample(t *testing.T) {
	r, s := newRig(t, t.TempDir(), 1<<30), newSource(9, 146)
	n := 0
	for tick := range 1000 {
		at := time.UnixMilli(1_700_000_000_000 + 1000*int64(tick))
		b := telemetry.NewBatch(at, at, 0)
		for _, series := range s.series {
			b.Copy(series, s.random.NormFloat64()*1e6, b.Time)
			n++
		}
		r.append(b)
	}
	if size := float64(r.stats.Bytes.Load()) / float64(n); size > 12 {
		t.Errorf("%.1f bytes per sample", size)
	} else {
		t.Logf("%.1f bytes per sample", size)
	}
}

// TestCrash ends a run at a random byte a thousand times. What was acknowledged before is delivered, in order, and nothing else is;
// what was settled is not delivered again, except for at most one record.
func TestCrash(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 50
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range rounds {
		crashOnce(t, seed+uint64(round))
		if t.Failed() {
			t.Fatalf("seed %d", seed+uint64(round))
		}
	}
}

func crashOnce(t *testing.T, seed uint64) {
	r, s := newRig(t, t.TempDir(), 1<<20), newSource(seed, 20) // segments of 64 KiB
	defer r.stop()
	var all []sample // appended
	type state struct{ size, appended int64 }
	acknowledged := map[string][]state{} // by file: after each append, its size and the samples that were appended to it
	taken := 0
	for range 1 + s.random.IntN(15) {
		b := s.batch(1 + s.random.IntN(900))
		r.append(b)
		all = append(all, samplesOf(b)...)
		for _, seg := range r.queue.segments.all {
			states := acknowledged[seg.path]
			switch {
			case len(states) == 0: // an append of this size begins at most one segment, and fills at most one
				acknowledged[seg.path] = []state{{seg.size, int64(b.Len())}}
			case states[len(states)-1].size < seg.size:
				acknowledged[seg.path] = append(states, state{seg.size, states[len(states)-1].appended + int64(b.Len())})
			}
		}
		if s.random.IntN(3) == 0 {
			lease, err := r.queue.Take(nil, 1+s.random.IntN(2000))
			if err != nil {
				t.Fatal(err)
			}
			n := len(samplesOf(lease.Items...))
			settled := n
			if s.random.IntN(3) == 0 { // a write that fails in the middle
				settled = s.random.IntN(n + 1)
			}
			r.queue.Settle(lease, settled, nil)
			if settled < n {
				r.queue.Rewind()
			}
			taken += settled
		}
	}
	if r.dropped > 0 {
		t.Fatal("the limit was reached")
	}
	files := r.files()
	r.stop()
	isCut := s.random.IntN(2) == 0
	lost := 0 // samples that may be missing at the end: those appended after the last append that is in front of the damage
	if len(files) > 0 {
		path := files[len(files)-1]
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		at := s.random.Int64N(info.Size() + 1)
		states := acknowledged[path]
		if isCut {
			err = os.Truncate(path, at)
		} else if at < info.Size() {
			err = flipByte(path, at, byte(1+s.random.IntN(255)))
		}
		if err != nil {
			t.Fatal(err)
		}
		safe := int64(0) // samples of all appends to the file that end in front of the damage
		for _, st := range states {
			if st.size <= at {
				safe = st.appended
			}
		}
		lost = int(states[len(states)-1].appended - safe)
	}
	r.start()
	got := r.takeAll(1 + s.random.IntN(3000))
	// What comes must be a part of what was appended that begins where it was settled.
	if len(got) > len(all)-taken {
		t.Errorf("%d samples came back, only %d were not settled", len(got), len(all)-taken)
		return
	}
	if missing := len(all) - taken - len(got); missing > lost {
		t.Errorf("%d samples are missing, at most %d were damaged", missing, lost)
		return
	}
	if !slices.Equal(got, all[taken:taken+len(got)]) {
		t.Error("other samples came back than were appended, or in another order")
	}
	if r.stats.Count.Load() != 0 || r.queue.HasBacklog() {
		t.Errorf("%d samples remain", r.stats.Count.Load())
	}
}

func flipByte(path string, at int64, mask byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= mask
	_, err = f.WriteAt(b[:], at)
	return err
}

// A folder that is being opened, on a file system that hangs, does not block the end.
func TestCloseDoesNotWaitForOpening(t *testing.T) {
	s := NewStore(t.TempDir(), 1<<20, slog.New(slog.DiscardHandler))
	s.opening.Lock() // as open does
	s.Close()
}
