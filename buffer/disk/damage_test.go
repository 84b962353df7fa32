package disk

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// A flipped bit in the middle sets the file aside: what is in front of it is delivered, the rest is counted.
func TestCorruptSegmentIsSetAside(t *testing.T) {
	r, s := newRig(t, t.TempDir(), 1<<30), newSource(2, 20)
	var all []sample
	var sizes []int64
	for range 10 {
		b := s.batch(100)
		r.append(b)
		all = append(all, samplesOf(b)...)
		sizes = append(sizes, r.queue.segments.active.size)
	}
	path := r.files()[0]
	r.stop()
	if err := flipByte(path, sizes[5]+30, 1); err != nil { // in the payload of the seventh
		t.Fatal(err)
	}
	r.start()
	if n := r.stats.Count.Load(); n != 1000 {
		t.Errorf("%d samples on disk", n)
	}
	got := r.takeAll(250)
	if !slices.Equal(got, all[:600]) || r.dropped != 400 || r.stats.Dropped.Load() != 400 || r.stats.Corrupt.Load() != 1 {
		t.Errorf("%d samples came back, %d were dropped, %d files are corrupt", len(got), r.dropped, r.stats.Corrupt.Load())
	}
	if files := r.files(); len(files) != 1 || files[0] != path+asideSuffix || r.stats.Bytes.Load() != sizes[9] {
		t.Errorf("files are %v, %d bytes", files, r.stats.Bytes.Load())
	}
	r.stop()
	r.start()
	if r.queue.HasBacklog() || r.stats.Bytes.Load() != sizes[9] {
		t.Error("the file is read again, or does not count")
	}
}

func TestSegmentOfANewerVersionIsLeftAlone(t *testing.T) {
	r, s := newRig(t, t.TempDir(), 1<<30), newSource(3, 5)
	a := s.batch(10)
	r.append(a)
	path := r.files()[0]
	r.stop()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(data[8:], version+1)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	b := s.batch(10)
	r.append(b)
	if got := r.takeAll(100); !slices.Equal(got, samplesOf(b)) {
		t.Errorf("%d samples came back", len(got))
	}
	after, err := os.ReadFile(path)
	if err != nil || !slices.Equal(after, data) {
		t.Errorf("the file was changed: %v", err)
	}
	r.stop() // and the newer version is installed again
	binary.LittleEndian.PutUint32(data[8:], version)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	if got := r.takeAll(100); !slices.Equal(got, samplesOf(a)) {
		t.Errorf("%d samples of the file came back", len(got))
	}
}

// The oldest segments go first, of whichever queue they are, and those that are set aside before all others.
func TestLimitDropsTheOldest(t *testing.T) {
	r, s := newRig(t, t.TempDir(), 256<<10), newSource(4, 20)
	aside := filepath.Join(r.path, "redis", "samples", "0000000000000000"+segmentSuffix+asideSuffix)
	r.stop()
	if err := os.WriteFile(aside, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	var all []sample
	for range 400 {
		b := s.batch(500)
		r.append(b)
		all = append(all, samplesOf(b)...)
		if r.store.size > r.limit+r.store.segmentSize {
			t.Fatalf("%d bytes, the limit is %d", r.store.size, r.limit)
		}
	}
	if _, err := os.Stat(aside); err == nil {
		t.Error("the file that was set aside is still there")
	}
	if r.dropped == 0 || int64(r.dropped) != r.stats.Dropped.Load() {
		t.Errorf("%d dropped, %d counted", r.dropped, r.stats.Dropped.Load())
	}
	if got := r.takeAll(10_000); !slices.Equal(got, all[r.dropped:]) {
		t.Errorf("%d samples came back; %d were appended, %d dropped", len(got), len(all), r.dropped)
	}
}

// What is being read is not dropped, and everything is counted once.
func TestLimitWhileReading(t *testing.T) {
	r, s := newRig(t, t.TempDir(), 256<<10), newSource(5, 20)
	appended, delivered := 0, 0
	for range 300 {
		b := s.batch(500)
		r.append(b)
		appended += b.Len()
		lease, err := r.queue.Take(nil, 1+s.random.IntN(600))
		if err != nil {
			t.Fatal(err)
		}
		n := len(samplesOf(lease.Items...))
		settled := s.random.IntN(n + 1)
		r.queue.Settle(lease, settled, nil)
		delivered += settled
		r.queue.Rewind()
	}
	rest := len(r.takeAll(10_000))
	if appended != delivered+rest+r.dropped || r.dropped == 0 {
		t.Errorf("%d appended, but %d delivered, %d left and %d dropped", appended, delivered, rest, r.dropped)
	}
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	x := EventEncoder{Run: "run-0001"}
	events := []telemetry.Event{
		{Time: time.Unix(1_700_000_000, 123_456_789), Seq: 1, Source: "syslog", Severity: telemetry.Error, Host: "h", App: "sshd", Proc: "1", MsgID: "m",
			Message: "text\x00\xff", Fields: []telemetry.Field{
				telemetry.Text("a", "b"), telemetry.Int("n", -5), telemetry.Float("f", math.Inf(1)), telemetry.Bool("t", true), telemetry.Text("", "")}},
		{Time: time.Unix(-5, 0), Seq: math.MaxUint64, Run: "run-0000", Severity: telemetry.Debug},
	}
	var payload []byte
	for i := range events {
		payload = x.Append(payload, &events[i])
	}
	got, err := DecodeEvents(payload, 2)
	if err != nil {
		t.Fatal(err)
	}
	events[0].Run = "run-0001"
	for i := range events {
		if !got[i].Time.Equal(events[i].Time) {
			t.Errorf("%v, want %v", got[i].Time, events[i].Time)
		}
		got[i].Time = events[i].Time
		if !slices.Equal(got[i].Fields, events[i].Fields) || string(got[i].AppendID(nil, "other")) != string(events[i].AppendID(nil, "other")) {
			t.Errorf("%+v, want %+v", got[i], events[i])
		}
		got[i].Fields, events[i].Fields = nil, nil
		if got[i].Message != events[i].Message || got[i].App != events[i].App || got[i].Source != events[i].Source || got[i].Severity != events[i].Severity {
			t.Errorf("%+v, want %+v", got[i], events[i])
		}
	}
	if _, err := DecodeEvents(payload, 3); err == nil {
		t.Error("a wrong number is accepted")
	}
}

func TestFolderNames(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"redistimeseries", "stdout#a", "stdout#A", "x#../..", "x#a/b", "x#a\\b", "x#", "x#" + strings.Repeat("a", 300), "x#" + strings.Repeat("a", 301)} {
		name := folderName(id)
		if other, twice := seen[name]; twice {
			t.Errorf("%q and %q have the same folder", id, other)
		}
		seen[name] = id
		if len(name) > 200 || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
			t.Errorf("%q has the folder %q", id, name)
		}
	}
}

