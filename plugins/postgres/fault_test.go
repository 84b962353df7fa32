//go:build unix

package postgresinput

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// gatherFor gathers within a time of its own.
func gatherFor(t *testing.T, p *plugintest.Probe, patience time.Duration) (*telemetry.Batch, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	at := time.Now()
	b := telemetry.NewBatch(at, at, 0)
	return b, p.Input.Gatherer.Gather(ctx, b)
}

func upIs(b *telemetry.Batch, want float64) bool {
	for key, v := range plugintest.ByKey(b) {
		if strings.HasPrefix(key, "postgres_up_") {
			return v == want
		}
	}
	return false
}

func TestRefusals(t *testing.T) {
	p := servers(t)
	for name, c := range map[string]struct{ config, want string }{
		"password": {strings.Replace(p.primary.config(""), password, "hunter2!", 1), "refuses the user or the password: correct user and password"},
		"database": {p.primary.config("dbname: nope\n"), "has no such database: correct dbname"},
		"socket":   {"host: " + p.primary.dir + "/none", "is not there: is it running"},
		"tls":      {p.primary.config("tls: {}\n"), "speaks no TLS: switch it on there"},
		"secret":   {"password: secret:no/such", "resolve secret"},
		"url":      {"url: 'postgres://u:hunter2!@[::1'", "url is neither a URL"},
	} {
		b, err := start(t, c.config).Batch(0)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if name != "secret" && name != "url" && !upIs(b, 0) {
			t.Errorf("%s: %v", name, plugintest.ByKey(b))
		}
	}
}

