package sysloginput

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketInode returns the inode of a UDP socket, 0 for anything else.
func socketInode(conn any) (inode uint64) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return 0
	}
	_ = controlSocket(udp, func(fd int) error {
		var s unix.Stat_t
		err := unix.Fstat(fd, &s)
		inode = s.Ino
		return err
	})
	return inode
}

// setReceiveBuffer sets the receive buffer of a socket, beyond the system's limit if that is allowed, and returns its size. The
// kernel reports twice the size, because it counts its own overhead: socket(7).
func setReceiveBuffer(conn net.PacketConn, size int) (got int, err error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	err = controlSocket(c, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size); err != nil {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size); err != nil {
				return err
			}
		}
		got, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	return got / 2, err
}

// controlSocket calls f with the file descriptor of a connection.
func controlSocket(conn syscall.Conn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
