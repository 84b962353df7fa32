package hostfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	minDirBuffer  = 1 << 10  // bytes; minimum for getdents64(2), because a name has up to 255
	dirBufferSize = 4 << 10  // bytes; most directories fit
	dirPieceSize  = 32 << 10 // bytes; piece of a directory that is not held in memory, about a thousand processes
)

// Layout of struct linux_dirent64, in bytes (getdents(2)).
const (
	reclenOffset = 16
	nameOffset   = 19
)

// listNames reads the directory with getdents64(2), because os.File allocates a string for every name and determines its
// type.
func (d *Dir) listNames() ([][]byte, error) {
	fd, err := d.openDir()
	if err != nil {
		return nil, err
	}
	defer closeQuietly(fd)
	d.names = d.names[:0]
	for total := 0; ; {
		if len(d.buf)-total < minDirBuffer {
			d.buf = append(d.buf, make([]byte, max(len(d.buf), dirBufferSize))...)
		}
		n, err := retryInterrupted(func() (int, error) { return syscall.ReadDirent(fd, d.buf[total:]) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			d.appendNames(d.buf[:total])
			return d.names, nil
		}
		total += n
	}
}

func (d *Dir) openDir() (fd int, err error) {
	return retryInterrupted(func() (int, error) {
		return syscall.Open(d.path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	})
}

// closeQuietly closes a file that was only read, so an error loses nothing.
func closeQuietly(fd int) { _ = syscall.Close(fd) }

// openFile opens a file with one system call. os.Open would also offer it to the poller, which needs four.
func openFile(path string) (*os.File, error) {
	fd, err := retryInterrupted(func() (int, error) { return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// readAt reads with one system call, because os.File.ReadAt repeats it until the buffer is full or the file ends. The error at the end of
// the file is [io.EOF].
func readAt(file *os.File, buf []byte, offset int64) (n int, err error) {
	defer runtime.KeepAlive(file)
	n, err = retryInterrupted(func() (int, error) { return syscall.Pread(int(file.Fd()), buf, offset) })
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// readHeads needs only three system calls per entry: os.File would allocate an object with a finalizer for each, and
// offer it to the poller. A large host has tens of thousands of processes, so their list is read piece by piece.
func (d *Dir) readHeads(file string, wanted func(name []byte) bool, each func(name, head []byte)) error {
	return d.visitPieces(dirPieceSize, func(fd int) error { return d.readHeadsOfNames(fd, file, wanted, each) })
}

// visitPieces lists the directory piece by piece, in a buffer of at least this size. It calls visit with the open directory when d.names has
// the names of a piece.
func (d *Dir) visitPieces(size int, visit func(fd int) error) error {
	fd, err := d.openDir()
	if err != nil {
		return &os.PathError{Op: "list", Path: d.path, Err: err}
	}
	defer closeQuietly(fd)
	if len(d.buf) < size {
		d.buf = make([]byte, size)
	}
	for {
		n, err := retryInterrupted(func() (int, error) { return syscall.ReadDirent(fd, d.buf) })
		if err != nil {
			return &os.PathError{Op: "list", Path: d.path, Err: err}
		}
		if n <= 0 {
			return nil
		}
		d.names = d.names[:0]
		d.appendNames(d.buf[:n])
		if err := visit(fd); err != nil {
			return err
		}
	}
}

func (d *Dir) readHeadsOfNames(fd int, file string, wanted func(name []byte) bool, each func(name, head []byte)) error {
	for _, name := range d.names {
		if !wanted(name) {
			continue
		}
		n, err := d.readBelow(fd, d.setBelowPath(name, file))
		if err == nil {
			each(name, d.head[:n])
		} else if err := d.headError(err); err != nil {
			return err
		}
	}
	return nil
}

// readBelow reads the start of the file at a path below the open directory.
func (d *Dir) readBelow(dir int, path []byte) (n int, err error) {
	fd, err := retryInterrupted(func() (int, error) { return syscall.Openat(dir, string(path), syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if err != nil {
		return 0, err
	}
	n, err = retryInterrupted(func() (int, error) { return syscall.Read(fd, d.head) })
	closeQuietly(fd)
	return n, err
}

// readLinks lists the directory and reads each entry with readlinkat(2).
func (d *Dir) readLinks(each func(name, target []byte)) error {
	return d.visitPieces(dirBufferSize, func(fd int) error {
		for _, name := range d.names {
			size, err := unix.Readlinkat(fd, string(name), d.head)
			if err == nil {
				each(name, d.head[:size])
			} else if err := d.linkError(err, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// appendNames appends the names in the kernel's records to d.names.
func (d *Dir) appendNames(records []byte) {
	for len(records) > nameOffset {
		size := int(binary.NativeEndian.Uint16(records[reclenOffset:]))
		if size <= nameOffset || size > len(records) {
			return
		}
		name, _, _ := bytes.Cut(records[nameOffset:size], []byte{0})
		if string(name) != "." && string(name) != ".." {
			d.names = append(d.names, name)
		}
		records = records[size:]
	}
}

// retryInterrupted repeats a system call while a signal interrupts it.
func retryInterrupted(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err == nil || !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

func readHead(path string, buf []byte) (n int, err error) {
	fd, err := retryInterrupted(func() (int, error) { return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if err != nil {
		return 0, err
	}
	n, err = retryInterrupted(func() (int, error) { return syscall.Read(fd, buf) })
	closeQuietly(fd)
	return n, err
}
