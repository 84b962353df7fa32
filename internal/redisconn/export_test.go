package redisconn

import (
	"net"

	"github.com/rtcollector/rtcollector/internal/guard"
)

// NewPeer returns a connection as the dialer makes it.
func NewPeer(conn net.Conn) net.Conn { return &peer{guard.NewRESP(conn, maxReply)} }
