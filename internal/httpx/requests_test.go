package httpx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"crypto/tls"
	"sync/atomic"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// All secrets are read again after any error, and after any answer that may mean that a secret was rotated.
func TestErrorsReloadSecrets(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, 0} {
		var asked atomic.Int32 // on two connections
		s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case asked.Add(1) > 1:
				echoRequest(w, r)
			case status == 0:
				panic(http.ErrAbortHandler) // closes the connection
			default:
				w.WriteHeader(status)
			}
		})
		known := secretStore{"key": "old"}
		tt := newTarget(t, httpx.Config{Headers: map[string]secret.Ref{"X-Key": secret.Literal("secret:key")}}, s.URL, known)
		tt.Method = http.MethodPost // net/http does not retry it
		if _, err := tt.Get(t.Context(), pageLimit); err == nil {
			t.Errorf("%d: no error", status)
		}
		known["key"] = "new"
		if got := getPage(t, tt); !strings.Contains(got, "x=new") {
			t.Errorf("%d: %s", status, got)
		}
	}
}

func TestRequest(t *testing.T) {
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusTemporaryRedirect)
			return
		}
		body, _ := io.ReadAll(r.Body)
		from, _, _ := net.SplitHostPort(r.RemoteAddr)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s from %s", r.Method, r.URL, body, r.Header.Get("Accept"), r.Header.Get("User-Agent"), from)
	})
	tt := newTarget(t, httpx.Defaults(), s.URL+"/old", nil)
	tt.Method, tt.Body, tt.Accept = http.MethodPost, "the body", "text/x"
	if got := getPage(t, tt); !strings.HasPrefix(got, "POST /new the body text/x rtcollector from 127.0.0.1") {
		t.Error(got)
	}
	below := newTarget(t, httpx.Config{}, s.URL+"/api/?k=v", nil)
	page, err := below.GetBelow(t.Context(), "7/http/x", "", pageLimit)
	if err != nil || !strings.HasPrefix(string(page), "GET /api/7/http/x?k=v ") {
		t.Errorf("%s, %v", page, err)
	}
	if got := getPage(t, below); !strings.HasPrefix(got, "GET /api/?k=v ") {
		t.Errorf("the URL itself has changed: %s", got)
	}
}

func TestLocalAddress(t *testing.T) {
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	from := func() (net.Addr, error) { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, nil }
	tt := newTarget(t, httpx.Config{}, s.URL, nil)
	tt.LocalAddr = from
	page, err := tt.Get(t.Context(), pageLimit)
	if err != nil {
		t.Skipf("127.0.0.2 is not an address of this machine: %v", err)
	}
	if !strings.HasPrefix(string(page), "127.0.0.2:") {
		t.Errorf("from %s", page)
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	local := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(echoRequest)}}
	local.Start()
	defer local.Close()
	tt = newTarget(t, httpx.Config{}, "unix://"+socket, nil)
	tt.LocalAddr = from // ignored for a socket
	getPage(t, tt)
}

func TestErrorsExplainWhatToDo(t *testing.T) {
	reset := servicetest.ServeRaw(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	})
	long := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 100_000)) })
	for url, want := range map[string]string{
		"http://nonesuch.invalid": "has an unknown host name: correct the URL",
		"http://" + reset:         "closed the connection in the middle of its answer",
		long.URL:                  "exceeded 65536 bytes",
	} {
		if _, err := newTarget(t, httpx.Config{}, url, nil).Get(t.Context(), pageLimit); err == nil || !strings.Contains(err.Error(), url) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newTarget(t, httpx.Config{}, long.URL, nil).Get(ctx, pageLimit); err == nil || err.Error() != context.Canceled.Error() {
		t.Errorf("cancelled: %v", err)
	}
	missing := httpx.Config{BearerToken: secret.Literal("secret:none")}
	var unresolved *secret.ResolveError
	if _, err := newTarget(t, missing, long.URL, secret.Env{}).Get(t.Context(), pageLimit); !errors.As(err, &unresolved) || !strings.HasPrefix(err.Error(), long.URL+": ") {
		t.Errorf("missing secret: %v", err)
	}
}

// If urls is set, the default of the key for one URL is ignored, but a configured URL is used.
func TestParsePageURLs(t *testing.T) {
	for one, want := range map[string]int{"http://default": 1, "http://other": 2} {
		if all, err := httpx.ParsePageURLs("url", one, "http://default", []string{"http://a"}); err != nil || len(all) != want {
			t.Errorf("%s: %v, %v", one, all, err)
		}
	}
	if all, err := httpx.ParsePageURLs("url", "http://default", "http://default", nil); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

// getBelow requests a path below the target's URL.
func getBelow(t testing.TB, target *httpx.Target, path, query string) string {
	t.Helper()
	resp, err := target.DoBelow(t.Context(), path, query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return string(page)
}

// Several pages of one server are requested over one connection.
func TestPagesBelowShareAConnection(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(echoRequest))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	for base, want := range map[string][2]string{
		s.URL:                {"GET /a%20b ", "GET /c?d=e&f "},
		s.URL + "/base/?x=1": {"GET /base/a%20b?x=1 ", "GET /base/c?d=e&f "},
	} {
		opened.Store(0)
		tt := newTarget(t, httpx.Config{}, base, nil)
		first := getBelow(t, tt, "/a b", "")
		if second := getBelow(t, tt, "/c", "d=e&f"); !strings.Contains(first, want[0]) || !strings.Contains(second, want[1]) || opened.Load() != 1 {
			t.Errorf("%s: %q and %q over %d connections", base, first, second, opened.Load())
		}
	}
}

// In TLS 1.3 a client learns after its handshake, at any moment, that the server refuses its certificate.
func TestLateRefusalOfCertificateIsExplained(t *testing.T) {
	tt := newTarget(t, httpx.Config{}, "https://localhost:1", nil)
	alert := &net.OpError{Op: "remote error", Err: tls.AlertError(116)}
	if err := tt.Explain(fmt.Errorf("readLoopPeekFailLocked: %w", alert)); !strings.Contains(err.Error(), "refuses the TLS handshake") {
		t.Error(err)
	}
}
