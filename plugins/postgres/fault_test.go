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

func hasUp(b *telemetry.Batch, want float64) bool {
	up, ok := plugintest.ByName(b)["postgres_up"]
	return ok && up == want
}

func TestRefusals(t *testing.T) {
	p := sharedServers(t)
	for name, c := range map[string]struct{ config, want string }{
		"password": {strings.Replace(p.primary.inputConfig(""), password, "hunter2!", 1), "refuses the user or the password: correct user and password"},
		"database": {p.primary.inputConfig("dbname: nope\n"), "has no such database: correct dbname"},
		"socket":   {"host: " + p.primary.Dir + "/none", "is not reachable: is it running"},
		"tls":      {p.primary.inputConfig("tls: {}\n"), "does not support TLS: enable it there"},
		"secret":   {"password: secret:no/such", "resolve secret"},
		"url":      {"url: 'postgres://u:hunter2!@[::1'", "url is neither a URL"},
	} {
		b, err := startInput(t, c.config).Batch(0)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if name != "url" && !hasUp(b, 0) {
			t.Errorf("%s: %v", name, plugintest.ByKey(b))
		}
	}
}

// For a user without rights, the error names the grants, and the permitted metrics are written.
func TestMissingGrants(t *testing.T) {
	p := sharedServers(t)
	var log bytes.Buffer
	in := startInput(t, "host: 127.0.0.1\nport: "+p.primary.Port+`
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
	if got := plugintest.ByKey(b); !hasUp(b, 1) || got["c_"+p.primary.Addr()] != 1 || got["postgres_numbackends_"+p.primary.Addr()+"_shop"] < 1 {
		t.Error(got)
	}
	p.primary.psql("shop", "GRANT USAGE ON SCHEMA web TO plain")
	t.Cleanup(func() { p.primary.psql("shop", "REVOKE USAGE ON SCHEMA web FROM plain") })
	p.primary.psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'plain'")
	if _, err = in.Batch(10); err == nil || !strings.Contains(err.Error(), `GRANT SELECT ON secret TO "plain"`) {
		t.Error(err)
	}
	if strings.Count(log.String(), "\n") != 1 {
		t.Errorf("the warning is repeated for a new connection: %s", &log)
	}
}

func TestSecretsAreResolvedForEachConnection(t *testing.T) {
	p := sharedServers(t)
	plugintest.Rotated(t, Plugin, strings.Replace(p.primary.inputConfig(""), `"`+password+`"`, "secret:pg", 1), password)
}

func TestWaysToConnect(t *testing.T) {
	p := sharedServers(t)
	port := p.primary.Port
	for name, c := range map[string]struct{ config, server string }{
		"socket":  {"host: " + p.primary.Dir + "\nport: " + port + "\npassword: \"" + password + "\"", p.primary.Dir + ":" + port},
		"url":     {"url: postgres://postgres:pass%27word@127.0.0.1:" + port + "/shop", p.primary.Addr()},
		"dsn":     {"url: host=127.0.0.1 port=" + port + " user=postgres dbname=shop\npassword: \"" + password + "\"", p.primary.Addr()},
		"sslmode": {p.primary.inputConfig("sslmode: disable"), p.primary.Addr()},
	} {
		b, err := startInput(t, c.config).Batch(0)
		if err != nil || !hasUp(b, 1) {
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
		in := startInput(t, tls.inputConfig("queries: [{name: ssl, sql: SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()}]\n"+config))
		b, err := in.Batch(0)
		if want == "" && (err != nil || plugintest.ByKey(b)["ssl_"+tls.Addr()] != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", config, err, want)
		}
	}
}

// The server is killed and restarted between two gathers, and is down for one.
func TestRestart(t *testing.T) {
	s := newServer(t).start()
	in := startInput(t, s.inputConfig(""))
	gather := func(want float64) {
		t.Helper()
		b, err := in.Within(10*time.Second, 0)
		if !hasUp(b, want) || (err == nil) != (want == 1) {
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
	// The backend is terminated in the middle of a query.
	s.psql("postgres", "CREATE FUNCTION die() RETURNS int LANGUAGE sql AS 'SELECT pg_terminate_backend(pg_backend_pid())::int'")
	b, err := startInput(t, s.inputConfig("queries: [{name: d, sql: SELECT die()}, {name: e, sql: SELECT 1}]")).Batch(0)
	if err == nil || !strings.Contains(err.Error(), "was stopped") || !hasUp(b, 0) || b.Len() < 50 {
		t.Errorf("%v, %d samples", err, b.Len())
	}
}

// A frozen server delays a gather by its timeout, not longer.
func TestHanging(t *testing.T) {
	s := newServer(t).start()
	in := startInput(t, s.inputConfig(""))
	if _, err := in.Within(10*time.Second, 0); err != nil {
		t.Fatal(err)
	}
	backend, _ := strconv.Atoi(s.psql("postgres", "SELECT pid FROM pg_stat_activity WHERE application_name = 'rtcollector'"))
	s.Freeze()
	_ = syscall.Kill(backend, syscall.SIGSTOP)
	for range 2 {
		b, err := in.Within(200*time.Millisecond, 0)
		if err == nil || !strings.Contains(err.Error(), "did not answer in time") || !hasUp(b, 0) {
			t.Errorf("frozen: %v", err)
		}
	}
	// The goroutine that cancels the query ends with the input, not 15 seconds later.
	closed := make(chan struct{})
	go func() { _ = in.Input.Gatherer.(io.Closer).Close(); close(closed) }() //nolint:forcetypeassert // it is one
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the input does not end while the server hangs")
	}
	s.Thaw()
	_ = syscall.Kill(backend, syscall.SIGCONT)
	in = startInput(t, s.inputConfig(""))
	if b, err := in.Within(10*time.Second, 0); err != nil || !hasUp(b, 1) {
		t.Errorf("thawed: %v", err)
	}
}

func TestGarbage(t *testing.T) {
	for name, text := range servicetest.GarbageReplies() {
		for _, mode := range []string{"disable", "prefer", "require"} {
			in := startInput(t, "host: 127.0.0.1\nport: "+servicetest.PortOf(servicetest.ServeText(t, text, true))+"\nsslmode: "+mode)
			b, err := in.Within(5*time.Second, 0)
			if err == nil || errors.Is(err, context.DeadlineExceeded) || !hasUp(b, 0) {
				t.Errorf("%s, %s: %v", name, mode, err)
			}
		}
	}
}

// Nothing leaks when replies are truncated, when a query times out, and when a server accepts connections and closes them.
func TestNothingLeaks(t *testing.T) {
	p := sharedServers(t)
	cut := servicetest.NewCutter(t, p.primary.Addr())
	at := func(addr, more string) string {
		return strings.Replace(p.primary.inputConfig(more), p.primary.Port, servicetest.PortOf(addr), 1)
	}
	in := startInput(t, at(cut.Addr, "queries: [{name: slow, sql: SELECT pg_sleep(10), timeout: 1ms}]"))
	none := startInput(t, at(servicetest.ServeText(t, nil, true), ""))
	cut.CheckNoLeaks(t, 60, 4000, func(round, bytes int) {
		if b, err := none.Batch(float64(round)); err == nil || !hasUp(b, 0) {
			t.Fatal(err)
		}
		b, err := in.Within(5*time.Second, float64(round))
		if whole := bytes == 0; err == nil || hasUp(b, 1) != whole {
			t.Fatalf("cut after %d bytes: %v", bytes, err)
		}
	})
}
