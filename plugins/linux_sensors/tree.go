package linuxsensors

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// tree is a directory of /sys with entities of one kind that come and go: chips, zones, batteries, CPUs.
type tree struct {
	dir      string
	prefix   string // of the names of entities; all other names are skipped
	open     openFunc
	entities map[string]*entity // by path
	list     []*entity          // the same, in the order of their names
	err      error              // of the last search
}

// entity is one directory of a tree.
type entity struct {
	path        string
	contentHash uint64 // hash of the names of its files; 0: open it again
	readers     []keyedReader
	seen        bool // by the current search
}

// reader appends the samples of one file, or of a few.
type reader interface {
	addSamples(out *telemetry.Batch) error
	refresh() // called by every search, for values that are not read at every gather
	close()
}

// keyedReader is a reader and a key. When its entity is opened again, a reader with the same key is kept.
type keyedReader struct {
	key string
	reader
}

// candidate is an entity that is being opened.
type candidate struct {
	path       string
	name       string   // of the directory, as in "hwmon3"
	files      []string // what it contains
	oldReaders []keyedReader
	newReaders []keyedReader
}

// openFunc adds the readers of an entity. It returns false if the entity is not ready.
type openFunc func(c *candidate) bool

// addReader adds a reader, or keeps the existing one with this key.
func (c *candidate) addReader(key string, open func() reader) {
	if i := slices.IndexFunc(c.oldReaders, func(k keyedReader) bool { return k.key == key }); i >= 0 {
		c.newReaders = append(c.newReaders, c.oldReaders[i])
		c.oldReaders = slices.Delete(c.oldReaders, i, i+1)
		return
	}
	c.newReaders = append(c.newReaders, keyedReader{key, open()})
}

func (c *candidate) hasFile(file string) bool { return slices.Contains(c.files, file) }

// scanTree searches a tree for new and removed entities.
func (in *input) scanTree(t *tree) error {
	in.reopenCPUs(t)
	in.treeDir.SetPath(t.dir)
	names, err := in.treeDir.Names()
	if hostfs.IgnoreMissing(err) != nil {
		return err
	}
	if err != nil {
		names = nil
	}
	slices.SortFunc(names, bytes.Compare)
	for _, e := range t.list {
		e.seen = false
	}
	clear(t.list) // otherwise removed entities stay reachable after the end of the slice
	t.list = t.list[:0]
	for _, name := range names {
		if bytes.HasPrefix(name, []byte(t.prefix)) {
			in.visitEntity(t, string(name))
		}
	}
	for path, e := range t.entities {
		if !e.seen {
			e.close()
			delete(t.entities, path)
			in.releaseChipName(path)
			in.forgetPackageCPU(path)
		}
	}
	return nil
}

// visitEntity opens an entity that is new or whose files have changed. It skips an entity that disappears meanwhile.
func (in *input) visitEntity(t *tree, name string) {
	path := resolveLink(t.dir, name)
	in.entityDir.SetPath(path)
	files, err := in.entityDir.Names()
	if err != nil {
		return
	}
	e := t.entities[path]
	if e == nil {
		e = &entity{path: path}
		t.entities[path] = e
	}
	if hash := hashNames(files); e.contentHash != hash {
		c := &candidate{path: path, name: name, oldReaders: e.readers}
		for _, f := range files {
			c.files = append(c.files, string(f))
		}
		e.contentHash = 0
		if t.open(c) {
			e.contentHash = hash
		}
		closeReaders(c.oldReaders)
		e.readers = c.newReaders
	}
	for _, r := range e.readers {
		r.refresh()
	}
	e.seen = true
	t.list = append(t.list, e)
}

// resolveLink follows the link to a device. The path of the device distinguishes it from another device that gets the
// same number later.
func resolveLink(dir, name string) string {
	target, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return filepath.Join(dir, name) // not a link: CPUs, and CONFIG_SYSFS_DEPRECATED
	}
	if filepath.IsAbs(target) {
		return target
	}
	return filepath.Join(dir, target)
}

func hashNames(names [][]byte) uint64 {
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

func (e *entity) close() { closeReaders(e.readers) }

func closeReaders(readers []keyedReader) {
	for _, r := range readers {
		r.close()
	}
}
