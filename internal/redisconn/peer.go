package redisconn

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/guard"
)

// peer is a connection to a server that is not trusted. When the server closes it, what it said before is in the error: Redis
// says why ("-DENIED Redis is running in protected mode", "-ERR max number of clients reached") and closes at once, while
// we are still writing.
type peer struct{ *guard.RESP }

// peerOf finds the guard of a connection, below what the client needs to cut it; nil if there is none.
func peerOf(conn net.Conn) *peer {
	switch c := conn.(type) {
	case *peer:
		return c
	case checkable:
		return peerOf(c.Conn)
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

// drain reads what has arrived on a connection that is closed. The deadline is for one that is not.
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

// explain adds the server's last words. That it does not know a command (HELLO, before Redis 6) is no reason to close.
func (p *peer) explain(err error) error {
	text := p.Refusal()
	if text == "" || strings.HasPrefix(text, "ERR unknown command") || strings.HasPrefix(text, "NOPROTO") {
		return err
	}
	return &lastWordsError{text, err}
}

// lastWordsError is the end of a connection before which the server said why.
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
