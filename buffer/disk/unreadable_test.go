package disk

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fault is a storage that fails: files cannot be opened, or not be read from an offset on.
type fault struct {
	opening, reading error  // nil: works
	from             int64  // what begins in front of it can be read
	only             string // the path of the file that fails; empty: all do
}

func (f *fault) open(path string) (readerFile, error) {
	if f.only != "" && f.only != path {
		return os.Open(path)
	}
	if f.opening != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: f.opening}
	}
	file, err := os.Open(path)
	return faultyFile{file, f}, err
}

type faultyFile struct {
	readerFile
	fault *fault
}

func (f faultyFile) ReadAt(data []byte, at int64) (int, error) {
	if f.fault.reading != nil && at >= f.fault.from {
		return 0, &os.PathError{Op: "read", Path: "segment", Err: f.fault.reading}
	}
	return f.readerFile.ReadAt(data, at)
}

// filled returns a rig in which an earlier run has left five batches of 100 samples, and the offset of the record of the third one.
func filled(t *testing.T) (r *rig, all []sample, third int64) {
	r = newRig(t, t.TempDir(), 1<<30)
	s := newSource(17, 20)
	for i := range 5 {
		if i == 2 {
			third = r.queue.segments.active.size
		}
		b := s.batch(100)
		r.append(b)
		all = append(all, samplesOf(b)...)
	}
	r.stop()
	r.fault = &fault{}
	return r, all, third
}

// An error of opening or reading says nothing about what is in a file. The start is tried again, and then everything is there.
func TestUnreadableAtTheStart(t *testing.T) {
	for _, f := range []fault{
		{opening: syscall.EMFILE}, {opening: syscall.EACCES}, {reading: syscall.EIO}, {reading: syscall.EIO, from: headerSize + 1},
	} {
		r, all, _ := filled(t)
		r.start()
		s := newSource(19, 20)
		for range 2 {
			b := s.batch(100)
			r.append(b)
			all = append(all, samplesOf(b)...)
		}
		r.stop()
		files := r.files()
		f.only = files[1]
		*r.fault = f
		r.prepare()
		for range 3 {
			if err := r.queue.Open(); err == nil {
				t.Errorf("%+v: no error", f)
			}
		}
		if _, err := r.queue.Append(nil); err == nil {
			t.Errorf("%+v: no error of an append", f)
		}
		if !slices.Equal(r.files(), files) || r.store.size != 0 || r.queue.HasBacklog() || r.dropped != 0 || r.stats.Corrupt.Load() != 0 {
			t.Errorf("%+v: the files are %v, %d bytes, %d dropped, %d are damaged", f, r.files(), r.store.size, r.dropped, r.stats.Corrupt.Load())
		}
		*r.fault = fault{}
		if err := r.queue.Open(); err != nil {
			t.Fatal(err)
		}
		if got := r.takeAll(150); !slices.Equal(got, all) {
			t.Errorf("%+v: %d samples came back of %d", f, len(got), len(all))
		}
		r.checkEmpty("", len(all), len(all))
	}
}

// An error in the middle of reading ends the portion. What follows is delivered when it can be read again, each sample once.
func TestUnreadableForAWhile(t *testing.T) {
	for _, isOpening := range []bool{false, true} {
		r, all, third := filled(t)
		r.start()
		var got []sample
		if isOpening {
			*r.fault = fault{opening: syscall.EMFILE}
		} else {
			*r.fault = fault{reading: syscall.EIO, from: third}
			lease, err := r.queue.Take(nil, 1000)
			if err != nil {
				t.Fatal(err)
			}
			got = samplesOf(lease.Items...)
			r.queue.Settle(lease, len(got), nil)
			if len(got) != 200 {
				t.Errorf("%d samples came in front of what cannot be read", len(got))
			}
			r.fault.opening = syscall.ENFILE // when it is opened again
		}
		for range 3 {
			if lease, err := r.queue.Take(nil, 1000); err == nil {
				t.Errorf("no error, %d batches", len(lease.Items))
			}
		}
		*r.fault = fault{}
		got = append(got, r.takeAll(1000)...)
		if !slices.Equal(got, all) {
			t.Errorf("%d samples came back of %d", len(got), len(all))
		}
		r.checkEmpty("", len(all), len(got))
	}
}

