package httpresponse

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// allocsPerRequest is the number of allocations of a request on a new connection, including the server of the test. With TLS it is five
// times as many.
const allocsPerRequest = 400

// serveHealthyPage answers like a healthy service.
func serveHealthyPage(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/moved":
		http.Redirect(w, r, "/", http.StatusFound)
	case "/broken":
		w.WriteHeader(http.StatusInternalServerError)
	case "/mark":
		_, _ = io.WriteString(w, "\ufeff")
	case "/loop":
		http.Redirect(w, r, "/loop", http.StatusFound)
	}
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	_, _ = io.WriteString(w, `{"status": "ok", "checks": [{"healthy": true, "ms": 1.0}], "method": "`+r.Method+`", "body": "`+string(body)+`", "user": "`+user+":"+password+`"}`)
}

// startTLSServer starts a server with TLS and returns its URL.
func startTLSServer(t testing.TB, a *tlstest.Authority, c tlstest.Cert) string {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(a.Issue(t, c))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(serveHealthyPage))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func startInput(t testing.TB, config string) *plugintest.Probe {
	t.Helper()
	return plugintest.Start(t, Plugin, config, plugintest.Env("http_response", ""))
}

func TestPlugin(t *testing.T) {
	plain := httpxtest.Pages(t, serveHealthyPage).URL
	a := tlstest.New(t)
	https := strings.Replace(startTLSServer(t, a, tlstest.Cert{}), "127.0.0.1", "localhost", 1) // a name, so that it is looked up
	all := "response_status_code: 200, response_string_match: ok, response_json_match: {status: ok}}"
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "http", Config: "{urls: ['" + plain + "'], " + all, Allocs: allocsPerRequest},
		plugintest.Case{Name: "https", Config: "{urls: ['" + https + "', '" + plain + "/a', '" + plain + "/b'], tls: {ca: " + a.File + "}, " + all, Allocs: 7 * allocsPerRequest},
		plugintest.Case{Name: "kept", Config: "{urls: ['" + https + "'], keep_connections: true, tls: {ca: " + a.File + "}}", Allocs: allocsPerRequest},
		plugintest.Case{Name: "gone", Config: "urls: ['http://" + servicetest.RefusingAddr + "']", Allocs: allocsPerRequest},
	)
	if b, err := startInput(t, "").Batch(0); err != nil || b.Len() != 0 {
		t.Errorf("without URLs: %d samples, %v", b.Len(), err)
	}
}

// gatherAnswer gathers one URL. It returns the values by name, without the prefix of the input, and the label of the result.
func gatherAnswer(t testing.TB, p *plugintest.Probe) (map[string]float64, string) {
	t.Helper()
	b, err := p.Batch(0)
	if err != nil {
		t.Error(err)
	}
	m, result := map[string]float64{}, ""
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		m[strings.TrimPrefix(s.Name(), "http_response_")] = v
		for _, l := range s.Labels() {
			if l.Key == "result" {
				result = l.Value
			}
		}
	}
	return m, result
}

