package hostfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Dir is a directory that is listed repeatedly into one buffer. It belongs to one goroutine.
type Dir struct {
	path      string
	buf       []byte
	names     [][]byte
	belowPath []byte // the path below the directory of the file that is being read
	head      []byte
}

// NewDir returns a lister of the directory at path.
func NewDir(path string) *Dir { return &Dir{path: path} }

// Path returns the directory's path.
func (d *Dir) Path() string { return d.path }

// SetPath changes the directory and keeps the buffer, for trees with many directories.
func (d *Dir) SetPath(path string) { d.path = path }

// Names lists the directory without "." and "..", in the order of the file system. The names are valid until the next
// call. The error of a missing directory is [fs.ErrNotExist].
func (d *Dir) Names() ([][]byte, error) {
	names, err := d.listNames()
	if err != nil {
		return nil, &os.PathError{Op: "list", Path: d.path, Err: err}
	}
	return names, nil
}

// headSize is how much of a file ReadHeads reads, in bytes.
const headSize = 512

// ReadHeads lists the directory and reads the first 512 bytes of the same file below each wanted entry, such as the
// "stat" of every process. It calls each for one file after the other; name and head are valid until each returns. It
// skips entries that vanished since they were listed, and entries that this process may not see (proc(5), hidepid). Any
// other error ends it.
//
// Nothing is kept between two calls, however many entries come and go.
func (d *Dir) ReadHeads(file string, wanted func(name []byte) bool, each func(name, head []byte)) error {
	if d.head == nil {
		d.head = make([]byte, headSize)
	}
	return d.readHeads(file, wanted, each)
}

// ReadLinks lists the directory and calls each with every symbolic link and the first 512 bytes of its target, such as the
// descriptors of a process; both are valid until each returns. It skips entries that vanished since they were listed, and
// those that are not links. Any other error ends it. The links of a process that this one may not look into are
// [fs.ErrPermission] (proc_pid_fd(5)).
func (d *Dir) ReadLinks(each func(name, target []byte)) error {
	if d.head == nil {
		d.head = make([]byte, headSize)
	}
	return d.readLinks(each)
}

// linkError returns the error of one link, or nil if the entry is skipped.
func (d *Dir) linkError(err error, name []byte) error {
	for _, skipped := range []error{fs.ErrNotExist, syscall.ESRCH, syscall.EINVAL} {
		if errors.Is(err, skipped) {
			return nil
		}
	}
	return &os.PathError{Op: "read", Path: filepath.Join(d.path, string(name)), Err: err}
}

// headError returns the error of one entry's file, or nil if the entry is skipped.
func (d *Dir) headError(err error) error {
	for _, unseen := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.ESRCH, syscall.ENOTDIR} {
		if errors.Is(err, unseen) {
			return nil
		}
	}
	return &os.PathError{Op: "read", Path: filepath.Join(d.path, string(d.belowPath)), Err: err}
}

// setBelowPath records which file is being read, and returns its path below the directory.
func (d *Dir) setBelowPath(name []byte, file string) []byte {
	d.belowPath = append(d.belowPath[:0], name...)
	d.belowPath = append(d.belowPath, filepath.Separator)
	d.belowPath = append(d.belowPath, file...)
	return d.belowPath
}
