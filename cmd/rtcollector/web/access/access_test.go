package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/access"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// guarded returns a server behind a guard, which answers "inside" to requests that are allowed.
func guarded(s access.Settings) http.Handler {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	g := access.New(s)
	routes := g.Routes()
	return g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := routes[r.URL.Path][r.Method]; h != nil {
			h(w, r)
			return
		}
		_, _ = w.Write([]byte("inside"))
	}))
}

// send sends a request: "GET /path", "POST /path body", with headers "Name: value".
func send(h http.Handler, request string, headers ...string) *http.Response {
	words := strings.SplitN(request, " ", 3)
	body := ""
	if len(words) == 3 {
		body = words[2]
	}
	r := httptest.NewRequest(words[0], "http://127.0.0.1:8642"+words[1], strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
		if name == "From" { // stands for the address of the client
			r.RemoteAddr = value
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func token(t string) access.Settings {
	return access.Settings{Auth: &httpauth.Auth{Token: secret.Literal(t)}}
}

const bearer = "Authorization: Bearer sesame"

func TestHosts(t *testing.T) {
	local := access.Settings{Local: true, Listen: "127.0.0.1", Hosts: []string{"metrics.lan"}}
	exposed := access.Settings{Listen: "0.0.0.0", Hosts: []string{"metrics.lan"}}
	locked := token("sesame")
	for name, c := range map[string]struct {
		settings access.Settings
		known    []string
		unknown  []string
	}{
		"local": {
			local, []string{"127.0.0.1:8642", "localhost", "LOCALHOST:1", "[::1]:8642", "metrics.lan", "127.0.0.2"},
			[]string{"evil.lan", "evil.lan:8642", "10.0.0.1:8642", "metrics.lan.evil", "", "127.0.0.1.evil", "localhost."},
		},
		"everybody": {exposed, []string{"10.0.0.1:8642", "[fe80::1]", "metrics.lan", "localhost"}, []string{"evil.lan", "0x7f.1", "127.1"}},
		"token":     {locked, []string{"evil.lan", "metrics.lan", "10.0.0.1"}, nil},
	} {
		h := guarded(c.settings)
		for _, host := range c.known {
			if r := send(h, "GET /api/hosts", "Host: "+host, bearer); r.StatusCode != http.StatusOK {
				t.Errorf("%s: %q is refused with %d", name, host, r.StatusCode)
			}
		}
		for _, host := range c.unknown {
			if r := send(h, "GET /api/hosts", "Host: "+host, bearer); r.StatusCode != http.StatusForbidden || !strings.Contains(text(t, r), "add it to hosts") {
				t.Errorf("%s: %q is answered with %d", name, host, r.StatusCode)
			}
		}
	}
	if r := send(guarded(local), "GET /health", "Host: probe"); r.StatusCode != http.StatusOK {
		t.Errorf("a probe gets %d", r.StatusCode)
	}
}

func TestOrigins(t *testing.T) {
	h := guarded(access.Settings{Local: true, Origins: []string{"https://grafana.lan"}})
	for _, c := range []struct {
		request, header string
		status          int
		allowed         string // Access-Control-Allow-Origin
	}{
		{"GET /api/hosts", "Origin: http://127.0.0.1:8642", 200, ""},
		{"GET /api/hosts", "Origin: https://grafana.lan", 200, "https://grafana.lan"},
		{"GET /api/hosts", "Origin: https://evil.lan", 403, ""},
		{"GET /api/hosts", "Origin: http://127.0.0.1:9999", 403, ""},
		{"GET /api/hosts", "Origin: null", 403, ""},
		{"GET /api/hosts", "Sec-Fetch-Site: cross-site", 403, ""},
		{"GET /api/hosts", "Sec-Fetch-Site: same-origin", 200, ""},
		{"GET /hosts", "Sec-Fetch-Site: cross-site", 200, ""}, // a link
		{"POST /login token=x", "Origin: https://evil.lan", 403, ""},
		{"POST /logout", "Origin: https://evil.lan", 403, ""},
		{"OPTIONS /api/v1/query", "Origin: https://grafana.lan", 204, "https://grafana.lan"},
		{"OPTIONS /api/v1/query", "Origin: https://evil.lan", 204, ""},
		{"OPTIONS /api/v1/query", "Accept: */*", 204, ""},
	} {
		r := send(h, c.request, c.header)
		if r.StatusCode != c.status || r.Header.Get("Access-Control-Allow-Origin") != c.allowed {
			t.Errorf("%s, %s: %d, %v", c.request, c.header, r.StatusCode, r.Header)
		}
		if r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("cookies may be sent by pages of other servers")
		}
	}
}

func TestCredentials(t *testing.T) {
	basic := access.Settings{Auth: &httpauth.Auth{Username: secret.Literal("admin"), Password: secret.Literal("sesame:x")}}
	for name, c := range map[string]struct {
		settings access.Settings
		header   string
		status   int
	}{
		"token":               {token("sesame"), bearer, 200},
		"lower case":          {token("sesame"), "Authorization: bearer sesame", 200},
		"wrong token":         {token("sesame"), "Authorization: Bearer sesam", 401},
		"longer token":        {token("sesame"), "Authorization: Bearer sesame2", 401},
		"token as password":   {token("sesame"), "Authorization: Basic eDpzZXNhbWU=", 401},
		"empty":               {token("sesame"), "Authorization: Bearer ", 401},
		"nothing":             {token("sesame"), "Accept: */*", 401},
		"basic":               {basic, "Authorization: Basic YWRtaW46c2VzYW1lOng=", 200},
		"wrong user":          {basic, "Authorization: Basic YWRtaXM6c2VzYW1lOng=", 401},
		"moved colon":         {basic, "Authorization: Basic YWRtaW46c2VzYW1lOg==", 401},
		"everybody":           {access.Settings{Local: true}, "Accept: */*", 200},
		"garbage":             {basic, "Authorization: \x00\xff", 401},
		"unknown cookie":      {token("sesame"), "Cookie: rtcollector_session=AAAA", 401},
		"cookie of no length": {token("sesame"), "Cookie: rtcollector_session=", 401},
	} {
		r := send(guarded(c.settings), "GET /api/hosts", c.header)
		if r.StatusCode != c.status {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
		if body := text(t, r); (c.status == 200) != (body == "inside") || strings.Contains(body, "sesame") {
			t.Errorf("%s: %s", name, body)
		}
		if c.status == 401 && !strings.Contains(r.Header.Get("WWW-Authenticate"), "realm") {
			t.Errorf("%s: no challenge", name)
		}
	}
	r := send(guarded(token("sesame")), "GET /api/v1/query")
	var e map[string]string
	if err := json.Unmarshal([]byte(text(t, r)), &e); err != nil || e["status"] != "error" || e["errorType"] != "unauthorized" {
		t.Errorf("%v, %v", e, err)
	}
	if r := send(guarded(token("sesame")), "GET /api/hosts", "Sec-Fetch-Mode: cors"); r.Header.Get("WWW-Authenticate") != "" {
		t.Error("a script makes the browser show its own dialog")
	}
}

func login(t *testing.T, h http.Handler, form string) *http.Cookie {
	t.Helper()
	r := send(h, "POST /login "+form)
	if r.StatusCode != http.StatusSeeOther || len(r.Cookies()) != 1 {
		t.Fatalf("%d %s", r.StatusCode, text(t, r))
	}
	return r.Cookies()[0]
}

func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := guarded(token("sesame"))
		c := login(t, h, "token=sesame&next="+url.QueryEscape("/host/a?range=1h"))
		if c.Name != "rtcollector_session" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" {
			t.Errorf("%+v", c)
		}
		in := func(h http.Handler, value string) bool {
			return send(h, "GET /api/hosts", "Cookie: rtcollector_session="+value).StatusCode == http.StatusOK
		}
		if !in(h, c.Value) {
			t.Error("the cookie is not accepted")
		}
		flipped := "B" + c.Value[1:]
		if strings.HasPrefix(c.Value, "B") {
			flipped = "A" + c.Value[1:]
		}
		if in(h, flipped) || in(h, c.Value[1:]) || in(h, c.Value+"AAAA") || in(h, c.Value[:len(c.Value)-4]+"AAAA") {
			t.Error("a changed cookie is accepted")
		}
		if in(guarded(token("sesame")), c.Value) {
			t.Error("the cookie of another process is accepted")
		}
		time.Sleep(7*24*time.Hour - time.Minute)
		if !in(h, c.Value) {
			t.Error("the cookie ends early")
		}
		time.Sleep(2 * time.Minute)
		if in(h, c.Value) {
			t.Error("the cookie is valid for ever")
		}
		if r := send(h, "POST /logout"); r.StatusCode != http.StatusNoContent || r.Cookies()[0].MaxAge != -1 {
			t.Errorf("%v", r)
		}
	})
}

