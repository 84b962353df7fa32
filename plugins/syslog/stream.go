package sysloginput

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// settled is after how much silence a message is taken for whole that may be.
const settled = 200 * time.Millisecond

// handshakeTimeout bounds what a client may take until it can send.
const handshakeTimeout = 10 * time.Second

// accept serves connections until ctx is done.
func (l *listener) accept(ctx context.Context, ln net.Listener, secure *tls.Config) error {
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // too many open files: those that are open go on
			l.tell("", "cannot accept a connection", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		name := peerName(conn.RemoteAddr())
		if most := l.config.MaxConnections; most > 0 && l.counts.open.Load() >= int64(most) {
			l.counts.refused.Add(1)
			l.tell(name, "connection refused: there are max_connections already", fmt.Errorf("%d are open", most))
			_ = conn.Close()
			continue
		}
		l.counts.open.Add(1)
		l.counts.opened.Add(1)
		serving.Go(func() {
			defer l.counts.open.Add(-1)
			l.serve(ctx, conn, name, secure)
		})
	}
}

// peerName is a sender's address without its port. Those on a socket file have none.
func peerName(addr net.Addr) string {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("").String()
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return local
}

// local is the name of senders on this host that have no address.
const local = "local"

// serve reads a connection to its end.
func (l *listener) serve(ctx context.Context, conn net.Conn, name string, secure *tls.Config) {
	defer func() { _ = conn.Close() }()
	if size := int(l.config.ReadBuffer); size > 0 {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(size)
		}
	}
	err := crew.Catch(func() error { return l.read(ctx, conn, name, secure) })
	switch {
	case err == nil || ctx.Err() != nil || errors.Is(err, io.EOF):
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.counts.timeouts.Add(1)
		l.tell(name, "connection closed: a message was not finished within read_timeout", err)
	default:
		l.counts.failed.Add(1)
		l.tell(name, "connection failed", advise(err))
	}
}

func advise(err error) error {
	if advice := tlsx.Advice(err); advice != "" {
		return fmt.Errorf("%w: it %s", err, advice)
	}
	return err
}

// read takes messages from a connection until it ends; what is left then is one as well.
func (l *listener) read(ctx context.Context, conn net.Conn, name string, secure *tls.Config) error {
	limit := newDeadline(ctx, conn, l.config.ReadTimeout.D())
	defer limit.end()
	r, err := l.unwrap(ctx, conn, secure)
	if err != nil {
		return err
	}
	f := l.config.frames()
	defer func() { l.takeRest(ctx, f, name) }()
	taken := 0
	for {
		idle := time.Duration(0)
		if l.config.Encoding != encodingGzip && f.mayBeWhole() { // gzip cannot go on after a deadline
			idle = settled
		}
		limit.set(f.pending(), taken > 0, idle)
		switch err := f.fill(r); {
		case idle > 0 && ctx.Err() == nil && errors.Is(err, os.ErrDeadlineExceeded):
			f.settle()
		case err != nil:
			return err
		}
		l.counts.bytes.Add(int64(f.last))
		if taken, err = l.takeAll(ctx, f, name); err != nil {
			return err
		}
	}
}

// unwrap finishes the handshake of TLS, and decompresses what is read.
func (l *listener) unwrap(ctx context.Context, conn net.Conn, secure *tls.Config) (io.Reader, error) {
	var r io.Reader = conn
	if secure != nil {
		limited, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		t := tls.Server(conn, secure)
		if err := t.HandshakeContext(limited); err != nil {
			return nil, err
		}
		r = t
	}
	if l.config.Encoding == encodingGzip {
		r = &members{in: bufio.NewReader(r)}
	}
	return r, nil
}

// members reads a stream of gzip members. (gzip.Reader gives the end of a member only when it has seen what comes next.)
type members struct {
	in  *bufio.Reader
	zip *gzip.Reader // nil before the first
}

// Read implements io.Reader.
func (m *members) Read(p []byte) (n int, err error) {
	for {
		if m.zip == nil {
			err = m.begin()
		} else if n, err = m.zip.Read(p); n > 0 && errors.Is(err, io.EOF) {
			return n, nil // the next call finds the end again
		} else if errors.Is(err, io.EOF) {
			err = m.begin()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// begin reads the head of the next member.
func (m *members) begin() error {
	if m.zip == nil {
		m.zip = &gzip.Reader{}
	}
	err := m.zip.Reset(m.in)
	m.zip.Multistream(false)
	return err
}