func TestAnswer(t *testing.T) {
	url := httpxtest.Pages(t, serveHealthyPage).URL
	json := "method: POST, body: text, response_json_match: {method: POST, body: text, checks.0.healthy: 'true', checks.0.ms: '1.0'}"
	for _, c := range []struct {
		path, settings string
		want           map[string]float64
	}{
		{"", "", map[string]float64{"result_code": 0, "status_code": 200, "content_length": 100, "http_version": 1.1}},
		{"", "response_body_max_size: 5, response_string_match: ok",
			map[string]float64{"result_code": 8, "status_code": 200, "content_length": 100, "string_match": 0}},
		{"", "response_string_match: 'healthy.: *tr'", map[string]float64{"result_code": 0, "string_match": 1}},
		{"/broken", "", map[string]float64{"result_code": 0, "status_code": 500}},
		{"/broken", "response_status_code: 200", map[string]float64{"result_code": 7, "status_code": 500, "status_code_match": 0}},
		{"/moved", "", map[string]float64{"result_code": 0, "status_code": 200}},
		{"/moved", "follow_redirects: false, response_status_code: 302",
			map[string]float64{"result_code": 0, "status_code": 302, "status_code_match": 1}},
		{"", "method: head", map[string]float64{"result_code": 0, "content_length": 0}},
		{"", json, map[string]float64{"result_code": 0, "json_match": 1}},
		{"", "response_json_match: {checks.1.healthy: 'true'}", map[string]float64{"result_code": 9, "json_match": 0}},
		{"", "username: ann, password: pw, response_string_match: 'ann:pw'", map[string]float64{"result_code": 0, "string_match": 1}},
		{"/mark", "response_string_match: '^[{].status', response_json_match: {status: ok}",
			map[string]float64{"result_code": 0, "string_match": 1, "json_match": 1, "content_length": 103}},
		{"", "interface: 127.0.0.1", map[string]float64{"result_code": 0}},
		{"", "interface: nonesuch", map[string]float64{"result_code": 2}},
		{"/loop", "", map[string]float64{"result_code": 3}},
	} {
		config := "{urls: ['" + url + c.path + "'], " + c.settings + "}"
		got, _ := gatherAnswer(t, startInput(t, config))
		for name, v := range c.want {
			if g, has := got[name]; !has || g != v {
				t.Errorf("%s: %s is %v, want %v", config, name, g, v)
			}
		}
		for _, name := range []string{"response_time", "first_byte_time", "connect_time"} {
			if _, has := got[name]; has != (got["result_code"] == 0 || got["result_code"] >= 7) {
				t.Errorf("%s: %s is written: %v", config, name, has)
			}
		}
		if got["connect_time"] > got["first_byte_time"] || got["first_byte_time"] > got["response_time"] {
			t.Errorf("%s: the parts do not add up: %v", config, got)
		}
	}
}

func TestCertificates(t *testing.T) {
	a := tlstest.New(t)
	good, expired := startTLSServer(t, a, tlstest.Cert{}), startTLSServer(t, a, tlstest.Cert{Expired: true})
	plain := httpxtest.Pages(t, serveHealthyPage).URL
	for _, c := range []struct {
		name, config, result string
		hours                float64 // until it expires: 24, -1, or 0 for no certificate
	}{
		{"trusted", "{urls: ['" + good + "'], tls: {ca: " + a.File + "}}", "success", 24},
		{"not verified", "{urls: ['" + good + "'], insecure_skip_verify: true}", "success", 24},
		{"not trusted", "{urls: ['" + good + "']}", "tls_failed", 24},
		{"expired", "{urls: ['" + expired + "'], tls: {ca: " + a.File + "}}", "tls_failed", -1},
		{"expired, not verified", "{urls: ['" + expired + "'], tls: {insecure_skip_verify: true}}", "success", -1},
		{"no TLS", "{urls: ['" + strings.Replace(plain, "http:", "https:", 1) + "']}", "tls_failed", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, result := gatherAnswer(t, startInput(t, c.config))
			if result != c.result {
				t.Errorf("result %s, want %s", result, c.result)
			}
			left, has := got["cert_expiry"]
			if has != (c.hours != 0) || left/3600 < c.hours-.1 || left/3600 > c.hours+.1 {
				t.Errorf("%v seconds left (written: %v), want %v hours", left, has, c.hours)
			}
			if result == "success" && (got["tls_version"] != 1.3 || got["http_version"] != 2 || got["tls_time"] == 0) {
				t.Errorf("%v", got)
			}
		})
	}
}

// A kept connection is renewed when its time has passed, and not earlier.
func TestConnectionIsRenewedWhenOld(t *testing.T) {
	url := httpxtest.Pages(t, serveHealthyPage).URL
	p := startInput(t, "{urls: ['"+url+"'], keep_connections: 1h}")
	isNew := func() bool {
		got, result := gatherAnswer(t, p)
		if result != "success" {
			t.Error(result)
		}
		_, has := got["connect_time"]
		return has
	}
	probe := p.Input.Gatherer.(*input).probes[0]
	if !isNew() || isNew() || isNew() {
		t.Error("the connection is not kept")
	}
	probe.closeAt = time.Now().Add(-time.Second)
	if !isNew() || isNew() {
		t.Error("an old connection is not renewed once")
	}
	if left := time.Until(probe.closeAt); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the new one has %v left", left)
	}
}