func TestLoginForms(t *testing.T) {
	h := guarded(token("sesame"))
	for _, c := range []struct{ next, want string }{
		{"/host/a?range=1h", "/host/a?range=1h"}, {"", "/"}, {"//evil.lan/x", "/"}, {"https://evil.lan", "/"}, {`/\evil.lan`, "/"}, {"hosts", "/"},
		{"javascript:alert(1)", "/"}, {"/a\r\nSet-Cookie: x=y", "/"}, {"/\t/evil.lan", "/"},
	} {
		r := send(h, "POST /login token=sesame&next="+url.QueryEscape(c.next))
		if got := r.Header.Get("Location"); r.StatusCode != http.StatusSeeOther || got != c.want {
			t.Errorf("%q leads to %q (%d)", c.next, got, r.StatusCode)
		}
	}
	if r := send(h, `POST /login {"token":"sesame"}`, "Content-Type: application/json"); r.StatusCode != http.StatusNoContent || len(r.Cookies()) != 1 {
		t.Errorf("JSON: %d", r.StatusCode)
	}
	if r := send(h, `POST /login {"token":"x"}`, "Content-Type: application/json"); r.StatusCode != http.StatusUnauthorized || len(r.Cookies()) != 0 || !strings.HasPrefix(text(t, r), `{"error":`) {
		t.Errorf("JSON: %d", r.StatusCode)
	}
	for _, bad := range []string{"{", strings.Repeat("x", 1<<20)} {
		if r := send(h, "POST /login "+bad, "Content-Type: application/json"); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%.20s: %d", bad, r.StatusCode)
		}
	}
	r := send(h, "POST /login token=x&next="+url.QueryEscape(`/"><script>`))
	if page := text(t, r); r.StatusCode != http.StatusUnauthorized || !strings.Contains(page, "the credential is wrong") || strings.Contains(page, "<script>") {
		t.Errorf("%d %s", r.StatusCode, page)
	}
	if r := send(h, "GET /hosts?x=1", "Accept: text/html"); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/login?next=%2Fhosts%3Fx%3D1" {
		t.Errorf("%d %s", r.StatusCode, r.Header.Get("Location"))
	}
	if page := text(t, send(h, "GET /login?next=/hosts")); !strings.Contains(page, `name="token"`) || !strings.Contains(page, `value="/hosts"`) {
		t.Error(page)
	}
	basic := guarded(access.Settings{Auth: &httpauth.Auth{Username: secret.Literal("admin"), Password: secret.Literal("sesame")}, TLS: true})
	if page := text(t, send(basic, "GET /login")); !strings.Contains(page, `name="password"`) {
		t.Error(page)
	}
	if c := login(t, basic, "username=admin&password=sesame"); !c.Secure {
		t.Error("the cookie is sent without TLS")
	}
	if r := send(guarded(access.Settings{Local: true}), "GET /login"); r.Header.Get("Location") != "/" {
		t.Error("a server for everybody asks for a login")
	}
}