// A file that opens and cannot be read for minutes is set aside, so that a bad sector does not block what comes after it.
func TestUnreadableForLong(t *testing.T) {
	t.Run("reading", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, all, third := filled(t)
			r.start()
			after := newSource(18, 20).batch(100)
			r.append(after)
			*r.fault = fault{reading: syscall.EIO, from: third}
			var got []sample
			begin := time.Now()
			for r.stats.Corrupt.Load() == 0 && time.Since(begin) < time.Hour {
				lease, err := r.queue.Take(nil, 1000)
				if err != nil {
					time.Sleep(10 * time.Second)
					continue
				}
				got = append(got, samplesOf(lease.Items...)...)
				r.queue.Settle(lease, lease.Weight, nil)
			}
			if took := time.Since(begin); took < unreadableFor || took > unreadableFor+time.Minute {
				t.Errorf("given up after %v", took)
			}
			*r.fault = fault{}
			got = append(got, r.takeAll(1000)...)
			if !slices.Equal(got, append(all[:200:200], samplesOf(after)...)) || r.dropped != 300 || len(r.files()) != 1 {
				t.Errorf("%d samples came back, %d are dropped, the files are %v", len(got), r.dropped, r.files())
			}
			r.checkEmpty("", 600, len(got))
		})
	})
	t.Run("start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, _, third := filled(t)
			path := r.files()[0]
			*r.fault = fault{reading: syscall.EIO, from: third}
			r.prepare()
			begin := time.Now()
			for r.queue.Open() != nil && time.Since(begin) < time.Hour {
				time.Sleep(10 * time.Second)
			}
			if took := time.Since(begin); took < unreadableFor || took > unreadableFor+time.Minute {
				t.Errorf("given up after %v", took)
			}
			if files := r.files(); len(files) != 1 || files[0] != path+asideSuffix || r.stats.Corrupt.Load() != 1 || r.dropped != 200 {
				t.Errorf("the files are %v, %d damaged, %d dropped", files, r.stats.Corrupt.Load(), r.dropped)
			}
			r.checkEmpty("", 200, 0) // it counts what it could
		})
	})
	t.Run("opening", func(t *testing.T) { // rights and limits are not the file's fault, however long it takes
		synctest.Test(t, func(t *testing.T) {
			r, all, _ := filled(t)
			*r.fault = fault{opening: syscall.EACCES}
			r.prepare()
			for range 1000 {
				if r.queue.Open() == nil {
					t.Fatal("no error")
				}
				time.Sleep(10 * time.Second)
			}
			*r.fault = fault{}
			if err := r.queue.Open(); err != nil {
				t.Fatal(err)
			}
			*r.fault = fault{opening: syscall.EACCES}
			for range 1000 {
				if _, err := r.queue.Take(nil, 1000); err == nil {
					t.Fatal("no error")
				}
				time.Sleep(10 * time.Second)
			}
			*r.fault = fault{}
			if got := r.takeAll(1000); !slices.Equal(got, all) {
				t.Errorf("%d samples came back of %d", len(got), len(all))
			}
		})
	})
}

// A damaged file that cannot be renamed stays where it is.
func TestDamagedFileThatCannotBeRenamed(t *testing.T) {
	for _, at := range []int64{15, headerSize + recordHeader + 5} { // in the header, which the start reads, and in the first record
		r, _, _ := filled(t)
		path := r.files()[0]
		if err := os.MkdirAll(path+asideSuffix+"/something", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := flipByte(path, at, 1); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r.start()
		got := r.takeAll(1000)
		if after, err := os.ReadFile(path); err != nil || !slices.Equal(after, before) {
			t.Errorf("at %d: the file was changed or removed: %v", at, err)
		}
		if r.dropped != 500 || r.stats.Corrupt.Load() != 1 {
			t.Errorf("at %d: %d dropped, %d damaged", at, r.dropped, r.stats.Corrupt.Load())
		}
		r.checkEmpty("", 500, len(got))
	}
}

// A file that became shorter is damaged: reading it again does not help.
func TestShortenedSegment(t *testing.T) {
	r, all, third := filled(t)
	r.start()
	if err := os.Truncate(r.files()[0], third+5); err != nil {
		t.Fatal(err)
	}
	got := r.takeAll(1000)
	if !slices.Equal(got, all[:200]) || r.dropped != 300 {
		t.Errorf("%d samples came back, %d are dropped", len(got), r.dropped)
	}
	r.checkEmpty("", 500, len(got))
}

// A file whose header became zeros is no file that was just begun if it has records.
func TestSegmentWithoutHeader(t *testing.T) {
	r, _, _ := filled(t)
	path := r.files()[0]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[:headerSize])
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	if files := r.files(); len(files) != 1 || files[0] != path+asideSuffix || r.dropped != 500 {
		t.Errorf("the files are %v, %d dropped", files, r.dropped)
	}
	r.checkEmpty("", 500, 0)
}

// Errors that pass do not add up: only one that lasts sets a file aside.
func TestUnreadableNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, all, _ := filled(t)
		r.start()
		var got []sample
		for len(got) < len(all) {
			for range 2 * unreadableTries {
				*r.fault = fault{reading: syscall.EIO}
				if _, err := r.queue.Take(nil, 100); err == nil {
					t.Fatal("no error")
				}
			}
			*r.fault = fault{}
			lease, err := r.queue.Take(nil, 100)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, samplesOf(lease.Items...)...)
			r.queue.Settle(lease, lease.Weight, nil)
			time.Sleep(unreadableFor)
		}
		if !slices.Equal(got, all) || r.stats.Corrupt.Load() != 0 {
			t.Errorf("%d samples came back of %d, %d files are set aside", len(got), len(all), r.stats.Corrupt.Load())
		}
		if _, err := r.queue.Take(nil, 1); err != nil { // this finds the end, and removes the file
			t.Error(err)
		}
		r.checkEmpty("", len(all), len(got))
	})
}
