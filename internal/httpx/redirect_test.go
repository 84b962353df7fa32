package httpx_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

// recordedRequests records the requests that a server received.
type recordedRequests struct {
	mu  sync.Mutex
	all []string
}

func (r *recordedRequests) add(req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, fmt.Sprintf("%s %s host=%s %v body=%s", req.Method, req.URL, req.Host, req.Header, body))
}

func (r *recordedRequests) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.all, "\n")
}

// secretConfig returns settings in which every secret is hunter2.
func secretConfig(change func(*httpx.Config)) httpx.Config {
	c := httpx.Defaults()
	c.Headers = map[string]secret.Ref{"X-Api-Key": secret.Literal("hunter2"), "Cookie": secret.Literal("sid=hunter2"), "Host": secret.Literal("hunter2.example")}
	c.Username, c.Password = secret.Literal("me"), secret.Literal("hunter2")
	if change != nil {
		change(&c)
	}
	return c
}

// containsSecret reports whether requests contain the secret, as text or encoded for basic authentication.
func containsSecret(text string) bool {
	return strings.Contains(text, "hunter2") || strings.Contains(text, "bWU6aHVudGVyMg")
}

// Credentials and headers are not sent to another server after a redirect.
func TestRedirectsGetNoSecrets(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		var got recordedRequests
		elsewhere := httpxtest.Pages(t, func(_ http.ResponseWriter, r *http.Request) { got.add(r) })
		var back atomic.Pointer[string]
		home := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/back" {
				got.add(r)
				return
			}
			http.Redirect(w, r, *back.Load(), code)
		})
		detour := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, home.URL+"/back", code) })
		for _, to := range []string{elsewhere.URL, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), detour.URL} {
			back.Store(&to)
			for name, change := range map[string]func(*httpx.Config){
				"basic": nil, "bearer": func(c *httpx.Config) {
					c.Username, c.Password, c.BearerToken = secret.Ref{}, secret.Ref{}, secret.Literal("hunter2")
				},
			} {
				tt := newTarget(t, secretConfig(change), home.URL+"/x?token=hunter2", nil)
				tt.Accept = "text/plain"
				if _, err := tt.Get(t.Context(), pageLimit); err != nil {
					t.Errorf("%d, %s: %v", code, name, err)
				}
			}
		}
		if text := got.String(); containsSecret(text) || strings.Contains(text, "Referer") || strings.Count(text, "GET /") != 6 || strings.Count(text, "text/plain") != 6 {
			t.Errorf("%d: %s", code, text)
		}
	}
}

// A redirect to the same origin gets the configured credentials and headers.
func TestRedirectsToSameOriginKeepSecrets(t *testing.T) {
	var got recordedRequests
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusTemporaryRedirect)
			return
		}
		got.add(r)
	})
	tt := newTarget(t, secretConfig(nil), s.URL+"/old?token=hunter2", nil)
	tt.Method, tt.Body = http.MethodPost, "hunter2 in the body"
	getPage(t, tt)
	for _, want := range []string{"POST /new", "X-Api-Key:[hunter2]", "Cookie:[sid=hunter2]", "Basic bWU6aHVudGVyMg", "body=hunter2 in the body"} {
		if !strings.Contains(got.String(), want) || strings.Contains(got.String(), "Referer") {
			t.Errorf("%s: %s", want, &got)
		}
	}
}

// A redirect is not followed if the request has a body or a client certificate, which cannot be left out. The error says what to do, but
// not the location.
func TestRedirectsThatWouldLeakAreNotFollowed(t *testing.T) {
	a := tlstest.New(t)
	certFile, keyFile := a.Issue(t, tlstest.Cert{})
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var got recordedRequests
	elsewhere := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.add(r) }))
	elsewhere.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert}
	elsewhere.Config.ErrorLog = log.New(io.Discard, "", 0)
	elsewhere.StartTLS()
	defer elsewhere.Close()
	for want, c := range map[string]struct {
		to     string
		change func(*httpx.Config)
		body   string
	}{
		"does not get what is sent in the body":                  {to: elsewhere.URL, body: "hunter2"},
		"does not get the client certificate":                    {to: elsewhere.URL, change: func(c *httpx.Config) { c.TLS = tlsx.Config{CA: a.File, Cert: certFile, Key: keyFile} }},
		"redirects to something that is no URL: correct the URL": {to: "http://user:hunter2@[bad/%zz?token=hunter2"},
		"redirects more than 10 times":                           {to: "/again?token=hunter2"},
	} {
		s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", c.to)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		tt := newTarget(t, secretConfig(c.change), s.URL+"/", nil)
		tt.Method, tt.Body = map[bool]string{true: http.MethodPost}[c.body != ""], c.body
		_, err := tt.Get(t.Context(), pageLimit)
		if err == nil || !strings.Contains(err.Error(), want) || containsSecret(err.Error()) || got.String() != "" {
			t.Errorf("%v, want %s; %s", err, want, &got)
		}
	}
}