// TestAttempts: a client that is wrong too often must wait, others need not, and sessions stay.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := guarded(token("sesame"))
		cookie := "Cookie: rtcollector_session=" + login(t, h, "token=sesame").Value
		const bad, attacker, neighbour = "Authorization: Bearer x", "From: [2001:db8::1]:1234", "From: [2001:db8::ffff]:99"
		for range 10 {
			if r := send(h, "GET /api/hosts", bad, attacker); r.StatusCode != http.StatusUnauthorized {
				t.Fatal(r.StatusCode)
			}
		}
		for _, header := range []string{bad, bearer} {
			if r := send(h, "GET /api/hosts", header, neighbour); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %d", header, r.StatusCode)
			}
		}
		if r := send(h, "POST /login token=sesame", attacker); r.StatusCode != http.StatusTooManyRequests {
			t.Error(r.StatusCode)
		}
		if r := send(h, "GET /api/hosts", cookie, attacker); r.StatusCode != http.StatusOK {
			t.Error("the session does not work any more")
		}
		if r := send(h, "GET /api/hosts", bearer, "From: 10.0.0.1:1"); r.StatusCode != http.StatusOK {
			t.Error("another client must wait")
		}
		time.Sleep(time.Minute)
		if r := send(h, "GET /api/hosts", bearer, attacker); r.StatusCode != http.StatusOK {
			t.Error("the client must wait for ever")
		}
	})
}

// store is a secret store whose secret changes.
type store struct {
	value string
	err   error
	asked int
}

func (s *store) Secret(context.Context, string) (string, error) {
	s.asked++
	return s.value, s.err
}

