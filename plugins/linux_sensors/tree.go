package linuxsensors

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// tree is a directory of /sys in which things of one kind come and go: chips, zones, batteries, CPUs.
type tree struct {
	dir    string
	prefix string // of the names of things; others are something else
	open   opener
	things map[string]*thing // by path
	list   []*thing          // the same, in the order of their names
	err    error             // of the last search
}

// thing is one directory of a tree.
type thing struct {
	path    string
	content uint64 // a hash of the names of its files; 0: it is to be opened again
	readers []keyedReader
	seen    bool // by the search that goes on
}

// reader appends the samples of one file, or of a few.
type reader interface {
	read(out *telemetry.Batch) error
	refresh() // comes with every search: for what is read less often than at every gather
	close()
}

// keyedReader is a reader and what its series is called, so that it is kept when its thing is opened again.
type keyedReader struct {
	key string
	reader
}

// place is a thing that is to be opened.
type place struct {
	path  string
	name  string   // of the directory, as in "hwmon3"
	files []string // what it contains
	old   []keyedReader
	new   []keyedReader
}

// opener adds what can be read of a thing. It returns false when the thing is not ready.
type opener func(p *place) bool

// add adds a reader, or keeps the one that there is.
func (p *place) add(key string, open func() reader) {
	if i := slices.IndexFunc(p.old, func(k keyedReader) bool { return k.key == key }); i >= 0 {
		p.new = append(p.new, p.old[i])
		p.old = slices.Delete(p.old, i, i+1)
		return
	}
	p.new = append(p.new, keyedReader{key, open()})
}

func (p *place) has(file string) bool { return slices.Contains(p.files, file) }

// scan searches a tree for what came and went.
func (in *input) scan(t *tree) error {
	in.reopenCPUs(t)
	in.outer.Move(t.dir)
	names, err := in.outer.Names()
	if hostfs.UnlessMissing(err) != nil {
		return err
	}
	if err != nil {
		names = nil
	}
	slices.SortFunc(names, bytes.Compare)
	for _, th := range t.list {
		th.seen = false
	}
	clear(t.list) // what is gone must not live on behind the end
	t.list = t.list[:0]
	for _, name := range names {
		if bytes.HasPrefix(name, []byte(t.prefix)) {
			in.visit(t, string(name))
		}
	}
	for path, th := range t.things {
		if !th.seen {
			th.close()
			delete(t.things, path)
			in.forgetChip(path)
			in.forgetSpeaker(path)
		}
	}
	return nil
}

// visit opens a thing when it is new, or has other files than before. One that goes away meanwhile is left out.
func (in *input) visit(t *tree, name string) {
	path := resolve(t.dir, name)
	in.inner.Move(path)
	files, err := in.inner.Names()
	if err != nil {
		return
	}
	th := t.things[path]
	if th == nil {
		th = &thing{path: path}
		t.things[path] = th
	}
	if content := digest(files); th.content != content {
		p := &place{path: path, name: name, old: th.readers}
		for _, f := range files {
			p.files = append(p.files, string(f))
		}
		th.content = 0
		if t.open(p) {
			th.content = content
		}
		closeAll(p.old)
		th.readers = p.new
	}
	for _, r := range th.readers {
		r.refresh()
	}
	th.seen = true
	t.list = append(t.list, th)
}

// resolve follows the link to a device. The path of the device is what tells it from another that gets the same number
// after it was unplugged.
func resolve(dir, name string) string {
	target, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return filepath.Join(dir, name) // no link: CPUs, and CONFIG_SYSFS_DEPRECATED
	}
	if filepath.IsAbs(target) {
		return target
	}
	return filepath.Join(dir, target)
}

func digest(names [][]byte) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for _, name := range names {
		for _, c := range name {
			h = (h ^ uint64(c)) * prime
		}
		h *= prime
	}
	return max(h, 1)
}

func (th *thing) close() { closeAll(th.readers) }

func closeAll(readers []keyedReader) {
	for _, r := range readers {
		r.close()
	}
}
