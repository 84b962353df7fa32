//go:build unix

package postgresinput

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func upIs(b *telemetry.Batch, want float64) bool {
	up, ok := plugintest.ByName(b)["postgres_up"]
	return ok && up == want
}

func TestRefusals(t *testing.T) {
	p := servers(t)
	for name, c := range map[string]struct{ config, want string }{
		"password": {strings.Replace(p.primary.config(""), password, "hunter2!", 1), "refuses the user or the password: correct user and password"},
		"database": {p.primary.config("dbname: nope\n"), "has no such database: correct dbname"},
		"socket":   {"host: " + p.primary.Dir + "/none", "is not there: is it running"},
		"tls":      {p.primary.config("tls: {}\n"), "speaks no TLS: switch it on there"},
		"secret":   {"password: secret:no/such", "resolve secret"},
		"url":      {"url: 'postgres://u:hunter2!@[::1'", "url is neither a URL"},
	} {
		b, err := start(t, c.config).Batch(0)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if name != "url" && !upIs(b, 0) {
			t.Errorf("%s: %v", name, plugintest.ByKey(b))
		}
	}
}

// A user without rights is told which to give it; what it may see is there.
func TestMissingGrants(t *testing.T) {
	p := servers(t)
	var log bytes.Buffer
	in := start(t, "host: 127.0.0.1\nport: "+p.primary.Port+`
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
	if got := plugintest.ByKey(b); !upIs(b, 1) || got["c_"+p.primary.Addr()] != 1 || got["postgres_numbackends_"+p.primary.Addr()+"_shop"] < 1 {
		t.Error(got)
	}
	p.primary.psql("shop", "GRANT USAGE ON SCHEMA web TO plain")
	t.Cleanup(func() { p.primary.psql("shop", "REVOKE USAGE ON SCHEMA web FROM plain") })
	p.primary.psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'plain'")
	if _, err = in.Batch(10); err == nil || !strings.Contains(err.Error(), `GRANT SELECT ON secret TO "plain"`) {
		t.Error(err)
	}
	if strings.Count(log.String(), "\n") != 1 {
		t.Errorf("it is said again after the connection was made anew: %s", &log)
	}
}

func TestSecretsAreResolvedForEachConnection(t *testing.T) {
	p := servers(t)
	plugintest.Rotated(t, Plugin, strings.Replace(p.primary.config(""), `"`+password+`"`, "secret:pg", 1), password)
}

func TestWaysToConnect(t *testing.T) {
	p := servers(t)
	port := p.primary.Port
	for name, c := range map[string]struct{ config, server string }{
		"socket":  {"host: " + p.primary.Dir + "\nport: " + port + "\npassword: \"" + password + "\"", p.primary.Dir + ":" + port},
		"url":     {"url: postgres://postgres:pass%27word@127.0.0.1:" + port + "/shop", p.primary.Addr()},
		"dsn":     {"url: host=127.0.0.1 port=" + port + " user=postgres dbname=shop\npassword: \"" + password + "\"", p.primary.Addr()},
		"sslmode": {p.primary.config("sslmode: disable"), p.primary.Addr()},
	} {
		b, err := start(t, c.config).Batch(0)
		if err != nil || !upIs(b, 1) {
			t.Errorf("%s: %v", name, err)
		}
		plugintest.HasSeries(t, b, `postgres_up{environment="test",host="testhost",server="`+c.server+`",source="postgres"}`)
	}
}

func TestTLS(t *testing.T) {
	ca := tlstest.New(t)
	cert, key := ca.Issue(t, tlstest.Cert{})
	tls := newServer(t)
	tls.start("ssl = on", "ssl_cert_file = '"+tls.CopyFile("server.crt", cert)+"'", "ssl_key_file = '"+tls.CopyFile("server.key", key)+"'")
	for config, want := range map[string]string{
		"tls: {ca: " + ca.File + "}":        "",
		"tls: {insecure_skip_verify: true}": "",
		"sslmode: require":                  "",
		"":                                  "",
		"tls: {}":                           "set tls.ca to the authority's file",
		"tls: {ca: " + ca.File + ", server_name: other.x}": "set tls.server_name",
	} {
		in := start(t, tls.config("queries: [{name: ssl, sql: SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()}]\n"+config))
		b, err := in.Batch(0)
		if want == "" && (err != nil || plugintest.ByKey(b)["ssl_"+tls.Addr()] != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", config, err, want)
		}
	}
}

// TestRestart: the server is killed and comes back between two gathers, and stays away for one.
func TestRestart(t *testing.T) {
	s := newServer(t).start()
	in := start(t, s.config(""))
	gather := func(want float64) {
		t.Helper()
		b, err := in.Within(10*time.Second, 0)
		if !upIs(b, want) || (err == nil) != (want == 1) {
			t.Errorf("up is not %v: %v", want, err)
		}
	}
	gather(1)
	s.crash()
	s.Run()
	gather(1)
	s.crash()
	gather(0)
	s.Run()
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
	s := newServer(t).start()
	in := start(t, s.config(""))
	if _, err := in.Within(10*time.Second, 0); err != nil {
		t.Fatal(err)
	}
	backend, _ := strconv.Atoi(s.psql("postgres", "SELECT pid FROM pg_stat_activity WHERE application_name = 'rtcollector'"))
	s.Freeze()
	_ = syscall.Kill(backend, syscall.SIGSTOP)
	for range 2 {
		b, err := in.Within(200*time.Millisecond, 0)
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
	s.Thaw()
	_ = syscall.Kill(backend, syscall.SIGCONT)
	in = start(t, s.config(""))
	if b, err := in.Within(10*time.Second, 0); err != nil || !upIs(b, 1) {
		t.Errorf("thawed: %v", err)
	}
}

func TestGarbage(t *testing.T) {
	for name, text := range servicetest.GarbageReplies() {
		for _, mode := range []string{"disable", "prefer", "require"} {
			in := start(t, "host: 127.0.0.1\nport: "+servicetest.PortOf(servicetest.ServeText(t, text, true))+"\nsslmode: "+mode)
			b, err := in.Within(5*time.Second, 0)
			if err == nil || errors.Is(err, context.DeadlineExceeded) || !upIs(b, 0) {
				t.Errorf("%s, %s: %v", name, mode, err)
			}
		}
	}
}

// TestNothingLeaks: a server that is cut off in the middle of its answers, a query that takes too long, and one who
// accepts connections and ends them.
func TestNothingLeaks(t *testing.T) {
	p := servers(t)
	cut := servicetest.NewCutter(t, p.primary.Addr())
	at := func(addr, more string) string {
		return strings.Replace(p.primary.config(more), p.primary.Port, servicetest.PortOf(addr), 1)
	}
	in := start(t, at(cut.Addr, "queries: [{name: slow, sql: SELECT pg_sleep(10), timeout: 1ms}]"))
	none := start(t, at(servicetest.ServeText(t, nil, true), ""))
	cut.CheckNoLeaks(t, 60, 4000, func(round, bytes int) {
		if b, err := none.Batch(float64(round)); err == nil || !upIs(b, 0) {
			t.Fatal(err)
		}
		b, err := in.Within(5*time.Second, float64(round))
		if whole := bytes == 0; err == nil || upIs(b, 1) != whole {
			t.Fatalf("cut after %d bytes: %v", bytes, err)
		}
	})
}
