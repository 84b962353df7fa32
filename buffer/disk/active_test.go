package disk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// keep appends as the agent does: what is returned is appended once more. It reports how many samples were returned.
func (r *rig) keep(batches ...*telemetry.Batch) (returned int) {
	r.t.Helper()
	rest, err := r.queue.Append(batches)
	if err == nil {
		return 0
	}
	r.append(rest...)
	return len(samplesOf(rest...))
}

// checkEmpty checks that nothing is left, and that everything that was appended is delivered or dropped.
func (r *rig) checkEmpty(name string, appended, delivered int) {
	r.t.Helper()
	if appended != delivered+r.dropped || r.stats.Dropped.Load() != int64(r.dropped) {
		r.t.Errorf("%s: %d samples were appended, %d delivered, %d dropped", name, appended, delivered, r.dropped)
	}
	aside := int64(0)
	for _, seg := range r.queue.segments.aside {
		aside += seg.size
	}
	if r.queue.HasBacklog() || r.stats.Count.Load() != 0 || r.store.size != aside || len(r.queue.segments.all) != 0 {
		r.t.Errorf("%s: backlog %v, %d samples, %d bytes besides those that are set aside, %d segments",
			name, r.queue.HasBacklog(), r.stats.Count.Load(), r.store.size-aside, len(r.queue.segments.all))
	}
}

func skipOnWindows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows removes and renames no open files")
	}
}

// Somebody removes the file to which records are appended, or its folder, or puts another one in its place. What is appended afterwards
// is delivered; what was in it is delivered or counted.
func TestActiveSegmentIsRemoved(t *testing.T) {
	skipOnWindows(t)
	remove := map[string]func(path string) error{
		"file":     os.Remove,
		"folder":   func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"replaced": func(path string) error { return os.Rename(path, path+".old") },
	}
	for what, remove := range remove {
		for _, isRead := range []bool{false, true} {
			for _, isFirst := range []bool{false, true} { // whether the reader or the keeper notices it first
				name := fmt.Sprintf("%s, read before: %v, noticed by the reader: %v", what, isRead, isFirst)
				r, s := newRig(t, t.TempDir(), 1<<30), newSource(12, 20)
				before, after, last := s.batch(300), s.batch(300), s.batch(300)
				r.append(before)
				var delivered []sample
				if isRead {
					lease, err := r.queue.Take(nil, 100)
					if err != nil {
						t.Fatal(err)
					}
					delivered = samplesOf(lease.Items...)
					r.queue.Settle(lease, 100, nil)
				}
				path := r.queue.segments.active.path
				if err := remove(path); err != nil {
					t.Fatal(err)
				}
				if what == "replaced" {
					if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if isFirst {
					delivered = append(delivered, r.takeAll(100)...)
				}
				r.keep(after)
				delivered = append(delivered, r.takeAll(100)...)
				r.keep(last)
				delivered = append(delivered, r.takeAll(100)...)
				want := samplesOf(after, last)
				if n := len(delivered) - len(want); n < 0 || !slices.Equal(delivered[n:], want) {
					t.Errorf("%s: what was appended afterwards did not come back", name)
				}
				r.checkEmpty(name, 900, len(delivered))
				r.stop()
			}
		}
	}
}

// What was appended after a removal survives the end of the process, although a reader still has the removed file open.
func TestActiveSegmentIsRemovedBeforeTheEnd(t *testing.T) {
	skipOnWindows(t)
	r, s := newRig(t, t.TempDir(), 1<<30), newSource(13, 20)
	r.append(s.batch(300))
	if _, err := r.queue.Take(nil, 100); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.queue.segments.active.path); err != nil {
		t.Fatal(err)
	}
	after := s.batch(300)
	r.append(after) // the last append of a process is not tried again
	r.stop()
	r.start()
	if got := r.takeAll(1000); !slices.Equal(got, samplesOf(after)) {
		t.Errorf("%d samples came back of 300", len(got))
	}
}

// A damaged record in the file to which records are appended: what follows goes to another file.
func TestActiveSegmentIsDamaged(t *testing.T) {
	for i := range 4 {
		isRewound, isLate := i%2 == 1, i/2 == 1
		name := fmt.Sprintf("rewound: %v, found at the end of an append: %v", isRewound, isLate)
		r, s := newRig(t, t.TempDir(), 1<<30), newSource(14, 20)
		first, bad, after, last := s.batch(300), s.batch(300), s.batch(300), s.batch(300)
		r.append(first)
		active := r.queue.segments.active
		size := active.size
		r.append(bad)
		if err := flipByte(active.path, size+recordHeader+5, 1); err != nil {
			t.Fatal(err)
		}
		if isLate {
			r.queue.segments.appending.Lock()
		}
		lease, err := r.queue.Take(nil, 1000) // the damage is found, and what is in front of it waits to be settled
		if err != nil || lease.Weight != 300 {
			t.Fatalf("%d samples are taken: %v", lease.Weight, err)
		}
		if isLate {
			r.queue.segments.appending.Unlock()
		}
		var got []sample
		if isRewound { // writing it failed
			r.queue.Settle(lease, 0, nil)
			r.queue.Rewind()
			r.append(after)
		} else {
			r.append(after)
			got = samplesOf(lease.Items...)
			r.queue.Settle(lease, 300, nil)
		}
		got = append(got, r.takeAll(100)...)
		r.append(last)
		got = append(got, r.takeAll(100)...)
		if !slices.Equal(got, samplesOf(first, after, last)) {
			t.Errorf("%s: %d samples came back of 900", name, len(got))
		}
		if r.dropped != 300 || r.stats.Corrupt.Load() != 1 || len(r.files()) != 1 {
			t.Errorf("%s: %d dropped, %d files are set aside, there are %v", name, r.dropped, r.stats.Corrupt.Load(), r.files())
		}
		r.checkEmpty(name, 1200, len(got))
	}
}

