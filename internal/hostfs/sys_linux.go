package hostfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"syscall"
)

const (
	dirRoom   = 1 << 10  // bytes that getdents64(2) needs at least; a name has up to 255
	dirBuffer = 4 << 10  // what most directories fit in
	dirChunk  = 32 << 10 // of one that is not held in memory: a thousand processes
)

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
	d.names = d.names[:0]
	for total := 0; ; {
		if len(d.buf)-total < dirRoom {
			d.buf = append(d.buf, make([]byte, max(len(d.buf), dirBuffer))...)
		}
		n, err := retry(func() (int, error) { return syscall.ReadDirent(fd, d.buf[total:]) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			d.split(d.buf[:total])
			return d.names, nil
		}
		total += n
	}
}

func (d *Dir) open() (fd int, err error) {
	return retry(func() (int, error) {
		return syscall.Open(d.path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	})
}

// closeQuietly closes what was only read: nothing can be lost.
func closeQuietly(fd int) { _ = syscall.Close(fd) }

// heads makes three system calls per entry and nothing else: os.File would make an object with a finalizer of each, and
// offer it to the poller. There are tens of thousands of processes on a large host; their list is worked off piece by piece.
func (d *Dir) heads(file string, wanted func(name []byte) bool, each func(name, head []byte)) error {
	fd, err := d.open()
	if err != nil {
		return &os.PathError{Op: "list", Path: d.path, Err: err}
	}
	defer closeQuietly(fd)
	if len(d.buf) < dirChunk {
		d.buf = make([]byte, dirChunk)
	}
	for {
		n, err := retry(func() (int, error) { return syscall.ReadDirent(fd, d.buf) })
		if err != nil {
			return &os.PathError{Op: "list", Path: d.path, Err: err}
		}
		if n <= 0 {
			return nil
		}
		d.names = d.names[:0]
		d.split(d.buf[:n])
		if err := d.headsOfNames(fd, file, wanted, each); err != nil {
			return err
		}
	}
}

func (d *Dir) headsOfNames(fd int, file string, wanted func(name []byte) bool, each func(name, head []byte)) error {
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
