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

// received are the requests that a server got.
type received struct {
	mu  sync.Mutex
	all []string
}

func (r *received) add(req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, fmt.Sprintf("%s %s host=%s %v body=%s", req.Method, req.URL, req.Host, req.Header, body))
}

func (r *received) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.all, "\n")
}

// secretive is a configuration in which everything that is secret is called hunter2.
func secretive(change func(*httpx.Config)) httpx.Config {
	c := httpx.Defaults()
	c.Headers = map[string]secret.Ref{"X-Api-Key": secret.Literal("hunter2"), "Cookie": secret.Literal("sid=hunter2"), "Host": secret.Literal("hunter2.example")}
	c.Username, c.Password = secret.Literal("me"), secret.Literal("hunter2")
	if change != nil {
		change(&c)
	}
	return c
}

// secretsOf finds what is secret in requests, also as basic authentication has it.
func secretsOf(text string) bool {
	return strings.Contains(text, "hunter2") || strings.Contains(text, "bWU6aHVudGVyMg")
}

// What is configured for a server stays with it, wherever it redirects to.
func TestRedirectsGetNoSecrets(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		var got received
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
				tt := target(t, secretive(change), home.URL+"/x?token=hunter2", nil)
				tt.Accept = "text/plain"
				if _, err := tt.Get(t.Context(), limit); err != nil {
					t.Errorf("%d, %s: %v", code, name, err)
				}
			}
		}
		if text := got.String(); secretsOf(text) || strings.Contains(text, "Referer") || strings.Count(text, "GET /") != 6 || strings.Count(text, "text/plain") != 6 {
			t.Errorf("%d: %s", code, text)
		}
	}
}

// On its own server a redirect keeps what is configured.
func TestRedirectsAtHomeKeepSecrets(t *testing.T) {
	var got received
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusTemporaryRedirect)
			return
		}
		got.add(r)
	})
	tt := target(t, secretive(nil), s.URL+"/old?token=hunter2", nil)
	tt.Method, tt.Body = http.MethodPost, "hunter2 in the body"
	get(t, tt)
	for _, want := range []string{"POST /new", "X-Api-Key:[hunter2]", "Cookie:[sid=hunter2]", "Basic bWU6aHVudGVyMg", "body=hunter2 in the body"} {
		if !strings.Contains(got.String(), want) || strings.Contains(got.String(), "Referer") {
			t.Errorf("%s: %s", want, &got)
		}
	}
}

// Some things cannot be left out, so the redirect is not followed. The error says what to do, and not where it leads.
func TestRedirectsThatAreNotFollowed(t *testing.T) {
	a := tlstest.New(t)
	certFile, keyFile := a.Issue(t, tlstest.Cert{})
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var got received
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
		tt := target(t, secretive(c.change), s.URL+"/", nil)
		tt.Method, tt.Body = map[bool]string{true: http.MethodPost}[c.body != ""], c.body
		_, err := tt.Get(t.Context(), limit)
		if err == nil || !strings.Contains(err.Error(), want) || secretsOf(err.Error()) || got.String() != "" {
			t.Errorf("%v, want %s; %s", err, want, &got)
		}
	}
}

// Where a redirect leads to is not shown: there may be a password in it.
func TestLocationIsNotShown(t *testing.T) {
	for _, to := range []string{"http://me:hunter2@" + servicetest.RefusingAddr + "/?token=hunter2", "foo://me:hunter2@x/", "http://me:hunter2@[::1", "http://me:hunter2 @x/", "//me:hunter2@\x7f/"} {
		for _, follows := range []bool{true, false} {
			s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Location"] = []string{to}
				w.WriteHeader(http.StatusFound)
			})
			_, err := target(t, httpx.Config{FollowRedirects: follows}, s.URL, nil).Get(t.Context(), limit)
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: %v", to, err)
			}
		}
	}
}

// The server does not choose which credentials we send.
func TestCredentialsOfALocationAreNotSent(t *testing.T) {
	var got received
	elsewhere := httpxtest.Pages(t, func(_ http.ResponseWriter, r *http.Request) { got.add(r) })
	u, _ := url.Parse(elsewhere.URL)
	u.User = url.UserPassword("their", "own")
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, u.String(), http.StatusFound) })
	get(t, target(t, httpx.Defaults(), s.URL, nil))
	if text := got.String(); !strings.HasPrefix(text, "GET / ") || strings.Contains(text, "Authorization") {
		t.Error(text)
	}
}

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	return b.Bytes()
}

// Nothing is asked for in another coding. What comes in gzip all the same is unpacked, within limits; others are named.
func TestEncodings(t *testing.T) {
	var asked atomic.Pointer[string]
	for name, c := range map[string]struct {
		coding string
		body   []byte
		want   string
		fails  string
	}{
		"gzip":      {"gzip", packed(t, "orders 5"), "orders 5", ""},
		"GZIP":      {"GZIP", packed(t, "orders 5"), "orders 5", ""},
		"identity":  {"identity", []byte("orders 5"), "orders 5", ""},
		"br":        {"br", []byte("xxx"), "", "answers with Content-Encoding \"br\", which was not asked for"},
		"no gzip":   {"gzip", []byte("no gzip at all"), "", "gzip: invalid header"},
		"truncated": {"gzip", packed(t, strings.Repeat("orders 5\n", 1000))[:40], "", "in the middle of its answer"},
		"bomb":      {"gzip", packed(t, strings.Repeat("0", 4<<20)), "", "answers with more than 1048576 bytes"},
		"empty":     {"gzip", nil, "", ""},
	} {
		s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
			accepts := r.Header.Get("Accept-Encoding")
			asked.Store(&accepts)
			w.Header().Set("Content-Encoding", c.coding)
			_, _ = w.Write(c.body)
		})
		page, err := target(t, httpx.Defaults(), s.URL, nil).Get(t.Context(), limit)
		if string(page) != c.want || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %q, %v", name, page, err)
		}
		if *asked.Load() != "identity" {
			t.Errorf("%s: asked for %q", name, *asked.Load())
		}
	}
}

// Pages without an end, compressed or not, take little memory, however many there are.
func TestEndlessPages(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		line := []byte(strings.Repeat("metric{label=\"value\"} 1\n", 4096))
		members := bytes.Repeat(packed(t, string(line)), 64) // several in a row are one file
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
			targets = append(targets, target(t, c, s.URL, nil))
		}
		for range 2 {
			var failed atomic.Int64
			servicetest.CheckAllocated(t, 700<<20, func() { // by the servers, too, and with all that the pages outgrew; a tenth is alive
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
		small := target(t, c, httpxtest.Page(t, "ok").URL, nil)
		if get(t, small) != "ok" { // the room was given back
			t.Error("no room is left")
		}
	}
}

// A target that is closed gives the room of its page back: others of the input have it then.
func TestClosedTargetGivesRoomBack(t *testing.T) {
	s := httpxtest.Page(t, strings.Repeat("x", 1<<20))
	c := httpx.Defaults()
	for range 50 {
		tt := target(t, c, s.URL, nil)
		if page, err := tt.Get(t.Context(), limit); err != nil || len(page) != 1<<20 {
			t.Fatal(err)
		}
		tt.Close()
	}
}
