package linesender

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged returns how many bytes the kernel of the peer has not acknowledged (tcp(7), SIOCOUTQ). Ok is false if that is unknown.
func unacknowledged(socket syscall.RawConn) (n int, ok bool) {
	err := socket.Control(func(fd uintptr) {
		var err error
		n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		ok = err == nil
	})
	return n, ok && err == nil
}
