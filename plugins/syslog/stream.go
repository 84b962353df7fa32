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

// completeAfter is the silence after which a message that may be complete is treated as complete.
const completeAfter = 200 * time.Millisecond

// handshakeTimeout bounds the TLS handshake.
const handshakeTimeout = 10 * time.Second

// acceptConnections serves connections until ctx is done.
func (l *listener) acceptConnections(ctx context.Context, ln net.Listener, secure *tls.Config) error {
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
		case err != nil: // too many open files: the open connections continue
			l.warnOnce("", "cannot accept a connection", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		name := peerName(conn.RemoteAddr())
		if limit := l.config.MaxConnections; limit > 0 && l.counts.openConnections.Load() >= int64(limit) {
			l.counts.refusedConnections.Add(1)
			l.warnOnce(name, "connection refused: max_connections is reached", fmt.Errorf("%d are open", limit))
			_ = conn.Close()
			continue
		}
		l.counts.openConnections.Add(1)
		l.counts.openedConnections.Add(1)
		serving.Go(func() {
			defer l.counts.openConnections.Add(-1)
			l.serveConnection(ctx, conn, name, secure)
		})
	}
}

// peerName returns the address of a sender without its port. Senders on a socket file have no address.
func peerName(addr net.Addr) string {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("").String()
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return localPeer
}

// localPeer is the name of senders without an address.
const localPeer = "local"

// serveConnection reads a connection to its end.
func (l *listener) serveConnection(ctx context.Context, conn net.Conn, name string, secure *tls.Config) {
	defer func() { _ = conn.Close() }()
	if size := int(l.config.ReadBuffer); size > 0 {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(size)
		}
	}
	err := crew.Catch(func() error { return l.readMessages(ctx, conn, name, secure) })
	switch {
	case err == nil || ctx.Err() != nil || errors.Is(err, io.EOF):
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.counts.timeouts.Add(1)
		l.warnOnce(name, "connection closed: a message was not finished within read_timeout", err)
	default:
		l.counts.failedConnections.Add(1)
		l.warnOnce(name, "connection failed", addAdvice(err))
	}
}

func addAdvice(err error) error {
	if advice := tlsx.Advice(err); advice != "" {
		return fmt.Errorf("%w: it %s", err, advice)
	}
	return err
}

// readMessages reads messages from a connection until it ends. What is left then is a message as well.
func (l *listener) readMessages(ctx context.Context, conn net.Conn, name string, secure *tls.Config) error {
	limit := newDeadline(ctx, conn, l.config.ReadTimeout.D())
	defer limit.release()
	r, err := l.openReader(ctx, conn, secure)
	if err != nil {
		return err
	}
	f := l.config.newFrames()
	defer func() { l.emitRest(ctx, f, name) }()
	taken := 0
	for {
		idle := time.Duration(0)
		if l.config.Encoding != encodingGzip && f.mayBeComplete() { // gzip cannot continue after a deadline
			idle = completeAfter
		}
		limit.setForRead(f.isPending(), taken > 0, idle)
		switch err := f.readMore(r); {
		case idle > 0 && ctx.Err() == nil && errors.Is(err, os.ErrDeadlineExceeded):
			f.completeMessage()
		case err != nil:
			return err
		}
		l.counts.bytes.Add(int64(f.lastRead))
		if taken, err = l.emitComplete(ctx, f, name); err != nil {
			return err
		}
	}
}

// openReader does the TLS handshake and returns a reader of the decompressed stream.
func (l *listener) openReader(ctx context.Context, conn net.Conn, secure *tls.Config) (io.Reader, error) {
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
		r = &gzipMembers{in: bufio.NewReader(r)}
	}
	return r, nil
}

// gzipMembers reads a stream of gzip members. gzip.Reader alone would report the end of a member only after it read the next one.
type gzipMembers struct {
	in  *bufio.Reader
	zip *gzip.Reader // nil before the first member
}

// Read implements io.Reader.
func (m *gzipMembers) Read(p []byte) (n int, err error) {
	for {
		if m.zip == nil {
			err = m.beginMember()
		} else if n, err = m.zip.Read(p); n > 0 && errors.Is(err, io.EOF) {
			return n, nil // the next call returns the end again
		} else if errors.Is(err, io.EOF) {
			err = m.beginMember()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// beginMember reads the header of the next member.
func (m *gzipMembers) beginMember() error {
	if m.zip == nil {
		m.zip = &gzip.Reader{}
	}
	err := m.zip.Reset(m.in)
	m.zip.Multistream(false)
	return err
}
