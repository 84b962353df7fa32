//go:build unix

package mariadbinput

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func hasUp(b *telemetry.Batch, want float64) bool {
	up, ok := plugintest.ByName(b)["mariadb_up"]
	return ok && up == want
}

func TestRefusals(t *testing.T) {
	p := sharedServers(t)
	for name, c := range map[string]struct{ config, want string }{
		"password": {strings.Replace(p.primary.inputConfig(""), password, "hunter2!", 1), "refuses the user or the password: correct user and password"},
		"database": {p.primary.inputConfig("database: nope\n"), "refuses this to the user: GRANT SELECT ON `nope`.* TO 'rtc'"},
		"socket":   {"socket: " + p.primary.Dir + "/none", "is not reachable: is it running"},
		"tls":      {p.primary.inputConfig("tls: {}\n"), "does not support TLS: enable it there"},
		"secret":   {"password: secret:no/such", "resolve secret"},
	} {
		b, err := startInput(t, c.config).Batch(0)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || !hasUp(b, 0) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// For a user without rights, the error names the grants, and the permitted metrics are written.
func TestMissingGrants(t *testing.T) {
	p := sharedServers(t)
	var log bytes.Buffer
	logged := func(e *plugins.Env) { e.Log = slog.New(slog.NewTextHandler(&log, nil)) }
	if _, err := startInput(t, p.primary.inputConfig(""), logged).Batch(0); err != nil || log.Len() > 0 {
		t.Errorf("a user with rights: %v, %s", err, &log)
	}
	in := startInput(t, "{host: 127.0.0.1, port: "+p.primary.Port+", user: plain, password: plain, queries: [{name: c, sql: SELECT 1}]}", logged)
	b, err := in.Batch(0)
	_, _ = in.Batch(10)
	if strings.Count(log.String(), "GRANT PROCESS ON *.* TO 'plain'") != 1 {
		t.Errorf("log: %s", &log)
	}
	if err == nil || !strings.Contains(err.Error(), "GRANT SLAVE MONITOR ON *.* TO 'plain'") {
		t.Error(err)
	}
	if got := plugintest.ByKey(b); !hasUp(b, 1) || got["c_"+p.primary.Addr()] != 1 || got["mariadb_uptime_"+p.primary.Addr()] == 0 {
		t.Error(got)
	}
}

func TestSecretsAreResolvedForEachConnection(t *testing.T) {
	p := sharedServers(t)
	plugintest.Rotated(t, Plugin, strings.Replace(p.primary.inputConfig(""), `"`+password+`"`, "secret:db", 1), password)
}

func TestSocket(t *testing.T) {
	p := sharedServers(t)
	b, err := startInput(t, "socket: "+p.primary.socketPath()+"\nuser: rtc\npassword: \""+password+"\"").Batch(0)
	if err != nil {
		t.Error(err)
	}
	plugintest.HasSeries(t, b, `mariadb_up{environment="test",host="testhost",server="`+p.primary.socketPath()+`",source="mariadb"}`)
}

func TestTLS(t *testing.T) {
	ca := tlstest.New(t)
	cert, key := ca.Issue(t, tlstest.Cert{})
	s := newServer(t)
	s.start("--ssl-cert="+s.CopyFile("cert", cert), "--ssl-key="+s.CopyFile("key", key))
	for config, want := range map[string]string{
		"tls: {ca: " + ca.File + "}":                       "",
		"tls: {insecure_skip_verify: true}":                "",
		"tls: {}":                                          "set tls.ca to the authority's file",
		"tls: {ca: " + ca.File + ", server_name: other.x}": "set tls.server_name",
	} {
		in := startInput(t, s.inputConfig("queries: [{name: ssl, sql: \"SELECT VARIABLE_VALUE <> '' FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'\"}]\n"+config))
		b, err := in.Batch(0)
		if want == "" && (err != nil || plugintest.ByKey(b)["ssl_"+s.Addr()] != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", config, err, want)
		}
	}
}

// The server is killed and restarted between two gathers, is down for one, hangs for two, and kills our connection in the
// middle of a reply.
func TestRestart(t *testing.T) {
	s := newServer(t).start()
	in := startInput(t, s.inputConfig("queries: [{name: a, sql: SELECT 1}]"))
	gather := func(want float64) {
		t.Helper()
		b, err := in.Within(10*time.Second, 0)
		if !hasUp(b, want) || (err == nil) != (want == 1) {
			t.Errorf("up is not %v: %v", want, err)
		}
	}
	gather(1)
	s.Kill()
	s.Run()
	gather(1)
	s.Kill()
	gather(0)
	s.Run()
	gather(1)
	s.Freeze()
	for range 2 {
		b, err := in.Within(200*time.Millisecond, 0)
		if err == nil || !strings.Contains(err.Error(), "did not answer in time") || !hasUp(b, 0) {
			t.Errorf("frozen: %v", err)
		}
	}
	s.Thaw()
	gather(1)
	s.mysql("GRANT CONNECTION ADMIN ON *.* TO rtc@'%'")
	b, err := startInput(t, s.inputConfig("queries: [{name: d, sql: SELECT 1 FROM (SELECT SLEEP(0)) a}, {name: k, sql: 'KILL CONNECTION_ID()'}, {name: e, sql: SELECT 1}]")).Batch(0)
	if err == nil || !strings.Contains(err.Error(), "query k: ") || b.Len() < 50 || !hasUp(b, 0) || strings.Count(err.Error(), "mariadb 127") != 1 {
		t.Errorf("%v, %d samples", err, b.Len())
	}
}

// The server is restarted with another announced version, and then as a MySQL, which uses other statements.
func TestUpgrade(t *testing.T) {
	s := newServer(t).start()
	in := startInput(t, s.inputConfig(""))
	for second, release := range []string{"", "11.8.2-MariaDB", "8.0.21", "8.4.3"} {
		if release != "" {
			s.Kill()
			s.Args = append(s.Args, "--version="+release)
			s.Run()
		}
		b, err := in.Within(10*time.Second, float64(second))
		if err != nil || !hasUp(b, 1) || b.Len() < 100 {
			t.Fatalf("%s: %v, %d samples", release, err, b.Len())
		}
		infos := 0
		for series := range plugintest.BySeries(b) {
			if strings.HasPrefix(series, "mariadb_info{") {
				infos++
				if !strings.Contains(series, `version="`+release) {
					t.Errorf("%s is reported as %s", release, series)
				}
			}
		}
		if infos != 1 {
			t.Errorf("%s: %d infos", release, infos)
		}
	}
}

func TestGarbage(t *testing.T) {
	for name, text := range servicetest.GarbageReplies() {
		b, err := startInput(t, "host: 127.0.0.1\nport: "+servicetest.PortOf(servicetest.ServeText(t, text, false))).Within(5*time.Second, 0)
		if err == nil || errors.Is(err, context.DeadlineExceeded) || !hasUp(b, 0) || !strings.Contains(err.Error(), "it is not a MariaDB server") && !strings.Contains(err.Error(), "does not answer like a MariaDB") {
			t.Errorf("%s: %v", name, err)
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
	// A SLEEP that is interrupted may be no error but 1, the next row is one.
	in := startInput(t, at(cut.Addr, "queries: [{name: slow, sql: SELECT SLEEP(10) FROM information_schema.COLLATIONS, timeout: 1ms}, {name: last, sql: SELECT 1}]"))
	// The last query connects again if the slow one has lost the connection.
	none := startInput(t, at(servicetest.ServeText(t, nil, false), ""))
	cut.CheckNoLeaks(t, 60, 9000, func(round, bytes int) {
		if b, err := none.Batch(float64(round)); err == nil || !hasUp(b, 0) {
			t.Fatal(err)
		}
		b, err := in.Within(5*time.Second, float64(round))
		if whole := bytes == 0; err == nil || hasUp(b, 1) != whole {
			t.Fatalf("cut after %d bytes: %v", bytes, err)
		}
	})
}
