package servicetest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// FullSocket returns the path of a Unix socket whose backlog stays full. On Linux, connecting to it fails with EAGAIN.
func FullSocket(t testing.TB) string {
	t.Helper()
	path, _ := fullSocket(t)
	return path
}

// FullListener is like [FullSocket] and also returns the listener. The backlog is no longer full after it accepts a connection.
func FullListener(t testing.TB) (path string, l net.Listener) {
	t.Helper()
	path, file := fullSocket(t)
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return path, l
}

func fullSocket(t testing.TB) (string, *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "full.sock")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	t.Cleanup(func() { _ = file.Close() })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Close() })
	return path, file
}
