//go:build !linux

package sysloginput

import (
	"errors"
	"net"
)

// socketInode returns 0: only Linux reports the drops of sockets.
func socketInode(any) uint64 { return 0 }

// setReceiveBuffer sets the receive buffer of a socket.
func setReceiveBuffer(conn net.PacketConn, size int) (got int, err error) {
	c, ok := conn.(interface{ SetReadBuffer(bytes int) error })
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return size, c.SetReadBuffer(size)
}