func TestKeptConnectionsAreRenewedInTurn(t *testing.T) {
	url := httpxtest.Pages(t, serveHealthyPage).URL
	p := startInput(t, "{urls: ['"+url+"/a', '"+url+"/b', '"+url+"/c', '"+url+"/d'], keep_connections: true}")
	_, _ = p.Batch(0)
	for i, probe := range p.Input.Gatherer.(*input).probes {
		want := defaultKeepTime * time.Duration(4-i) / 4
		if left := time.Until(probe.closeAt); left > want || left < want-10*time.Second {
			t.Errorf("%d: %v left, want %v", i, left, want)
		}
	}
}

// As many probes connect at the same time as there are processors. A turn ends with its probe's request, or after a time limit.
func TestTurnsLimitConcurrentConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		procs := runtime.GOMAXPROCS(0)
		turns := newConnectTurns(1)
		began := time.Now()
		var first func()
		for range procs {
			first = turns.waitTurn(t.Context())
		}
		first()
		first()
		second := turns.waitTurn(t.Context())
		if time.Since(began) != 0 {
			t.Errorf("the next probe waited %v after a turn ended", time.Since(began))
		}
		turns.waitTurn(t.Context())
		if time.Since(began) != maxTurn {
			t.Errorf("the turn of a slow probe ended after %v", time.Since(began))
		}
		second()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 * procs {
			turns.waitTurn(ctx)()
		}
		if got, want := newConnectTurns(1000*procs).timeLimit, 250*time.Microsecond; got != want {
			t.Errorf("with many probes a turn lasts %v, want %v", got, want)
		}
	})
}

// Each failure has its own result, does not affect other URLs, and shows no credentials.
func TestMisbehaving(t *testing.T) {
	good := httpxtest.Pages(t, serveHealthyPage).URL
	results := map[string]string{
		"cannot be reached: start it": "connection_failed", "did not answer in time": "timeout", "but not with HTTP": "request_failed",
		"in the middle of": "connection_failed", "answers with more than": "timeout",
	}
	for kind, addr := range httpxtest.Misbehaving(t) {
		t.Run(kind, func(t *testing.T) {
			want, fails := results[kind]
			if !fails {
				want = "success" // any answer is a success here
			}
			patience := httpxtest.Patience(kind)
			if want == "timeout" {
				patience = httpxtest.Patience("did not answer in time")
			}
			got, said := gatherTwo(t, addr, good, patience)
			if got[addr] != want || got[strings.TrimPrefix(good, "http://")] != "success" {
				t.Errorf("results %v, want %s", got, want)
			}
			if strings.Contains(said, "hidden") || fails != strings.Contains(said, addr) {
				t.Errorf("logged: %s", said)
			}
		})
	}
}

// gatherTwo gathers from two servers with credentials. It returns the results by server, and the log.
func gatherTwo(t *testing.T, addr, good string, patience time.Duration) (results map[string]string, said string) {
	var logged bytes.Buffer
	env := plugintest.Env("http_response", "")
	env.Log = slog.New(slog.NewTextHandler(&logged, nil))
	p := plugintest.Start(t, Plugin, "urls: ['http://me:hidden@"+addr+"/?token=hidden', '"+good+"']", env)
	results = map[string]string{}
	for range 2 { // the second gather has the same results
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		b := telemetry.NewBatch(time.Now(), time.Now(), 0)
		if err := p.Input.Gatherer.Gather(ctx, b); err != nil {
			t.Error(err)
		}
		cancel()
		for i := range b.Len() {
			s, _, _ := b.Sample(i)
			if strings.Contains(s.String()+s.BareKey(), "hidden") {
				t.Error(s)
			}
			labels := map[string]string{}
			for _, l := range s.Labels() {
				labels[l.Key] = l.Value
			}
			if s.Name() == "http_response_result" {
				results[labels["server"]] = labels["result"]
			}
		}
	}
	if n := strings.Count(logged.String(), "\n"); n > 1 {
		t.Errorf("%d lines: %s", n, logged.String())
	}
	return results, logged.String()
}

