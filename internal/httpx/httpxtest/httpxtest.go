// Package httpxtest has servers for tests of what speaks HTTP: real daemons, and ones that misbehave.
package httpxtest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Daemon is a real server on loopback.
type Daemon struct {
	Port string
	Dir  string // everybody may look into it; removed with the test

	t    testing.TB
	args []string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Start starts a server that stays in the foreground, waits until it listens, and stops it with the test. In the
// arguments and the files, which are made in its directory, $PORT and $DIR stand for its own. Without it on this machine
// the test is skipped.
func Start(t testing.TB, debian string, files map[string]string, args ...string) *Daemon {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Skipf("no %s here: install Debian's %s", args[0], debian)
	}
	dir, err := os.MkdirTemp("", "rtc-http-") // t.TempDir is too long for a socket on some systems, and shut to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // workers run as another user
		t.Fatal(err)
	}
	d := &Daemon{Port: strconv.Itoa(freePort(t)), Dir: dir, t: t}
	fill := strings.NewReplacer("$PORT", d.Port, "$DIR", dir)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill.Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range args {
		d.args = append(d.args, fill.Replace(a))
	}
	d.Run()
	t.Cleanup(d.Stop)
	return d
}

// URL is a URL of the server.
func (d *Daemon) URL(path string) string { return "http://127.0.0.1:" + d.Port + path }

// Run starts the process, again after it was stopped.
func (d *Daemon) Run() {
	d.t.Helper()
	d.cmd = exec.Command(d.args[0], d.args[1:]...)
	var out strings.Builder
	d.cmd.Stdout, d.cmd.Stderr = &out, &out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait()
	}()
	Until(d.t, d.args[0]+" listens", func() bool {
		select {
		case <-d.done:
			d.t.Fatalf("%s has ended:\n%s", strings.Join(d.args, " "), out.String())
		default:
		}
		conn, err := net.Dial("tcp", "127.0.0.1:"+d.Port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// Stop ends the process and its workers.
func (d *Daemon) Stop() {
	_ = d.cmd.Process.Signal(os.Interrupt)
	select {
	case <-d.done:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		<-d.done
	}
}

// patience is how long a server may take to do what it is waited for.
const patience = 30 * time.Second

// Until waits until f says so.
func Until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v until %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP
}

// Refusing is the address host:port of nobody. A port that was free a moment ago may be somebody's by now: other tests run
// beside this one. Port 1 is given out to nobody.
func Refusing() string { return "127.0.0.1:1" }

// Raw serves connections on loopback with f and returns its address host:port. All connections end with the test.
func Raw(t testing.TB, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served := make(chan struct{})
			go func() { defer close(served); f(conn) }()
			go func() {
				select {
				case <-stop:
				case <-served:
				}
				_ = conn.Close()
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); close(stop); <-done })
	return l.Addr().String()
}

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

// Misbehaving are addresses host:port of servers on loopback that answer as no server should, by what an error about
// them must say.
func Misbehaving(t testing.TB) map[string]string {
	t.Helper()
	status := func(code int) string {
		return host(Pages(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
	}
	return map[string]string{
		"is it running?":         Refusing(),
		"did not answer in time": Raw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }),
		"but not with HTTP":      Raw(t, func(c net.Conn) { read(c); _, _ = io.WriteString(c, strings.Repeat("\x00\xffgarbage", 100)+"\r\n") }),
		"in the middle of": Raw(t, func(c net.Conn) {
			read(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
		}),
		"a page of HTML":          host(Page(t, "<!DOCTYPE html>\n<html><body>Welcome</body></html>")),
		"answers with nothing":    host(Page(t, "")),
		"answers with more than":  host(Pages(t, endless)),
		"set username":            status(http.StatusUnauthorized),
		"allow this host":         status(http.StatusForbidden),
		"404 Not Found":           status(http.StatusNotFound),
		"500 Internal Server Err": status(http.StatusInternalServerError),
	}
}

// read takes a request.
func read(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }

// Patience is how long to wait for what an error must say: a while only if it is that there was no answer.
func Patience(want string) time.Duration {
	if want == "did not answer in time" {
		return 2 * time.Second
	}
	return patience
}

// endless answers with lines until nobody reads them.
func endless(w http.ResponseWriter, _ *http.Request) {
	line := []byte(strings.Repeat("a 1\n", 10_000))
	for {
		if _, err := w.Write(line); err != nil {
			return
		}
	}
}

func host(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// Descriptors is the number of sockets this process has open, where that can be told, else 0.
func Descriptors() (n int) {
	files, _ := os.ReadDir("/proc/self/fd")
	for _, f := range files {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
