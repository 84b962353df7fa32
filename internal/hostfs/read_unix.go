//go:build unix

package hostfs

import (
	"errors"
	"syscall"
)

// readInto reads a whole file with bare system calls: os.Open allocates a finalised File per call, which is most of
// what a gather would allocate. The buffer grows until the file fits.
func readInto(path string, buf []byte) ([]byte, int, error) {
	fd, err := retry(func() (int, error) { return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if err != nil {
		return buf, 0, err
	}
	defer func() { _ = syscall.Close(fd) }() // nothing was written: nothing can be lost
	total := 0
	for {
		if total == len(buf) {
			if total >= maxFile {
				return buf, 0, syscall.EFBIG
			}
			buf = append(buf, make([]byte, len(buf))...)
		}
		n, err := retry(func() (int, error) { return syscall.Read(fd, buf[total:]) })
		if err != nil {
			return buf, 0, err
		}
		if n == 0 {
			return buf, total, nil
		}
		total += n
	}
}

func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