// A user without rights is told which to give it; what it may see is there.
func TestMissingGrants(t *testing.T) {
	p := servers(t)
	var log bytes.Buffer
	in := start(t, "host: 127.0.0.1\nport: "+strconv.Itoa(p.primary.port)+`
user: plain
password: plain
dbname: shop
statements: 5
queries:
  - {name: a, sql: SELECT count(*) FROM web.secret}
  - {name: b, sql: "SELECT pg_catalog.count(*) FROM pg_ls_waldir()"}
  - {name: c, sql: SELECT 1}
`, func(e *plugins.Env) { e.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	b, err := in.Batch(0)
	for _, want := range []string{`GRANT USAGE ON SCHEMA web TO "plain"`, `GRANT pg_monitor TO "plain"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if !strings.Contains(log.String(), `GRANT pg_monitor TO`) || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("log: %s", &log)
	}
	if got := plugintest.ByKey(b); !upIs(b, 1) || got["c_"+p.primary.addr()] != 1 || got["postgres_numbackends_"+p.primary.addr()+"_shop"] < 1 {
		t.Error(got)
	}
	p.primary.psql("shop", "GRANT USAGE ON SCHEMA web TO plain")
	t.Cleanup(func() { p.primary.psql("shop", "REVOKE USAGE ON SCHEMA web FROM plain") })
	if _, err = in.Batch(10); err == nil || !strings.Contains(err.Error(), `GRANT SELECT ON secret TO "plain"`) {
		t.Error(err)
	}
}

// A rotated password is used by the next connection.
func TestSecretsAreResolvedForEachConnection(t *testing.T) {
	p := servers(t)
	store := &fakeStore{"wrong"}
	in := start(t, strings.Replace(p.primary.config(""), `"`+password+`"`, "secret:pg", 1), func(e *plugins.Env) { e.Secrets = store })
	if _, err := in.Batch(0); err == nil {
		t.Error("a wrong password was accepted")
	}
	store.value = password
	if _, err := in.Batch(10); err != nil {
		t.Error(err)
	}
}

type fakeStore struct{ value string }

func (f *fakeStore) Secret(context.Context, string) (string, error) { return f.value, nil }

func TestWaysToConnect(t *testing.T) {
	p := servers(t)
	port := strconv.Itoa(p.primary.port)
	for name, c := range map[string]struct{ config, server string }{
		"socket":  {"host: " + p.primary.dir + "\nport: " + port + "\npassword: \"" + password + "\"", p.primary.dir + ":" + port},
		"url":     {"url: postgres://postgres:pass%27word@127.0.0.1:" + port + "/shop", p.primary.addr()},
		"dsn":     {"url: host=127.0.0.1 port=" + port + " user=postgres dbname=shop\npassword: \"" + password + "\"", p.primary.addr()},
		"sslmode": {p.primary.config("sslmode: disable"), p.primary.addr()},
	} {
		b, err := start(t, c.config).Batch(0)
		if err != nil || !upIs(b, 1) {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := plugintest.BySeries(b)[`postgres_up{environment="test",host="testhost",server="`+c.server+`",source="postgres"}`]; !ok {
			t.Errorf("%s: no label %s", name, c.server)
		}
	}
}

func TestTLS(t *testing.T) {
	ca := tlstest.New(t)
	cert, key := ca.Issue(t, tlstest.Cert{})
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	s := newServer(t)
	certFile, keyFile := s.file("server.crt", read(cert)), s.file("server.key", read(key))
	tls := startPrimary(t, "ssl = on", "ssl_cert_file = '"+certFile+"'", "ssl_key_file = '"+keyFile+"'")
	for config, want := range map[string]string{
		"tls: {ca: " + ca.File + "}":        "",
		"tls: {insecure_skip_verify: true}": "",
		"sslmode: require":                  "",
		"":                                  "",
		"tls: {}":                           "name the authority's file in tls.ca",
		"tls: {ca: " + ca.File + ", server_name: other.x}": "set tls.server_name",
	} {
		in := start(t, tls.config("queries: [{name: ssl, sql: SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()}]\n"+config))
		b, err := in.Batch(0)
		if want == "" && (err != nil || plugintest.ByKey(b)["ssl_"+tls.addr()] != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", config, err, want)
		}
	}
}

// TestRestart: the server is killed and comes back between two gathers, and stays away for one.
func TestRestart(t *testing.T) {
	s := startPrimary(t)
	in := start(t, s.config(""))
	gather := func(want float64) {
		t.Helper()
		b, err := gatherFor(t, in, 10*time.Second)
		if !upIs(b, want) || (err == nil) != (want == 1) {
			t.Errorf("up is not %v: %v", want, err)
		}
	}
	gather(1)
	s.kill()
	s.run()
	gather(1)
	s.kill()
	gather(0)
	s.run()
	gather(1)
	// Killed while it answers: the backend is terminated in the middle of a query.
	s.psql("postgres", "CREATE FUNCTION die() RETURNS int LANGUAGE sql AS 'SELECT pg_terminate_backend(pg_backend_pid())::int'")
	b, err := start(t, s.config("queries: [{name: d, sql: SELECT die()}, {name: e, sql: SELECT 1}]")).Batch(0)
	if err == nil || !strings.Contains(err.Error(), "was stopped") || !upIs(b, 0) || b.Len() < 50 {
		t.Errorf("%v, %d samples", err, b.Len())
	}
}

// TestHanging: a frozen server costs the gather its time, and no more.
func TestHanging(t *testing.T) {
	s := startPrimary(t)
	in := start(t, s.config(""))
	if _, err := gatherFor(t, in, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	backend, _ := strconv.Atoi(s.psql("postgres", "SELECT pid FROM pg_stat_activity WHERE application_name = 'rtcollector'"))
	freeze := func(signal syscall.Signal) {
		_ = s.cmd.Process.Signal(signal)
		_ = syscall.Kill(backend, signal)
	}
	freeze(syscall.SIGSTOP)
	for range 2 {
		b, err := gatherFor(t, in, 200*time.Millisecond)
		if err == nil || !strings.Contains(err.Error(), "did not answer in time") || !upIs(b, 0) {
			t.Errorf("frozen: %v", err)
		}
	}
	// What waits for the server to cancel the query is cut when the input ends, not 15 seconds later.
	closed := make(chan struct{})
	go func() { _ = in.Input.Gatherer.(io.Closer).Close(); close(closed) }() //nolint:forcetypeassert // it is one
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the input does not end while the server hangs")
	}
	freeze(syscall.SIGCONT)
	in = start(t, s.config(""))
	if b, err := gatherFor(t, in, 10*time.Second); err != nil || !upIs(b, 1) {
		t.Errorf("thawed: %v", err)
	}
}

// strange answers every connection with some bytes and closes it.
func strange(t *testing.T, answer func(net.Conn)) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 100))
			answer(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func TestGarbage(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"nothing": func(net.Conn) {},
		"html":    func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n<html>no</html>") },
		"10 MB":   func(c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte("R\x00\x7f"), 10<<20/3)) },
		"zeros":   func(c net.Conn) { _, _ = c.Write(make([]byte, 1<<20)) },
	} {
		for _, mode := range []string{"disable", "prefer", "require"} {
			in := start(t, "host: 127.0.0.1\nport: "+strange(t, answer)+"\nsslmode: "+mode)
			b, err := gatherFor(t, in, 5*time.Second)
			if err == nil || errors.Is(err, context.DeadlineExceeded) || !upIs(b, 0) {
				t.Errorf("%s, %s: %v", name, mode, err)
			}
		}
	}
}

// TestNothingLeaks: a server that comes and goes leaves no goroutine and no descriptor.
func TestNothingLeaks(t *testing.T) {
	p := servers(t)
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // runs last
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc here")
		}
		return len(entries)
	}
	in := start(t, p.primary.config("queries: [{name: slow, sql: SELECT pg_sleep(10), timeout: 1ms}]"))
	gather := func() {
		b, _ := gatherFor(t, in, 5*time.Second)
		if !upIs(b, 1) {
			t.Error("not up")
		}
		p.primary.psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rtcollector'")
	}
	gather()
	low := descriptors()
	for range 20 {
		gather()
	}
	in2 := start(t, "host: 127.0.0.1\nport: "+strange(t, func(net.Conn) {}))
	for range 500 {
		_, _ = in2.Batch(0)
	}
	redistest.Until(t, "given up connections are closed", func(context.Context) error {
		if n := descriptors(); n > low+3 {
			return errors.New(strconv.Itoa(n) + " descriptors")
		}
		return nil
	})
	for _, p := range []*plugintest.Probe{in, in2} {
		_ = p.Input.Gatherer.(io.Closer).Close() //nolint:forcetypeassert // it is one
	}
}
