// Package hostfs says where a host's kernel files are and reads them cheaply.
//
// An agent in a container reports the host when HOST_PROC, HOST_SYS, HOST_ROOT and HOST_RUN (gopsutil's names) name
// the places where the host's trees are mounted; tests point a [Root] at recorded trees. No plugin writes "/proc".
package hostfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
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

// ProcDir returns a lister of a directory below /proc, or of /proc itself.
func (r Root) ProcDir(elem ...string) *Dir {
	return NewDir(filepath.Join(r.Proc, filepath.Join(elem...)))
}

// SysDir returns a lister of a directory below /sys.
func (r Root) SysDir(elem ...string) *Dir {
	return NewDir(filepath.Join(r.Sys, filepath.Join(elem...)))
}

// RootFile returns a reader of a file of the host's own file systems, such as "etc", "os-release".
func (r Root) RootFile(elem ...string) *File {
	return NewFile(filepath.Join(r.Root, filepath.Join(elem...)))
}

// SelfDir returns a lister of a directory of this very process, which no variable moves.
func SelfDir(elem ...string) *Dir {
	return NewDir(filepath.Join(standardProc, "self", filepath.Join(elem...)))
}

// File is a small file that is read whole, again and again, into one buffer.
//
// A file that the kernel makes up stays open between reads, because opening it costs more than reading it. It is
// known by its size, which is not that of its content: 0 in /proc, a page in /sys. Any other file is opened anew for
// each read: it may have been replaced by one of the same name. A File belongs to one goroutine.
type File struct {
	path  string
	first int // size of the first buffer
	buf   []byte
	kept  *os.File
}

const (
	firstBuffer = 4 << 10  // bytes: what most kernel files fit in
	valueBuffer = 64       // bytes: what a single value fits in
	maxFile     = 64 << 20 // bytes: more than that is not a kernel file
	muchLarger  = 8        // times: a buffer that is so much larger than what was read is given back
)

// NewFile returns a reader of the file at path.
func NewFile(path string) *File { return &File{path: path, first: firstBuffer} }

// NewValue returns a reader of a file that holds a single value, as those below /sys do: machines have hundreds of
// them, and a page for each would be the most that their reader keeps.
func NewValue(path string) *File { return &File{path: path, first: valueBuffer} }

// Path is the file's name.
func (f *File) Path() string { return f.path }

// Read returns the content, which is valid until the next Read. A file that is not there is [fs.ErrNotExist].
func (f *File) Read() ([]byte, error) {
	if f.kept != nil {
		if data, err := f.readAll(f.kept); err == nil {
			return data, nil
		}
		_ = f.Close() // what it stood for is gone, and perhaps back under the same name
	}
	data, err := f.readNew()
	if err != nil {
		return nil, f.readError(err)
	}
	return data, nil
}

// readError says what could not be read, once.
func (f *File) readError(err error) error {
	var detail *os.PathError
	if errors.As(err, &detail) {
		err = detail.Err
	}
	return &os.PathError{Op: "read", Path: f.path, Err: err}
}

// ReadOptional is Read of a file that not every kernel or container has: nil, and no error, where it is missing.
func (f *File) ReadOptional() ([]byte, error) {
	data, err := f.Read()
	return data, UnlessMissing(err)
}

// UnlessMissing drops an error that says that this kernel, machine or container does not have what was asked for.
func UnlessMissing(err error) error {
	for _, missing := range []error{fs.ErrNotExist, syscall.ENOTDIR, syscall.ENODEV, syscall.ENXIO, errors.ErrUnsupported} {
		if errors.Is(err, missing) {
			return nil
		}
	}
	return err
}

// Close closes the kernel's file that reads keep open. A later Read opens it again.
func (f *File) Close() error {
	if f.kept == nil {
		return nil
	}
	kept := f.kept
	f.kept = nil
	return kept.Close()
}

func (f *File) readNew() ([]byte, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	data, err := f.readAll(file)
	if info, statErr := file.Stat(); err == nil && statErr == nil && info.Size() != int64(len(data)) {
		f.kept = file
		return data, nil
	}
	_ = file.Close()
	return data, err
}

// readAll reads from the beginning, which makes the kernel write the content anew.
func (f *File) readAll(file *os.File) ([]byte, error) {
	if f.buf == nil {
		f.buf = make([]byte, f.first)
	}
	for total := 0; ; {
		n, err := file.ReadAt(f.buf[total:], int64(total))
		total += n
		switch {
		case errors.Is(err, io.EOF):
			data := f.buf[:total]
			if len(f.buf) > muchLarger*max(total, firstBuffer) {
				f.buf = nil // the file was large once: a thousand interfaces that are gone
			}
			return data, nil
		case err != nil:
			return nil, err
		case total >= maxFile:
			return nil, errors.New("is too large")
		}
		f.buf = append(f.buf, make([]byte, len(f.buf))...)
	}
}
