// Package httpxtest has HTTP servers for tests: real daemons, and servers that misbehave.
package httpxtest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// Daemon is a real server on loopback.
type Daemon struct{ *servicetest.Daemon }

// Start starts a server that stays in the foreground, waits until it listens, and stops it with the test. It writes the files to the
// server's directory. In arguments and files, $PORT and $DIR are replaced by the server's port and directory. If the program is not
// installed, the test is skipped.
func Start(t testing.TB, debian string, files map[string]string, args ...string) *Daemon {
	t.Helper()
	servicetest.RequireCommands(t, debian, args[0])
	d := &Daemon{servicetest.New(t)}
	for name, text := range files {
		d.WriteFile(name, text)
	}
	d.Args, d.StopSignal = args, os.Interrupt
	d.Run()
	return d
}

// URL returns the URL of a path on the server.
func (d *Daemon) URL(path string) string { return "http://" + d.Addr() + path }

// Pages serves f over HTTP for as long as the test lasts.
func Pages(t testing.TB, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

// Page serves one page.
func Page(t testing.TB, text string) *httptest.Server {
	t.Helper()
	return Pages(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

// Misbehaving starts servers on loopback that misbehave. It returns their addresses (host:port) by the text that the error about each of
// them must contain. The client must send a username.
func Misbehaving(t testing.TB) map[string]string {
	t.Helper()
	status := func(code int) string {
		return hostPort(Pages(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
	}
	return map[string]string{
		"cannot be reached: start it": servicetest.RefusingAddr,
		"did not answer in time":      servicetest.ServeRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }),
		"but not with HTTP": servicetest.ServeRaw(t, func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, strings.Repeat("\x00\xffgarbage", 100)+"\r\n")
		}),
		"in the middle of": servicetest.ServeRaw(t, func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
		}),
		"an HTML page":               hostPort(Page(t, "<!DOCTYPE html>\n<html><body>Welcome</body></html>")),
		"answers with an empty page": hostPort(Page(t, "")),
		"answers with more than":     hostPort(Pages(t, serveEndlessly)),
		"refuses the username":       status(http.StatusUnauthorized),
		"allow this host":            status(http.StatusForbidden),
		"404 Not Found":              status(http.StatusNotFound),
		"500 Internal Server Err":    status(http.StatusInternalServerError),
	}
}

// Flapping starts a server that answers with the whole page in one of five rounds. In the others the answer is truncated, an error,
// missing, or not HTTP. The function turn begins a round.
func Flapping(t testing.TB, page string) (url string, turn func(round int)) {
	t.Helper()
	var now atomic.Int64
	s := Pages(t, func(w http.ResponseWriter, _ *http.Request) {
		kind := now.Load()
		switch kind {
		case 0:
			_, _ = io.WriteString(w, page)
			return
		case 1:
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack() //nolint:forcetypeassert // HTTP/1 supports it
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, []string{"", "\x00garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + page[:len(page)/2]}[kind-2])
		_ = conn.Close()
	})
	const kinds = 5
	return s.URL, func(round int) { now.Store(int64(round % kinds)) }
}

// readRequest reads a request and discards it.
func readRequest(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }

// Patience returns the timeout for a server of Misbehaving: short if the expected error is that there was no answer.
func Patience(want string) time.Duration {
	if want == "did not answer in time" {
		return 2 * time.Second
	}
	return 30 * time.Second
}

// serveEndlessly answers with lines until the client closes the connection.
func serveEndlessly(w http.ResponseWriter, _ *http.Request) {
	line := []byte(strings.Repeat("a 1\n", 10_000))
	for {
		if _, err := w.Write(line); err != nil {
			return
		}
	}
}

func hostPort(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
