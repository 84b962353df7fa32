package httpx_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTarget(t testing.TB, c httpx.Config, url string, store secret.Resolver) *httpx.Target {
	t.Helper()
	a, err := httpx.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	target := c.Target(a, store)
	t.Cleanup(target.Close)
	return target
}

const pageLimit = 1 << 20

func getPage(t testing.TB, target *httpx.Target) string {
	t.Helper()
	page, err := target.Get(t.Context(), pageLimit)
	if err != nil {
		t.Error(err)
	}
	return string(page)
}

// echoRequest answers with parts of the request.
func echoRequest(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	_, _ = fmt.Fprintf(w, "%s %s %s user=%s password=%s bearer=%s x=%s host=%s", r.Proto, r.Method, r.URL, user, password,
		strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.Header.Get("X-Key"), r.Host)
}

type secretStore map[string]string

func (s secretStore) Secret(_ context.Context, id string) (string, error) { return s[id], nil }

func TestCredentials(t *testing.T) {
	s := httpxtest.Pages(t, echoRequest)
	withUser := strings.Replace(s.URL, "http://", "http://ann:from-url@", 1)
	for _, c := range []struct {
		config httpx.Config
		url    string
		want   string
	}{
		{httpx.Config{Username: secret.Literal("bob"), Password: secret.Literal("secret:pw")}, s.URL, "user=bob password=from-store"},
		{httpx.Config{}, withUser, "user=ann password=from-url"},
		{httpx.Config{Username: secret.Literal("bob")}, withUser, "user=bob password= "},
		{httpx.Config{BearerToken: secret.Literal("secret:pw")}, withUser, "bearer=from-store"},
		{httpx.Config{Headers: map[string]secret.Ref{"X-Key": secret.Literal("secret:pw"), "Host": secret.Literal("www")}}, s.URL, "x=from-store host=www"},
	} {
		if got := getPage(t, newTarget(t, c.config, c.url+"/p?q=1", secretStore{"pw": "from-store"})); !strings.Contains(got, c.want) || !strings.Contains(got, "GET /p?q=1") {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// A rotated password is used after the first refusal.
func TestRotatedPasswordIsUsedAfterRefusal(t *testing.T) {
	var password atomic.Value
	password.Store("one")
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		if _, given, _ := r.BasicAuth(); given != password.Load() {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	known := secretStore{"pw": "one"}
	tt := newTarget(t, httpx.Config{Username: secret.Literal("bob"), Password: secret.Literal("secret:pw")}, s.URL, known)
	getPage(t, tt)
	password.Store("two")
	known["pw"] = "two"
	if _, err := tt.Get(t.Context(), pageLimit); err == nil || !strings.Contains(err.Error(), "refuses the username") {
		t.Errorf("error %v", err)
	}
	getPage(t, tt)
}

func TestConnectionIsKept(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/404" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	for path, fresh := range map[string]bool{"/": false, "/404": false, "/fresh": true} {
		opened.Store(0)
		tt := newTarget(t, httpx.Config{}, s.URL+path, nil)
		tt.Fresh = fresh
		for range 5 {
			_, _ = tt.Get(t.Context(), pageLimit)
		}
		if want := map[bool]int32{false: 1, true: 5}[fresh]; opened.Load() != want {
			t.Errorf("%s: %d connections for 5 requests, want %d", path, opened.Load(), want)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(echoRequest)}
	go func() { _ = s.Serve(l) }()
	defer s.Close()
	tt := newTarget(t, httpx.Config{}, "unix://"+socket+":/status?auto", nil)
	if got := getPage(t, tt); !strings.Contains(got, "GET /status?auto") {
		t.Error(got)
	}
	if tt.HostPort() != socket || tt.Port != "" {
		t.Errorf("HostPort of %s is %q", tt, tt.HostPort())
	}
	_, err = newTarget(t, httpx.Config{}, "unix:///nowhere", nil).Get(t.Context(), pageLimit)
	if err == nil || !strings.Contains(err.Error(), "cannot be reached: start it") {
		t.Error(err)
	}
}

func TestRedirects(t *testing.T) {
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusFound)
			return
		}
		echoRequest(w, r)
	})
	if got := getPage(t, newTarget(t, httpx.Defaults(), s.URL+"/old", nil)); !strings.Contains(got, "GET /new") {
		t.Error(got)
	}
	_, err := newTarget(t, httpx.Config{}, s.URL+"/old", nil).Get(t.Context(), pageLimit)
	if err == nil || !strings.Contains(err.Error(), "302 Found: it is elsewhere") {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	a := tlstest.New(t)
	cert, err := tls.LoadX509KeyPair(a.Issue(t, tlstest.Cert{}))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(echoRequest))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	trusting := httpx.Config{TLS: tlsx.Config{CA: a.File}}
	if got := getPage(t, newTarget(t, trusting, s.URL, nil)); !strings.HasPrefix(got, "HTTP/2.0 GET") {
		t.Error(got)
	}
	plain := httpxtest.Page(t, "")
	for url, want := range map[string]string{
		s.URL: "unknown authority: set tls.ca to the authority's file",
		strings.Replace(plain.URL, "http:", "https:", 1): "does not speak TLS",
		strings.Replace(s.URL, "https:", "http:", 1):     "answers 400 Bad Request",
	} {
		if _, err := newTarget(t, httpx.Config{}, url, nil).Get(t.Context(), pageLimit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
}

func TestProxy(t *testing.T) {
	proxy := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "proxied %s %s", r.URL, r.Header.Get("Proxy-Authorization"))
	})
	u, _ := url.Parse(proxy.URL)
	u.User = url.UserPassword("me", "pw")
	through := httpx.Config{Proxy: secret.Literal(u.String())}
	if got := getPage(t, newTarget(t, through, "http://nowhere.invalid/x", nil)); got != "proxied http://nowhere.invalid/x Basic bWU6cHc=" {
		t.Error(got)
	}
	for _, scheme := range []string{"http", "socks5"} {
		gone := httpx.Config{Proxy: secret.Literal(scheme + "://me:hidden@" + servicetest.RefusingAddr)}
		_, err := newTarget(t, gone, "http://nowhere.invalid/", nil).Get(t.Context(), pageLimit)
		if err == nil || !strings.Contains(err.Error(), "through its proxy") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestSOCKS5(t *testing.T) {
	d := httpxtest.Start(t, "microsocks", nil, "microsocks", "-i", "127.0.0.1", "-p", "$PORT", "-u", "me", "-P", "pw")
	s := httpxtest.Pages(t, echoRequest)
	for password, want := range map[string]string{"pw": "", "wrong": "through its proxy"} {
		c := httpx.Config{Proxy: secret.Literal("socks5://me:" + password + "@127.0.0.1:" + d.Port)}
		page, err := newTarget(t, c, s.URL, nil).Get(t.Context(), pageLimit)
		if want == "" && (err != nil || !strings.Contains(string(page), "GET /")) {
			t.Errorf("%q, %v", page, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestMisbehaving(t *testing.T) {
	for want, addr := range httpxtest.Misbehaving(t) {
		t.Run(want, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), httpxtest.Patience(want))
			defer cancel()
			tt := newTarget(t, httpx.Config{}, "http://me:hidden@"+addr+"/status?token=hidden", nil)
			page, err := tt.Get(ctx, pageLimit)
			if err == nil {
				err = tt.Unexpected(page, "the status")
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want %q", err, want)
			}
			if strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), addr) || len(err.Error()) > 500 {
				t.Errorf("%q", err)
			}
		})
	}
}

