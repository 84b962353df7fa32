//go:build unix

package mariadbinput

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
		if strings.HasPrefix(key, "mariadb_up_") {
			return v == want
		}
	}
	return false
}

func TestRefusals(t *testing.T) {
	p := servers(t)
	for name, c := range map[string]struct{ config, want string }{
		"password": {strings.Replace(p.primary.config(""), password, "hunter2!", 1), "refuses the user or the password: correct user and password"},
		"database": {p.primary.config("database: nope\n"), "refuses this to the user: GRANT SELECT ON `nope`.* TO 'rtc'"},
		"socket":   {"socket: " + p.primary.dir + "/none", "is not there: is it running"},
		"tls":      {p.primary.config("tls: {}\n"), "speaks no TLS: switch it on there"},
		"secret":   {"password: secret:no/such", "resolve secret"},
	} {
		b, err := start(t, c.config).Batch(0)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || !upIs(b, 0) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A user without rights is told which to give it; the rest is there.
func TestMissingGrants(t *testing.T) {
	p := servers(t)
	var log bytes.Buffer
	logged := func(e *plugins.Env) { e.Log = slog.New(slog.NewTextHandler(&log, nil)) }
	if _, err := start(t, p.primary.config(""), logged).Batch(0); err != nil || log.Len() > 0 {
		t.Errorf("a user with rights: %v, %s", err, &log)
	}
	in := start(t, "{host: 127.0.0.1, port: "+strconv.Itoa(p.primary.port)+", user: plain, password: plain, queries: [{name: c, sql: SELECT 1}]}", logged)
	b, err := in.Batch(0)
	_, _ = in.Batch(10)
	if strings.Count(log.String(), "GRANT PROCESS ON *.* TO 'plain'") != 1 {
		t.Errorf("log: %s", &log)
	}
	if err == nil || !strings.Contains(err.Error(), "GRANT SLAVE MONITOR ON *.* TO 'plain'") {
		t.Error(err)
	}
	if got := plugintest.ByKey(b); !upIs(b, 1) || got["c_"+p.primary.addr()] != 1 || got["mariadb_uptime_"+p.primary.addr()] == 0 {
		t.Error(got)
	}
}

// A rotated password is used by the next connection.
func TestSecretsAreResolvedForEachConnection(t *testing.T) {
	p := servers(t)
	store := &fakeStore{"wrong"}
	in := start(t, strings.Replace(p.primary.config(""), `"`+password+`"`, "secret:db", 1), func(e *plugins.Env) { e.Secrets = store })
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

func TestSocket(t *testing.T) {
	p := servers(t)
	b, err := start(t, "socket: "+p.primary.socket()+"\nuser: rtc\npassword: \""+password+"\"").Batch(0)
	if err != nil {
		t.Error(err)
	}
	if _, ok := plugintest.BySeries(b)[`mariadb_up{environment="test",host="testhost",server="`+p.primary.socket()+`",source="mariadb"}`]; !ok {
		t.Error(plugintest.BySeries(b))
	}
}

func TestTLS(t *testing.T) {
	needMariaDB(t)
	ca := tlstest.New(t)
	cert, key := ca.Issue(t, tlstest.Cert{})
	dir, err := os.MkdirTemp("", "rtc-tls-") // the server's user must be able to enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o755)
	for from, to := range map[string]string{cert: dir + "/cert", key: dir + "/key"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := startServer(t, "--ssl-cert="+dir+"/cert", "--ssl-key="+dir+"/key")
	for config, want := range map[string]string{
		"tls: {ca: " + ca.File + "}":                       "",
		"tls: {insecure_skip_verify: true}":                "",
		"tls: {}":                                          "name the authority's file in tls.ca",
		"tls: {ca: " + ca.File + ", server_name: other.x}": "set tls.server_name",
	} {
		in := start(t, s.config("queries: [{name: ssl, sql: \"SELECT VARIABLE_VALUE <> '' FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'\"}]\n"+config))
		b, err := in.Batch(0)
		if want == "" && (err != nil || plugintest.ByKey(b)["ssl_"+s.addr()] != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", config, err, want)
		}
	}
}

// TestRestart: the server is killed and comes back between two gathers, stays away for one, hangs for two, and kills our
// connection in the middle of an answer.
func TestRestart(t *testing.T) {
	s := startServer(t)
	in := start(t, s.config("queries: [{name: a, sql: SELECT 1}]"))
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
	s.signal(syscall.SIGSTOP)
	for range 2 {
		b, err := gatherFor(t, in, 200*time.Millisecond)
		if err == nil || !strings.Contains(err.Error(), "did not answer in time") || !upIs(b, 0) {
			t.Errorf("frozen: %v", err)
		}
	}
	s.signal(syscall.SIGCONT)
	gather(1)
	s.mysql("GRANT CONNECTION ADMIN ON *.* TO rtc@'%'")
	b, err := start(t, s.config("queries: [{name: d, sql: SELECT 1 FROM (SELECT SLEEP(0)) a}, {name: k, sql: 'KILL CONNECTION_ID()'}, {name: e, sql: SELECT 1}]")).Batch(0)
	if err == nil || !strings.Contains(err.Error(), "query k: ") || b.Len() < 50 || !upIs(b, 0) || strings.Count(err.Error(), "mariadb 127") != 1 {
		t.Errorf("%v, %d samples", err, b.Len())
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
		b, err := gatherFor(t, start(t, "host: 127.0.0.1\nport: "+strange(t, answer)), 5*time.Second)
		if err == nil || errors.Is(err, context.DeadlineExceeded) || !upIs(b, 0) || !strings.Contains(err.Error(), "that is no MariaDB") && !strings.Contains(err.Error(), "does not answer as a MariaDB") {
			t.Errorf("%s: %v", name, err)
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
	in := start(t, p.primary.config("queries: [{name: slow, sql: SELECT SLEEP(10), timeout: 1ms}]"))
	gather := func() {
		if b, _ := gatherFor(t, in, 5*time.Second); !upIs(b, 1) {
			t.Error("not up")
		}
		p.primary.mysql("KILL USER rtc")
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
}
