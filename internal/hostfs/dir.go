package hostfs

import "os"

// Dir is a directory that is listed again and again into one buffer. It belongs to one goroutine.
type Dir struct {
	path  string
	buf   []byte
	names [][]byte
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
