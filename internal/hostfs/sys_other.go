//go:build !linux

package hostfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

func (d *Dir) listNames() ([][]byte, error) {
	entries, err := os.ReadDir(d.path)
	var detail *os.PathError
	if errors.As(err, &detail) {
		err = detail.Err
	}
	d.names = d.names[:0]
	for _, e := range entries {
		d.names = append(d.names, []byte(e.Name()))
	}
	return d.names, err
}

func openFile(path string) (*os.File, error) { return os.Open(path) }

func readAt(file *os.File, buf []byte, offset int64) (n int, err error) {
	return file.ReadAt(buf, offset)
}

func (d *Dir) readHeads(file string, wanted func(name []byte) bool, each func(name, head []byte)) error {
	names, err := d.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !wanted(name) {
			continue
		}
		n, err := d.readBelow(d.setBelowPath(name, file))
		if err == nil {
			each(name, d.head[:n])
		} else if err := d.headError(err); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) readBelow(path []byte) (n int, err error) {
	f, err := os.Open(filepath.Join(d.path, string(path)))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err = io.ReadFull(f, d.head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // most files are shorter than the buffer
	}
	return n, err
}

func (d *Dir) readLinks(each func(name, target []byte)) error {
	names, err := d.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(d.path, string(name)))
		if err == nil {
			each(name, []byte(target))
		} else if err := d.linkError(err, name); err != nil {
			return err
		}
	}
	return nil
}

func readHead(path string, buf []byte) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if n, err = f.Read(buf); errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
