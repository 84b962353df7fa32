package redisconn

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/guard"
)

// peer is a connection to a server that is not trusted. Redis may send the reason ("-DENIED Redis is running in protected mode", "-ERR
// max number of clients reached") and close the connection at once, while we are still writing. The error then contains that reason.
type peer struct{ *guard.RESP }

// peerOf returns the peer inside a connection, or nil.
func peerOf(conn net.Conn) *peer {
	switch c := conn.(type) {
	case *peer:
		return c
	case *tracked:
		return peerOf(c.Conn)
	}
	return nil
}

// Write implements net.Conn.
func (p *peer) Write(b []byte) (int, error) {
	n, err := p.RESP.Write(b)
	if closed(err) {
		p.drain()
		err = p.explain(err)
	}
	return n, err
}

// Read implements net.Conn.
func (p *peer) Read(b []byte) (int, error) {
	n, err := p.RESP.Read(b)
	if closed(err) {
		err = p.explain(err)
	}
	return n, err
}

// drain reads what has arrived on a closed connection. The deadline is for a connection that turns out to be open.
func (p *peer) drain() {
	const patience = 100 * time.Millisecond
	_ = p.SetReadDeadline(time.Now().Add(patience))
	room := make([]byte, 4096)
	for range 16 {
		if _, err := p.RESP.Read(room); err != nil {
			return
		}
	}
}

// explain adds the last error reply of the server. A reply about an unknown command (HELLO, before Redis 6) is not the reason why it
// closes.
func (p *peer) explain(err error) error {
	text := p.Refusal()
	if text == "" || strings.HasPrefix(text, "ERR unknown command") || strings.HasPrefix(text, "NOPROTO") {
		return err
	}
	return &lastWordsError{text, err}
}

// lastWordsError reports a connection that the server closed after an error reply.
type lastWordsError struct {
	text  string // an error reply, without the "-"
	cause error
}

func (e *lastWordsError) Error() string { return fmt.Sprintf("%.300s (%v)", e.text, e.cause) }
func (e *lastWordsError) Unwrap() error { return e.cause }

func hasLastWords(err error) bool {
	var said *lastWordsError
	return errors.As(err, &said)
}