// TestSecrets: a changed secret is used after a minute, without asking the store for each request, and ends the sessions.
func TestSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s := &store{err: errors.New("away")}
		settings := access.Settings{Auth: &httpauth.Auth{Token: secret.Literal("secret:web/token")}, Secrets: s, Log: slog.New(slog.NewTextHandler(&log, nil))}
		h := guarded(settings)
		if r := send(h, "GET /api/hosts", bearer); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(log.String(), "away") {
			t.Errorf("%d, %s", r.StatusCode, log.String())
		}
		s.value, s.err = "", nil
		if r := send(h, "GET /api/hosts", "Authorization: Bearer "); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("an empty token is accepted: %d", r.StatusCode)
		}
		s.value, s.asked = "sesame", 0
		cookie := "Cookie: rtcollector_session=" + login(t, h, "token=sesame").Value
		for range 100 {
			if r := send(h, "GET /api/hosts", cookie); r.StatusCode != http.StatusOK {
				t.Fatal(r.StatusCode)
			}
		}
		if s.asked != 1 {
			t.Errorf("the store was asked %d times", s.asked)
		}
		time.Sleep(time.Minute)
		s.err = errors.New("away")
		if r := send(h, "GET /api/hosts", bearer); r.StatusCode != http.StatusOK {
			t.Error("the token is forgotten while the store is away")
		}
		time.Sleep(time.Minute)
		s.value, s.err = "other", nil
		for _, header := range []string{bearer, cookie} {
			if r := send(h, "GET /api/hosts", header); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s is still accepted", header)
			}
		}
		if r := send(h, "GET /api/hosts", "Authorization: Bearer other"); r.StatusCode != http.StatusOK {
			t.Error("the new token is refused")
		}
	})
}

func TestHeaders(t *testing.T) {
	for _, request := range []string{"GET /", "GET /api/hosts", "GET /login", "GET /health", "POST /login token=x"} {
		h := send(guarded(token("sesame")), request).Header
		for name, part := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
		} {
			if !strings.Contains(h.Get(name), part) {
				t.Errorf("%s: %s is %q", request, name, h.Get(name))
			}
		}
	}
}

// FuzzRequests: whatever a client sends, it does not get in without the token, and nothing panics.
func FuzzRequests(f *testing.F) {
	f.Add("/api/hosts", "Bearer x", "rtcollector_session=x", "http://a", "a:1", "token=1&next=/")
	h := guarded(token("sesame with words"))
	f.Fuzz(func(t *testing.T, path, authorization, cookie, origin, host, form string) {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			r := httptest.NewRequest(method, "/", strings.NewReader(form))
			r.URL.Path, r.Host = path, host
			r.Header = http.Header{"Authorization": {authorization}, "Cookie": {cookie}, "Origin": {origin}, "Content-Type": {"application/x-www-form-urlencoded"}}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			public := path == "/health" || path == "/ready"
			if strings.Contains(w.Body.String(), "inside") && !public && !strings.Contains(authorization, "sesame with words") {
				switch path {
				case "/login", "/logout", "/login.css": // of another method
				default:
					t.Errorf("%s %q got in", method, path)
				}
			}
		}
	})
}

// TestManyClients: what is remembered of clients is bounded; those beyond the bound share their attempts.
func TestManyClients(t *testing.T) {
	h := guarded(token("sesame"))
	for i := range 5000 {
		send(h, "GET /api/hosts", "Authorization: Bearer x", fmt.Sprintf("From: 10.0.%d.%d:1", i/250, i%250))
	}
	if r := send(h, "GET /api/hosts", bearer, "From: 10.9.9.9:1"); r.StatusCode != http.StatusTooManyRequests {
		t.Error(r.StatusCode)
	}
}

// FuzzHost: only addresses of loopback and localhost are names of a server that only this machine can reach.
func FuzzHost(f *testing.F) {
	for _, text := range []string{"127.0.0.1:8642", "[::1]", "localhost", "evil:1:2", "[::ffff:127.0.0.1%25lo]:1", "", "[", "]:", "127.1"} {
		f.Add(text)
	}
	h := guarded(access.Settings{Local: true})
	f.Fuzz(func(t *testing.T, host string) {
		r := httptest.NewRequest(http.MethodGet, "/api/hosts", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if lower := strings.ToLower(host); w.Code == 200 && !strings.Contains(lower, "127.") && !strings.Contains(lower, ":") && !strings.HasPrefix(lower, "localhost") {
			t.Errorf("%q passes", host)
		}
	})
}
