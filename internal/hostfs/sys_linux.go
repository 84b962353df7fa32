package hostfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"syscall"
)

// dirBuffer holds the entries of one getdents64(2): some thousand processes.
const dirBuffer = 32 << 10

// Layout of struct linux_dirent64, in bytes: getdents(2).
const (
	reclenOffset = 16
	nameOffset   = 19
)

// list reads the directory with getdents64(2) itself: os.File makes a string of every name and sorts out their types.
func (d *Dir) list() ([][]byte, error) {
	fd, err := d.open()
	if err != nil {
		return nil, err
	}
	defer closeQuietly(fd)
	err = d.listOpen(fd)
	return d.names, err
}

func (d *Dir) open() (fd int, err error) {
	return retry(func() (int, error) {
		return syscall.Open(d.path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	})
}

// closeQuietly closes what was only read: nothing can be lost.
func closeQuietly(fd int) { _ = syscall.Close(fd) }

func (d *Dir) listOpen(fd int) error {
	d.names = d.names[:0]
	for total := 0; ; {
		if len(d.buf)-total < dirBuffer {
			d.grow()
		}
		n, err := retry(func() (int, error) { return syscall.ReadDirent(fd, d.buf[total:]) })
		if err != nil {
			return err
		}
		if n <= 0 {
			d.split(d.buf[:total])
			return nil
		}
		total += n
	}
}

// heads makes three system calls per entry and nothing else: os.File would make an object with a finalizer of each, and
// offer it to the poller. There are tens of thousands of processes on a large host.
func (d *Dir) heads(file string, wanted func(name []byte) bool, each func(name, head []byte)) error {
	fd, err := d.open()
	if err != nil {
		return &os.PathError{Op: "list", Path: d.path, Err: err}
	}
	defer closeQuietly(fd)
	if err := d.listOpen(fd); err != nil {
		return &os.PathError{Op: "list", Path: d.path, Err: err}
	}
	for _, name := range d.names {
		if !wanted(name) {
			continue
		}
		n, err := d.readBelow(fd, d.lookBelow(name, file))
		if err == nil {
			each(name, d.head[:n])
		} else if err := d.headError(err); err != nil {
			return err
		}
	}
	return nil
}

// readBelow reads the beginning of the file at a path below the open directory.
func (d *Dir) readBelow(dir int, path []byte) (n int, err error) {
	fd, err := retry(func() (int, error) { return syscall.Openat(dir, string(path), syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if err != nil {
		return 0, err
	}
	n, err = retry(func() (int, error) { return syscall.Read(fd, d.head) })
	closeQuietly(fd)
	return n, err
}

func (d *Dir) grow() { d.buf = append(d.buf, make([]byte, max(len(d.buf), dirBuffer))...) }

// split cuts the kernel's records into names.
func (d *Dir) split(records []byte) {
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

// retry repeats a system call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