// A truncated answer has no values. A cancelled request has no result.
func TestTruncatedAnswerHasNoValues(t *testing.T) {
	cut := servicetest.ServeRaw(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
	})
	p := startInput(t, "urls: ['http://"+cut+"']")
	if got, result := gatherAnswer(t, p); len(got) != 2 || result != "connection_failed" {
		t.Errorf("%s: %v", result, got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	if err := p.Input.Gatherer.Gather(ctx, b); !errors.Is(err, context.Canceled) || b.Len() != 0 {
		t.Errorf("%d samples, %v", b.Len(), err)
	}
}

// The metrics have the version of TLS, and the expiry of the server's own certificate in the chain.
func TestTLSVersionAndLeafCertificate(t *testing.T) {
	a := tlstest.New(t)
	cert, err := tls.LoadX509KeyPair(a.Issue(t, tlstest.Cert{Expired: true}))
	if err != nil {
		t.Fatal(err)
	}
	other, err := tls.LoadX509KeyPair(a.Issue(t, tlstest.Cert{}))
	if err != nil {
		t.Fatal(err)
	}
	cert.Certificate = append(cert.Certificate, other.Certificate...)
	s := httptest.NewUnstartedServer(http.HandlerFunc(serveHealthyPage))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12}
	s.StartTLS()
	defer s.Close()
	got, _ := gatherAnswer(t, startInput(t, "{urls: ['"+s.URL+"'], insecure_skip_verify: true}"))
	if got["tls_version"] != 1.2 || got["http_version"] != 1.1 || got["cert_expiry"] > 0 {
		t.Errorf("%v", got)
	}
}

func TestUnknownName(t *testing.T) {
	got, result := gatherAnswer(t, startInput(t, "urls: ['http://nonesuch.invalid/']"))
	if result != "dns_failed" || got["result_code"] != 5 {
		t.Errorf("%s %v", result, got)
	}
}

func TestMissingSecretIsAnError(t *testing.T) {
	url := httpxtest.Pages(t, serveHealthyPage).URL
	b, err := startInput(t, "{urls: ['"+url+"'], bearer_token: 'secret:none'}").Batch(0)
	if err == nil || !strings.Contains(err.Error(), `resolve secret "none"`) || b.Len() != 2 {
		t.Errorf("%d samples, %v", b.Len(), err)
	}
}

// The configuration of the Python rtcollector is accepted.
func TestPythonConfigurationIsAccepted(t *testing.T) {
	_, problems := plugintest.Decode(t, Plugin, `
urls: [https://example.org]
method: GET
timeout: 5
follow_redirects: true
headers: {X-Test: "1"}
body: ""
insecure_skip_verify: false
response_body_field: ""
response_body_max_size: 32768
response_string_match: ""
response_status_code: 0
interface: ""
`)
	if err := problems.Err(); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]time.Duration{"true": defaultKeepTime, "false": 0, "10m": 10 * time.Minute, "30": 30 * time.Second} {
		var k keepTime
		if err := k.UnmarshalScalar(text); err != nil || time.Duration(k) != want {
			t.Errorf("%s: %v, %v", text, k, err)
		}
	}
	if _, problems = plugintest.Decode(t, Plugin, "{keep_connections: long}"); problems.Err() == nil || !strings.Contains(problems.Error(), "must be true, false, or how long") {
		t.Errorf("%v", problems)
	}
	_, problems = plugintest.Decode(t, Plugin, "{urls: [x], method: 'a b', response_string_match: '(', response_body_max_size: 1GB, insecure_skip_verify: true, tls: {ca: x}}")
	if len(problems) != 5 {
		t.Errorf("%d problems: %v", len(problems), problems)
	}
}

// TestNothingLeaks sends many requests to servers that hang, refuse and truncate.
func TestNothingLeaks(t *testing.T) {
	hang := servicetest.ServeRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	cut := servicetest.ServeRaw(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })
	p := startInput(t, "urls: ['http://"+hang+"', 'https://"+hang+"', 'http://"+cut+"', 'http://"+servicetest.RefusingAddr+"']")
	servicetest.CheckNoLeaks(t, 100, func(round int) {
		if _, err := p.Within(5*time.Millisecond, float64(round)); err != nil {
			t.Error(err)
		}
	})
}