// FuzzSegment reads any bytes as the file of an earlier run.
func FuzzSegment(f *testing.F) {
	r, s := newRig(f, f.TempDir(), 1<<30), newSource(6, 5)
	for range 3 {
		b := s.batch(5)
		b.CopyEnd(s.series[1])
		r.append(b)
	}
	data, err := os.ReadFile(r.files()[0])
	if err != nil {
		f.Fatal(err)
	}
	r.stop()
	f.Add(data)
	f.Add(data[:len(data)-3])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := t.TempDir()
		folder := filepath.Join(path, "redis", "samples")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "0000000000000001"+segmentSuffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, path, 1<<30)
		n := len(r.takeAll(7))
		if n > len(data) {
			t.Errorf("%d samples came out of %d bytes", n, len(data))
		}
		if _, err := r.queue.Take(nil, 1); err != nil { // a file that holds nothing is no backlog, and is removed when it is met
			t.Error(err)
		}
		r.checkEmpty("", n+r.dropped, n)
	})
}

// FuzzSamples decodes any payload, whose checksum fits.
func FuzzSamples(f *testing.F) {
	s := newSource(7, 5)
	e := SampleCodec().NewEncoder()
	f.Add(e.Append(nil, s.batch(5)), 5)
	f.Add(e.Append(nil, s.batch(3)), 3)
	f.Fuzz(func(t *testing.T, payload []byte, count int) {
		batches, err := SampleCodec().NewDecoder().Decode(payload, count)
		if err != nil {
			return
		}
		n := 0
		for _, b := range batches {
			n += b.Len()
		}
		if n != count || n > len(payload) {
			t.Errorf("%d samples, want %d, of %d bytes", n, count, len(payload))
		}
	})
}

// FuzzEvents decodes any payload.
func FuzzEvents(f *testing.F) {
	x := EventEncoder{Run: "r"}
	f.Add(x.Append(nil, &telemetry.Event{Time: time.Unix(1, 2), Message: "m", Fields: []telemetry.Field{telemetry.Int("a", 1)}}), 1)
	f.Fuzz(func(t *testing.T, payload []byte, count int) {
		if events, err := DecodeEvents(payload, count); err == nil && len(events) != count {
			t.Errorf("%d events, want %d", len(events), count)
		}
	})
}

// After a crash of the machine, the position may be older than the files: it is not synced. A new segment must not get the number that the
// position is about, because its first records would count as settled.
func TestPositionOfAMissingSegment(t *testing.T) {
	r, s := newRig(t, t.TempDir(), 1<<30), newSource(10, 20)
	r.append(s.batch(100))
	r.append(s.batch(100))
	lease, err := r.queue.Take(nil, 150)
	if err != nil {
		t.Fatal(err)
	}
	r.queue.Settle(lease, lease.Weight, nil)
	path := r.files()[0]
	r.stop()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.start()
	b, c := s.batch(100), s.batch(100)
	r.append(b)
	r.append(c)
	if got := r.takeAll(1000); !slices.Equal(got, samplesOf(b, c)) {
		t.Errorf("%d samples came back of 200", len(got))
	}
}
