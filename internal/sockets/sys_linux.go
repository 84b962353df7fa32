package sockets

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	netlinkSockDiag = 4           // NETLINK_SOCK_DIAG: linux/netlink.h
	readTimeout     = time.Second // for one datagram, which the kernel sends at once
)

// diagConn is a netlink socket: sock_diag(7).
type diagConn struct{ fd int }

// openDiag opens a socket to the kernel. It connects the socket, so that no other process can send to it.
func openDiag() (diagConnection, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c := diagConn{fd}
	timeout := syscall.NsecToTimeval(readTimeout.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout); err != nil {
		_ = c.Close()
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		_ = c.Close()
		return nil, os.NewSyscallError("connect", err)
	}
	return c, nil
}

// Read receives one datagram.
func (c diagConn) Read(buf []byte) (int, error) {
	for {
		n, err := syscall.Read(c.fd, buf)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, fmt.Errorf("no answer within %v", readTimeout)
		case !errors.Is(err, syscall.EINTR):
			return 0, os.NewSyscallError("recv", err)
		}
	}
}

// Write sends one datagram.
func (c diagConn) Write(request []byte) (int, error) {
	for {
		n, err := syscall.Write(c.fd, request)
		switch {
		case err == nil:
			return n, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, os.NewSyscallError("send", err)
		}
	}
}

// Close implements io.Closer.
func (c diagConn) Close() error { return os.NewSyscallError("close", syscall.Close(c.fd)) }

// openDiagIn opens a socket to the kernel that lists the sockets of the network namespace at path, such as
// /proc/PID/ns/net. A socket stays in the namespace of the thread that made it, so the thread enters that namespace for a
// moment.
func openDiagIn(path string) (conn diagConnection, err error) {
	target, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	onExtraThread(func() (keep bool) {
		own, openErr := os.Open("/proc/thread-self/ns/net")
		if openErr != nil {
			err = openErr
			return true
		}
		defer own.Close()
		if err = unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
			err = os.NewSyscallError("setns", err)
			return true
		}
		conn, err = openDiag()
		return unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil
	})
	return conn, err
}

// onExtraThread calls f on a locked thread that is not the main one, because /proc/self shows the namespace of the main one.
// The thread ends unless f returns true.
func onExtraThread(f func() (keep bool)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			onExtraThread(f) // while this goroutine holds the main thread, that is another one
			runtime.UnlockOSThread()
			return
		}
		if f() {
			runtime.UnlockOSThread()
		}
	}()
	<-done
}
