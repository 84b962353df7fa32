//go:build !linux

package hostfs

import (
	"errors"
	"os"
)

func (d *Dir) list() ([][]byte, error) {
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
