// Package hostfs knows where a host's kernel files are and reads them cheaply.
//
// An agent in a container reports the host if HOST_PROC, HOST_SYS, HOST_ROOT and HOST_RUN (gopsutil's names) name the
// directories where the host's trees are mounted. Tests use a [Root] with recorded trees. No plugin contains "/proc".
//
//   - hostfs.go: [Root], and [File], which reads a whole file. lines.go: reads a file line by line.
//   - dir.go: [Dir], which lists directories and reads what is below them. sys_linux.go does so with system calls.
package hostfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Root holds the directories where the trees of one host are mounted.
type Root struct {
	Proc string // /proc
	Sys  string // /sys
	Run  string // /run
	Root string // /
}

// standardProc is where the kernel's process tree is usually mounted.
const standardProc = "/proc"

// FromEnv returns the standard directories, replaced by HOST_PROC, HOST_SYS, HOST_RUN and HOST_ROOT where these are set.
func FromEnv(getenv func(string) string) Root {
	lookUp := func(name, standard string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return standard
	}
	return Root{
		Proc: lookUp("HOST_PROC", standardProc),
		Sys:  lookUp("HOST_SYS", "/sys"),
		Run:  lookUp("HOST_RUN", "/run"),
		Root: lookUp("HOST_ROOT", "/"),
	}
}

// At returns the trees below one directory: dir/proc, dir/sys, dir/run, and dir itself. Tests use it for fixtures.
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

// HostFile returns a reader of a per-process file that describes the host, such as its mounts or its network. If /proc
// is moved, these are the files of the host's process 1, because "self" would be the agent's own container.
func (r Root) HostFile(elem ...string) *File {
	process := "self"
	if r.Proc != standardProc {
		process = "1"
	}
	return r.ProcFile(append([]string{process}, elem...)...)
}

// SelfFile returns a reader of a file of this process. No environment variable moves it.
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

// BlockDevice returns the name of a block device, such as "sda" or "sda1", from /sys/dev/block.
func (r Root) BlockDevice(major, minor uint32) (string, error) {
	target, err := os.Readlink(filepath.Join(r.Sys, "dev", "block", fmt.Sprintf("%d:%d", major, minor)))
	if err != nil {
		return "", err
	}
	return filepath.Base(target), nil
}

// RootFile returns a reader of a file of the host's own file systems, such as "etc", "os-release".
func (r Root) RootFile(elem ...string) *File {
	return NewFile(filepath.Join(r.Root, filepath.Join(elem...)))
}

// SelfDir returns a lister of a directory of this process. No environment variable moves it.
func SelfDir(elem ...string) *Dir {
	return NewDir(filepath.Join(standardProc, "self", filepath.Join(elem...)))
}

// File is a small file that is read as a whole, repeatedly, into one buffer.
//
// A file that the kernel generates stays open between reads, because opening it costs more than reading it. Such a file
// is recognized by its size, which differs from the length of its content: it is 0 in /proc and a page in /sys. Any
// other file is opened for each read, because it may have been replaced. What is kept open for a device that has been
// removed gives ENODEV, and the file is opened again. A File belongs to one goroutine.
type File struct {
	path      string
	firstSize int // size of the first buffer
	isValue   bool
	buf       []byte
	keptOpen  *os.File
}

const (
	fileBufferSize  = 4 << 10  // bytes; most kernel files fit
	valueBufferSize = 64       // bytes; a single value fits
	maxFileSize     = 64 << 20 // bytes; kernel files are not larger
	shrinkFactor    = 8        // a buffer that is this many times larger than the content is released
)

// NewFile returns a reader of the file at path.
func NewFile(path string) *File { return &File{path: path, firstSize: fileBufferSize} }

// NewValue returns a reader of a file that contains a single value, such as those below /sys. Its buffer is small,
// because machines have hundreds of such files. The kernel gives a value in one piece (Documentation/filesystems/sysfs.rst),
// so a read that does not fill the buffer is the last one.
func NewValue(path string) *File { return &File{path: path, firstSize: valueBufferSize, isValue: true} }

// SysValue returns a reader of a file below /sys that contains a single value.
func (r Root) SysValue(elem ...string) *File {
	return NewValue(filepath.Join(r.Sys, filepath.Join(elem...)))
}

// Path returns the path of the file.
func (f *File) Path() string { return f.path }

// Read returns the content, which is valid until the next Read. The error of a missing file is [fs.ErrNotExist].
func (f *File) Read() ([]byte, error) {
	if f.keptOpen != nil {
		data, err := f.readAll(f.keptOpen)
		switch {
		case err == nil:
			return data, nil
		case hasNoValue(err):
			return nil, f.readError(err)
		}
		_ = f.Close() // the file is gone, and may exist again under the same name
	}
	data, err := f.openAndRead()
	if err != nil {
		return nil, f.readError(err)
	}
	return data, nil
}

// hasNoValue reports whether the error is the answer of a file that still exists, such as the speed of an interface that is down.
func hasNoValue(err error) bool { return errors.Is(err, syscall.EINVAL) }

// readError wraps an error with the path, which then appears only once.
func (f *File) readError(err error) error {
	var detail *os.PathError
	if errors.As(err, &detail) {
		err = detail.Err
	}
	return &os.PathError{Op: "read", Path: f.path, Err: err}
}

// ReadOptional is Read for a file that some kernels or containers lack. It returns nil and no error if the file is
// missing.
func (f *File) ReadOptional() ([]byte, error) {
	data, err := f.Read()
	return data, IgnoreMissing(err)
}

// IgnoreMissing returns nil for an error that means that this kernel, machine or container lacks a file, and the error
// otherwise.
func IgnoreMissing(err error) error {
	if err == nil {
		return nil
	}
	for _, missing := range []error{fs.ErrNotExist, syscall.ENOTDIR, syscall.ENODEV, syscall.ENXIO, errors.ErrUnsupported} {
		if errors.Is(err, missing) {
			return nil
		}
	}
	return err
}

// Close closes the file that Read keeps open. A later Read opens it again.
func (f *File) Close() error {
	if f.keptOpen == nil {
		return nil
	}
	kept := f.keptOpen
	f.keptOpen = nil
	return kept.Close()
}

func (f *File) openAndRead() ([]byte, error) {
	file, err := openFile(f.path)
	if err != nil {
		return nil, err
	}
	data, err := f.readAll(file)
	if err == nil || hasNoValue(err) {
		if info, statErr := file.Stat(); statErr == nil && info.Size() != int64(len(data)) {
			f.keptOpen = file
			return data, err
		}
	}
	_ = file.Close()
	return data, err
}

// readAll reads from the start, which makes the kernel generate the content again.
func (f *File) readAll(file *os.File) ([]byte, error) {
	if f.buf == nil {
		f.buf = make([]byte, f.firstSize)
	}
	for total := 0; ; {
		n, err := readAt(file, f.buf[total:], int64(total))
		total += n
		switch {
		case errors.Is(err, io.EOF), err == nil && f.isValue && total < len(f.buf):
			data := f.buf[:total]
			if len(f.buf) > shrinkFactor*max(total, fileBufferSize) {
				f.buf = nil // the file was large once: for example, many interfaces that are gone
			}
			return data, nil
		case err != nil:
			return nil, err
		case total >= maxFileSize:
			return nil, errors.New("is too large")
		}
		if total == len(f.buf) {
			f.buf = append(f.buf, make([]byte, len(f.buf))...)
		}
	}
}
