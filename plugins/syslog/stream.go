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

	"github.com/rtcollector/rtcollector/internal/tlsx"
)

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
	err := l.read(ctx, conn, name, secure)
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
	r, err := l.unwrap(ctx, conn, secure, limit)
	if err != nil {
		return err
	}
	f, c := l.config.frames(), l.collector()
	defer func() {
		if message, cut := f.rest(); len(message) > 0 {
			c.add(ctx, message, cut, name)
		}
		c.flush(ctx)
	}()
	for {
		taken, err := c.takeAll(ctx, f, name)
		if err != nil {
			return err
		}
		limit.set(f.pending(), taken > 0)
		if err := f.fill(r); err != nil {
			return err
		}
		l.counts.bytes.Add(int64(f.last))
	}
}

// unwrap finishes the handshake of TLS and begins to decompress.
func (l *listener) unwrap(ctx context.Context, conn net.Conn, secure *tls.Config, limit *deadline) (io.Reader, error) {
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
	if l.config.Encoding != encodingGzip {
		return r, nil
	}
	limit.set(true, true)
	z := &members{in: bufio.NewReader(r), zip: &gzip.Reader{}}
	return z, z.begin()
}

// members reads a stream of gzip members. (gzip.Reader gives the end of a member only when it has seen what comes next.)
type members struct {
	in  *bufio.Reader
	zip *gzip.Reader
}

func (m *members) begin() error {
	err := m.zip.Reset(m.in)
	m.zip.Multistream(false)
	return err
}

// Read implements io.Reader.
func (m *members) Read(p []byte) (n int, err error) {
	for {
		n, err = m.zip.Read(p)
		if n > 0 && errors.Is(err, io.EOF) {
			return n, nil
		}
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := m.begin(); err != nil {
			return 0, err
		}
	}
}
