package linuxsensors

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
)

func TestSensorErrorsAreDropped(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EAGAIN, syscall.EINVAL, syscall.ENODATA, syscall.EIO, syscall.ENXIO, syscall.ENODEV, syscall.ETIMEDOUT,
		syscall.EACCES, syscall.EPERM, syscall.ENOENT, syscall.EBUSY} {
		if err := dropSensorErrors(&fs.PathError{Op: "read", Path: "temp1_input", Err: errno}); err != nil {
			t.Errorf("%v is an error", errno)
		}
	}
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EISDIR, errors.New("is too large")} {
		if dropSensorErrors(&fs.PathError{Op: "read", Path: "temp1_input", Err: err}) == nil {
			t.Errorf("%v is dropped", err)
		}
	}
}
