//go:build !linux

package sysloginput

import (
	"errors"
	"net"
)

// socketInode returns 0: only Linux lists sockets with what they have dropped.
func socketInode(any) uint64 { return 0 }

// setReceiveBuffer lets a socket hold so many bytes, if the system does.
func setReceiveBuffer(conn net.PacketConn, size int) (got int, err error) {
	c, ok := conn.(interface{ SetReadBuffer(bytes int) error })
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return size, c.SetReadBuffer(size)
}