// The reader finds the damage, or that the file is gone, while an append is syncing it. The append fails and returns everything.
func TestActiveSegmentFailsDuringAppend(t *testing.T) {
	for _, what := range []string{"damaged", "removed", "replaced"} {
		if runtime.GOOS == "windows" && what != "damaged" {
			continue
		}
		r, s := newRig(t, t.TempDir(), 1<<30), newSource(15, 20)
		first, after := s.batch(300), s.batch(300)
		r.append(first)
		path := r.queue.segments.active.path
		var delivered []sample
		isDone, written := false, int64(0)
		r.store.Sync = func(*os.File) error {
			if isDone {
				return nil
			}
			isDone, written = true, r.queue.segments.written
			var err error
			switch what {
			case "damaged":
				err = flipByte(path, headerSize+recordHeader+5, 1)
			case "removed":
				err = os.Remove(path)
			case "replaced":
				if err = os.Rename(path, path+".old"); err == nil {
					return os.WriteFile(path, []byte("something else"), 0o600)
				}
			}
			if err != nil {
				return err
			}
			lease, err := r.queue.Take(nil, 1000)
			delivered = append(delivered, samplesOf(lease.Items...)...)
			r.queue.Settle(lease, lease.Weight, nil)
			if _, err := os.Stat(path); what == "damaged" && err != nil {
				t.Errorf("the file is moved while it is open, which Windows refuses: %v", err)
			}
			return err
		}
		if n := r.keep(after); n != 300 {
			t.Errorf("%s: %d samples were returned of 300", what, n)
		}
		if data, err := os.ReadFile(path); what == "replaced" && (err != nil || !bytes.Equal(data, []byte("something else"))) {
			t.Errorf("the other file became %q, %v", data, err)
		}
		delivered = append(delivered, r.takeAll(1000)...)
		if n := len(delivered) - 300; n < 0 || !slices.Equal(delivered[n:], samplesOf(after)) {
			t.Errorf("%s: what was returned and appended again did not come back", what)
		}
		if what == "damaged" { // the file is evidence, and stays as it is
			if info, err := os.Stat(path + asideSuffix); err != nil || info.Size() != written {
				t.Errorf("the file that was set aside: %v, %v; %d bytes were written", info, err, written)
			}
		}
		r.checkEmpty(what, 600, len(delivered))
		r.stop()
	}
}

// A reader that has opened a file whose first append fails leaves it, and the next append begins another one.
func TestAbandonedSegmentIsRead(t *testing.T) {
	r, s := newRig(t, t.TempDir(), 1<<30), newSource(16, 20)
	b := s.batch(300)
	sync := r.store.Sync
	r.store.Sync = func(*os.File) error {
		if lease, err := r.queue.Take(nil, 1000); err != nil || len(lease.Items) > 0 {
			t.Errorf("%d batches are taken before they are stored: %v", len(lease.Items), err)
		}
		return errTest
	}
	rest, err := r.queue.Append([]*telemetry.Batch{b})
	if err == nil {
		t.Fatal("no error")
	}
	abandoned := r.queue.segments.next - 1
	r.store.Sync = sync
	r.append(rest...)
	if n := r.queue.segments.active.number; n <= abandoned {
		t.Errorf("the new file has the number %d, the abandoned one %d", n, abandoned)
	}
	if got := r.takeAll(1000); !slices.Equal(got, samplesOf(b)) {
		t.Errorf("%d samples came back of 300", len(got))
	}
	if files := r.files(); len(files) != 0 {
		t.Errorf("there are %v", files)
	}
	r.checkEmpty("", 300, 300)
}

// Files are damaged and removed while both sides work: what is appended is delivered or dropped, each sample once.
func TestTroubleWhileBothSidesWork(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r, random := newRig(t, t.TempDir(), 1<<20), rand.New(rand.NewPCG(seed, 2))
	appended := make(chan int)
	go func() {
		s, n := newSource(seed, 20), 0
		for range 400 {
			b := s.batch(1 + s.random.IntN(500))
			n += b.Len()
			for rest := []*telemetry.Batch{b}; len(rest) > 0; {
				rest, _ = r.queue.Append(rest)
			}
		}
		appended <- n
	}()
	want, delivered := -1, 0
	for want < 0 || r.queue.HasBacklog() {
		select {
		case want = <-appended:
		default:
		}
		r.store.mu.Lock()
		path := ""
		if seg := r.queue.segments.active; seg != nil && want < 0 {
			path = seg.path
		}
		r.store.mu.Unlock()
		switch random.IntN(20) {
		case 0:
			_ = os.Remove(path)
		case 1:
			_ = flipByte(path, random.Int64N(20_000), 1) // which may be after the end
		}
		lease, err := r.queue.Take(nil, 1+random.IntN(1000))
		if err != nil {
			t.Fatal(err)
		}
		n := len(samplesOf(lease.Items...))
		settled := random.IntN(n + 1)
		if want >= 0 {
			settled = n
		}
		r.queue.Settle(lease, settled, nil)
		delivered += settled
		if settled < n {
			r.queue.Rewind()
		}
		if want >= 0 && n == 0 && r.queue.HasBacklog() {
			t.Fatalf("there is nothing to take, but %d samples on the disk", r.stats.Count.Load())
		}
	}
	t.Logf("%d samples appended, %d dropped, %d files set aside", want, r.dropped, r.stats.Corrupt.Load())
	if _, err := r.queue.Take(nil, 1); err != nil { // this finds the end
		t.Error(err)
	}
	r.checkEmpty(fmt.Sprint("seed ", seed), want, delivered)
}
