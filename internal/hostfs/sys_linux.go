package hostfs

import (
	"bytes"
	"encoding/binary"
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
	fd, err := retry(func() (int, error) {
		return syscall.Open(d.path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	d.names = d.names[:0]
	for total := 0; ; {
		if len(d.buf)-total < dirBuffer {
			d.grow()
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
		if err != syscall.EINTR {
			return n, err
		}
	}
}
