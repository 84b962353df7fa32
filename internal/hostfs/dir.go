package hostfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Dir is a directory that is listed again and again into one buffer. It belongs to one goroutine.
type Dir struct {
	path  string
	buf   []byte
	names [][]byte
	below []byte // the path below the directory that is being read
	head  []byte
}

// NewDir returns a lister of the directory at path.
func NewDir(path string) *Dir { return &Dir{path: path} }

// Path is the directory's name.
func (d *Dir) Path() string { return d.path }

// Move makes it a lister of another directory, which takes over the buffer: for trees whose directories are many.
func (d *Dir) Move(path string) { d.path = path }

// Names lists the directory without "." and "..", in the order of the file system. The names are valid until the next
// call. A directory that is not there is [fs.ErrNotExist].
func (d *Dir) Names() ([][]byte, error) {
	names, err := d.list()
	if err != nil {
		return nil, &os.PathError{Op: "list", Path: d.path, Err: err}
	}
	return names, nil
}

// headSize is how much of a file Heads reads, in bytes.
const headSize = 512

// Heads lists the directory and reads the beginning, up to 512 bytes, of the same file below each entry that is wanted:
// the "stat" of every process, say. Each is called for one after the other; what it gets is valid until it returns. What
// vanished since it was listed and what this process may not see (proc(5), hidepid) is left out; any other error ends it.
//
// Nothing is kept between two calls, however many entries come and go.
func (d *Dir) Heads(file string, wanted func(name []byte) bool, each func(name, head []byte)) error {
	if d.head == nil {
		d.head = make([]byte, headSize)
	}
	return d.heads(file, wanted, each)
}

// headError is the error of one entry's file, or nil if the entry is to be left out.
func (d *Dir) headError(err error) error {
	for _, unseen := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.ESRCH, syscall.ENOTDIR} {
		if errors.Is(err, unseen) {
			return nil
		}
	}
	return &os.PathError{Op: "read", Path: filepath.Join(d.path, string(d.below)), Err: err}
}

// lookBelow notes which file is read, and returns its path below the directory.
func (d *Dir) lookBelow(name []byte, file string) []byte {
	d.below = append(d.below[:0], name...)
	d.below = append(d.below, filepath.Separator)
	d.below = append(d.below, file...)
	return d.below
}
