// Package hostfs says where a host's kernel files are and reads them cheaply.
//
// An agent in a container reports the host when HOST_PROC, HOST_SYS, HOST_ROOT and HOST_RUN (gopsutil's names) name
// the places where the host's trees are mounted; tests point a [Root] at recorded trees. No plugin writes "/proc".
package hostfs

import (
	"os"
	"path/filepath"
)

// Root is where the trees of one host are mounted.
type Root struct {
	Proc string // /proc
	Sys  string // /sys
	Run  string // /run
	Root string // /
}

// standardProc is where the kernel's process tree stands unless it was moved.
const standardProc = "/proc"

// FromEnv returns the standard places, moved by HOST_PROC, HOST_SYS, HOST_RUN and HOST_ROOT.
func FromEnv(getenv func(string) string) Root {
	or := func(name, standard string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return standard
	}
	return Root{
		Proc: or("HOST_PROC", standardProc),
		Sys:  or("HOST_SYS", "/sys"),
		Run:  or("HOST_RUN", "/run"),
		Root: or("HOST_ROOT", "/"),
	}
}

// At returns the trees below one directory: dir/proc, dir/sys, dir/run and dir itself. Tests use it for fixtures.
func At(dir string) Root {
	return Root{
		Proc: filepath.Join(dir, "proc"),
		Sys:  filepath.Join(dir, "sys"),
		Run:  filepath.Join(dir, "run"),
		Root: dir,
	}
}

// ProcFile returns a reader of a file below /proc.
func (r Root) ProcFile(elem ...string) *File {
	return NewFile(filepath.Join(r.Proc, filepath.Join(elem...)))
}

// SysFile returns a reader of a file below /sys.
func (r Root) SysFile(elem ...string) *File {
	return NewFile(filepath.Join(r.Sys, filepath.Join(elem...)))
}

// HostFile returns a reader of a per-process file that shows the host rather than this process: the mounts and the
// network of a moved tree are those of its process 1, because "self" there would be the agent's own container.
func (r Root) HostFile(elem ...string) *File {
	process := "self"
	if r.Proc != standardProc {
		process = "1"
	}
	return r.ProcFile(append([]string{process}, elem...)...)
}

// SelfFile returns a reader of a file of this very process, which no variable moves.
func SelfFile(elem ...string) *File {
	return NewFile(filepath.Join(standardProc, "self", filepath.Join(elem...)))
}

// File is a small file that is read whole, again and again, into one buffer. It keeps no file open between reads.
type File struct {
	path string
	buf  []byte
}

// maxFile bounds what one read takes from a kernel file, in bytes.
const maxFile = 64 << 20

// NewFile returns a reader of the file at path.
func NewFile(path string) *File { return &File{path: path} }

// Path is the file's name.
func (f *File) Path() string { return f.path }

// Read returns the content, which is valid until the next Read. A file that is not there is [fs.ErrNotExist].
func (f *File) Read() ([]byte, error) {
	if f.buf == nil {
		f.buf = make([]byte, 4096)
	}
	buf, n, err := readInto(f.path, f.buf)
	f.buf = buf
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: f.path, Err: err}
	}
	return buf[:n], nil
}