// TestNothingLeaks sends many requests to servers that come and go, hang, and truncate answers.
func TestNothingLeaks(t *testing.T) {
	ends := 0
	flapping := servicetest.ServeRaw(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"[:[]int{41, 42, 10, 30}[time.Now().UnixNano()%4]])
		}
	})
	hanging := servicetest.ServeRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	h2 := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	h2.EnableHTTP2 = true
	h2.Config.ErrorLog = log.New(io.Discard, "", 0)
	h2.StartTLS()
	defer h2.Close()
	targets := []*httpx.Target{newTarget(t, httpx.Config{}, "http://"+flapping, nil), newTarget(t, httpx.Config{}, "https://"+hanging, nil),
		newTarget(t, httpx.Config{}, "http://"+servicetest.RefusingAddr, nil), newTarget(t, httpx.Config{TLS: tlsx.Config{InsecureSkipVerify: true}}, h2.URL, nil)}
	round := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		crew.Each(targets, func(tt *httpx.Target) {
			if _, err := tt.Get(ctx, pageLimit); err != nil && strings.Contains(err.Error(), "cannot be reached") {
				ends++
			}
		})
	}
	servicetest.CheckNoLeaks(t, 100, func(n int) {
		round()
		for _, tt := range targets {
			if n%20 == 19 { // no connections are open when resources are counted
				tt.Close()
			}
		}
	})
	if ends == 0 {
		t.Error("no request failed")
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"http://ann:pw@host/a?b=c#d":         "http://host/a?b=c host:80",
		"https://host:8443/?api_key=x&y=1":   "https://host:8443/?api_key=redacted&y=1 host:8443",
		"https://[::1]/?X-Amz-Signature=x":   "https://[::1]/?X-Amz-Signature=redacted [::1]:443",
		"unix:///run/a.sock":                 "unix:///run/a.sock /run/a.sock",
		"unix:///run/a.sock:/p?accessToken=": "unix:///run/a.sock:/p?accessToken=redacted /run/a.sock",
		"host/status":                        "", "ftp://host": "", "http://": "", "http://h:0": "", "http://h:99999": "", "http://a b": "", "unix://run/x": "",
	} {
		a, err := httpx.ParseURL(in)
		got := ""
		if err == nil {
			got = a.String() + " " + a.HostPort()
		} else if strings.Contains(err.Error(), in+" ") {
			t.Errorf("the error repeats %s", in)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestPathLabelDistinguishesPages(t *testing.T) {
	all, err := httpx.ParseURLs("urls", []string{"http://a/x?t=1", "http://a:80/y", "http://b/x"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range all {
		got = append(got, a.Path(all).Value)
	}
	if !slices.Equal(got, []string{"/x?t=1", "/y", ""}) {
		t.Errorf("%q", got)
	}
	if _, err := httpx.ParseURLs("urls", []string{"http://a/", "http://me:pw@a/", "x"}); err == nil ||
		err.Error() != "urls[1]: http://a/ appears twice (credentials do not count)\nurls[2]: must be a URL such as http://localhost/status, or unix:///run/nginx.sock:/status for a socket" {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	lit := secret.Literal
	for want, c := range map[string]httpx.Config{
		"bearer_token: replaces username": {BearerToken: lit("x"), Username: lit("x")},
		"password: needs a username":      {Password: lit("x")},
		"headers: \"a b\" cannot":         {Headers: map[string]secret.Ref{"a b": lit("x")}},
		"proxy: must be a URL such as ":   {Proxy: lit("socks4://x")},
		"":                                {Proxy: lit("secret:proxy"), Username: lit("x")},
	} {
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