// Errors do not show the location of a redirect, because it may contain a password.
func TestLocationIsNotShown(t *testing.T) {
	for _, to := range []string{"http://me:hunter2@" + servicetest.RefusingAddr + "/?token=hunter2", "foo://me:hunter2@x/", "http://me:hunter2@[::1", "http://me:hunter2 @x/", "//me:hunter2@\x7f/"} {
		for _, follows := range []bool{true, false} {
			s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Location"] = []string{to}
				w.WriteHeader(http.StatusFound)
			})
			_, err := newTarget(t, httpx.Config{FollowRedirects: follows}, s.URL, nil).Get(t.Context(), pageLimit)
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: %v", to, err)
			}
		}
	}
}

// Credentials in the location of a redirect are not sent, because the server must not choose them.
func TestCredentialsOfALocationAreNotSent(t *testing.T) {
	var got recordedRequests
	elsewhere := httpxtest.Pages(t, func(_ http.ResponseWriter, r *http.Request) { got.add(r) })
	u, _ := url.Parse(elsewhere.URL)
	u.User = url.UserPassword("their", "own")
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, u.String(), http.StatusFound) })
	getPage(t, newTarget(t, httpx.Defaults(), s.URL, nil))
	if text := got.String(); !strings.HasPrefix(text, "GET / ") || strings.Contains(text, "Authorization") {
		t.Error(text)
	}
}

func compress(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	return b.Bytes()
}

// Requests do not ask for a content coding. Answers in gzip are decompressed within limits; other codings are errors that name them.
func TestOnlyGzipIsDecoded(t *testing.T) {
	var asked atomic.Pointer[string]
	for name, c := range map[string]struct {
		coding string
		body   []byte
		want   string
		fails  string
	}{
		"gzip":      {"gzip", compress(t, "orders 5"), "orders 5", ""},
		"GZIP":      {"GZIP", compress(t, "orders 5"), "orders 5", ""},
		"identity":  {"identity", []byte("orders 5"), "orders 5", ""},
		"br":        {"br", []byte("xxx"), "", "answers with Content-Encoding \"br\", which was not requested"},
		"no gzip":   {"gzip", []byte("no gzip at all"), "", "gzip: invalid header"},
		"truncated": {"gzip", compress(t, strings.Repeat("orders 5\n", 1000))[:40], "", "in the middle of its answer"},
		"bomb":      {"gzip", compress(t, strings.Repeat("0", 4<<20)), "", "answers with more than 1048576 bytes"},
		"empty":     {"gzip", nil, "", ""},
	} {
		s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
			accepts := r.Header.Get("Accept-Encoding")
			asked.Store(&accepts)
			w.Header().Set("Content-Encoding", c.coding)
			_, _ = w.Write(c.body)
		})
		page, err := newTarget(t, httpx.Defaults(), s.URL, nil).Get(t.Context(), pageLimit)
		if string(page) != c.want || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %q, %v", name, page, err)
		}
		if *asked.Load() != "identity" {
			t.Errorf("%s: the request accepts %q", name, *asked.Load())
		}
	}
}

// Several endless pages, compressed or not, take little memory.
func TestEndlessPagesTakeLittleMemory(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		line := []byte(strings.Repeat("metric{label=\"value\"} 1\n", 4096))
		members := bytes.Repeat(compress(t, string(line)), 64) // concatenated members are one file
		s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
			says := line
			if compressed {
				w.Header().Set("Content-Encoding", "gzip")
				says = members
			}
			for r.Context().Err() == nil {
				if _, err := w.Write(says); err != nil {
					return
				}
			}
		})
		c := httpx.Defaults()
		var targets []*httpx.Target
		for range 4 {
			targets = append(targets, newTarget(t, c, s.URL, nil))
		}
		for range 2 {
			var failed atomic.Int64
			servicetest.CheckAllocated(t, 700<<20, func() { // includes the servers and outgrown buffers; a tenth is alive
				crew.Each(targets, func(tt *httpx.Target) {
					if _, err := tt.Get(t.Context(), 64<<20); err != nil && strings.Contains(err.Error(), "more than 25165824 bytes") {
						failed.Add(1)
					}
				})
			})
			if failed.Load() != 4 {
				t.Errorf("%d of 4 fail", failed.Load())
			}
		}
		small := newTarget(t, c, httpxtest.Page(t, "ok").URL, nil)
		if getPage(t, small) != "ok" { // the memory was released
			t.Error("the budget is still exhausted")
		}
	}
}

// A closed target releases the memory of its page, so that other targets of the input can use it.
func TestClosedTargetReleasesItsBudget(t *testing.T) {
	s := httpxtest.Page(t, strings.Repeat("x", 1<<20))
	c := httpx.Defaults()
	for range 50 {
		tt := newTarget(t, c, s.URL, nil)
		if page, err := tt.Get(t.Context(), pageLimit); err != nil || len(page) != 1<<20 {
			t.Fatal(err)
		}
		tt.Close()
	}
}
