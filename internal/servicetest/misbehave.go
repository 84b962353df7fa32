package servicetest

import (
	"bytes"
	"io"
	"math"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// RefusingAddr is an address host:port that refuses connections. A free port would not be safe, because a concurrent test may use it. The
// system does not assign port 1.
const RefusingAddr = "127.0.0.1:1"

// PortOf returns the port of an address host:port.
func PortOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// HostPort returns the host and the port of an address host:port.
func HostPort(t testing.TB, addr string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, n
}

// ServeRaw serves connections on loopback with f and returns the address host:port. All connections are closed after the test.
func ServeRaw(t testing.TB, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	Serve(t, l, f)
	return l.Addr().String()
}

// ServeRawSocket is like [ServeRaw] on a Unix socket, for tests that would run out of ports.
func ServeRawSocket(t testing.TB, path string, f func(net.Conn)) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	Serve(t, l, f)
}

// Serve serves each connection of a listener with f, which need not close it. The listener and all connections are closed after the test.
func Serve(t testing.TB, l net.Listener, f func(net.Conn)) {
	t.Helper()
	stop := make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served := make(chan struct{})
			serving.Go(func() { defer close(served); f(conn) })
			serving.Go(func() {
				select {
				case <-stop:
				case <-served:
				}
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); close(stop); serving.Wait() })
}

// GarbageReplies returns replies of a server that is not of the expected kind.
func GarbageReplies() map[string][]byte {
	return map[string][]byte{
		"nothing": nil,
		"HTML":    []byte("HTTP/1.1 400 Bad Request\r\n\r\n<html>no</html>"),
		"10 MB":   bytes.Repeat([]byte("R\x00\x7f"), 10<<20/3),
		"zeros":   make([]byte, 1<<20),
	}
}

// ServeText serves connections with a text and closes them. If waitForRequest is true, it reads a request first.
func ServeText(t testing.TB, text []byte, waitForRequest bool) string {
	t.Helper()
	return ServeRaw(t, func(c net.Conn) {
		if waitForRequest {
			_, _ = c.Read(make([]byte, 4096))
		}
		_, _ = c.Write(text)
	})
}

// Cutter is a proxy before a server that can cut connections in the middle of a reply, and lose them.
type Cutter struct {
	Addr string // host:port, on loopback

	left     atomic.Int64 // bytes from the server that are still forwarded
	stranded atomic.Int64 // connections from the first that get nothing more
	accepted atomic.Int64
}

// NewCutter starts a cutter before the server at addr. It forwards everything at first.
func NewCutter(t testing.TB, addr string) *Cutter {
	t.Helper()
	c := &Cutter{}
	c.Restore()
	c.Addr = ServeRaw(t, func(client net.Conn) {
		number := c.accepted.Add(1)
		server, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		var asking sync.WaitGroup
		asking.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
		c.copy(client, server, number)
		_, _ = client.Close(), server.Close()
		asking.Wait()
	})
	return c
}

// CutAfter forwards the given number of bytes more, over all connections, and then ends every connection.
func (c *Cutter) CutAfter(bytes int) { c.left.Store(int64(bytes)) }

// Strand loses what the server sends on the connections that exist, without closing them, as if the client had got another address.
func (c *Cutter) Strand() { c.stranded.Store(c.accepted.Load()) }

// Restore forwards everything again.
func (c *Cutter) Restore() { c.left.Store(math.MaxInt64) }

// CheckNoLeaks is like the function [CheckNoLeaks], with every second round cut off somewhere in the server's first bytes. F gets the number of bytes; 0: all of them.
func (c *Cutter) CheckNoLeaks(t *testing.T, rounds, first int, f func(round, bytes int)) {
	t.Helper()
	CheckNoLeaks(t, rounds, func(round int) {
		c.Restore()
		if round%2 == 1 {
			f(round, 0)
			return
		}
		const step = 97
		bytes := 1 + step*round%first
		c.CutAfter(bytes)
		f(round, bytes)
	})
}

// copy forwards the server's bytes on a connection as long as it is allowed to.
func (c *Cutter) copy(client io.Writer, server io.Reader, number int64) {
	room := make([]byte, 4096)
	for {
		n, err := server.Read(room)
		if err == nil && number <= c.stranded.Load() {
			continue
		}
		left := c.left.Add(-int64(n))
		_, _ = client.Write(room[:max(0, n+int(min(left, 0)))])
		if err != nil || left < 0 {
			return
		}
	}
}
