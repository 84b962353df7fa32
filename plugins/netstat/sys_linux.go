package netstat

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
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
