//go:build !linux

package linesender

import "syscall"

// unacknowledged would return how many bytes the peer has not acknowledged. It is unknown here.
func unacknowledged(syscall.RawConn) (n int, ok bool) { return 0, false }
