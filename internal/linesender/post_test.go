package linesender_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// bare writes only the values, separated by blanks.
type bare struct{}

func (bare) NewLine(*telemetry.Series, linesender.Naming) (head, tail []byte, isExact bool) {
	return nil, nil, true
}

func (bare) Append(buf []byte, _ *linesender.Line, _ int64, v float64) []byte {
	return append(linesender.AppendNumber(buf, v), ' ')
}

// site is an HTTP server that stores numbers. Refuses says with which status it refuses a request.
type site struct {
	*httptest.Server

	mu       sync.Mutex
	numbers  []int
	requests int
}

func newSite(t *testing.T, refuses func(numbers []int, r *http.Request) int) *site {
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		var numbers []int
		for _, word := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Error(err)
			}
			numbers = append(numbers, n)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests++
		if status := refuses(numbers, r); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "no \x1b[2J\nsecond line")
			return
		}
		s.numbers = append(s.numbers, numbers...)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	return s
}

func newHTTPSender(t *testing.T, c linesender.Config, h linesender.HTTPConfig) *linesender.Sender {
	t.Helper()
	c.Timeout = conf.Duration(10 * time.Second) // no test here waits for it
	body := linesender.Body{Judge: func(status int, _ []byte) (linesender.Verdict, int, string) {
		return linesender.JudgeStatus(status), 0, ""
	}}
	s, err := linesender.NewHTTP(linesender.Env{Host: "h", Secrets: secret.Env{}}, c, h, kind(), bare{}, body)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func upTo(n int, but ...int) (numbers []int) {
	for i := range n {
		if !slices.Contains(but, i) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// TestRefusedSamples has a server that refuses whole requests because of some samples. Only those are lost, and all others arrive once.
func TestRefusedSamples(t *testing.T) {
	bad := []int{0, 1, 57, 99}
	for _, compress := range []bool{false, true} {
		s := newSite(t, func(numbers []int, _ *http.Request) int {
			for _, n := range bad {
				if slices.Contains(numbers, n) {
					return http.StatusBadRequest
				}
			}
			return 0
		})
		out := newHTTPSender(t, defaults(s.URL), linesender.HTTPConfig{BatchSize: 40, Gzip: compress})
		r := write(t.Context(), out, counting(0, 100))
		if r.Err != nil || r.Settled != 100 || r.Rejected["refused"] != len(bad) || !strings.Contains(r.Why.Error(), `answers with status 400: no \x1b[2J`) {
			t.Errorf("%+v", r)
		}
		slices.Sort(s.numbers)
		if !slices.Equal(s.numbers, upTo(100, bad...)) {
			t.Errorf("%v has arrived", s.numbers)
		}
	}
}

// TestRefusesLargeRequests has a server that accepts ten samples at a time.
func TestRefusesLargeRequests(t *testing.T) {
	s := newSite(t, func(numbers []int, _ *http.Request) int {
		if len(numbers) > 10 {
			return http.StatusRequestEntityTooLarge
		}
		return 0
	})
	out := newHTTPSender(t, defaults(s.URL), linesender.HTTPConfig{BatchSize: 100})
	if r := write(t.Context(), out, counting(0, 100)); r.Err != nil || r.Settled != 100 || len(r.Rejected) > 0 || !slices.Equal(s.numbers, upTo(100)) {
		t.Errorf("%+v %v", r, s.numbers)
	}
}

// TestRefusesEverything has a server that is none: nothing is lost, and it is not asked for each sample.
func TestRefusesEverything(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusBadRequest: "answers with status 400: no", http.StatusUnauthorized: "correct username and password, bearer_token or headers: no",
		http.StatusNotFound: "correct the URL: no", http.StatusFound: "it redirects to another address", http.StatusServiceUnavailable: "status 503",
	} {
		s := newSite(t, func([]int, *http.Request) int { return status })
		out := newHTTPSender(t, defaults(s.URL), linesender.HTTPConfig{BatchSize: 64})
		r := write(t.Context(), out, counting(0, 1000))
		if r.Err == nil || r.Settled != 0 || len(r.Rejected) > 0 || !strings.Contains(r.Err.Error(), want) || strings.Contains(r.Err.Error(), "second line") {
			t.Errorf("%d: %+v", status, r)
		}
		if s.requests > 30 {
			t.Errorf("%d: %d requests", status, s.requests)
		}
	}
}

func TestHTTPFailover(t *testing.T) {
	isDown := false
	first := newSite(t, func([]int, *http.Request) int { return map[bool]int{true: http.StatusServiceUnavailable}[isDown] })
	second := newSite(t, func([]int, *http.Request) int { return 0 })
	c := defaults(first.URL, "http://"+servicetest.RefusingAddr, second.URL)
	c.ReturnAfter = conf.Duration(time.Nanosecond)
	out := newHTTPSender(t, c, linesender.HTTPConfig{BatchSize: 5})
	for i, down := range []bool{false, true, false} {
		isDown = down
		if r := write(t.Context(), out, counting(10*i, 10*i+10)); r.Err != nil || r.Settled != 10 {
			t.Fatalf("%+v", r)
		}
	}
	if want := append(upTo(10), 20, 21, 22, 23, 24, 25, 26, 27, 28, 29); !slices.Equal(first.numbers, want) {
		t.Errorf("the first one has %v", first.numbers)
	}
	if want := []int{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}; !slices.Equal(second.numbers, want) {
		t.Errorf("the second one has %v", second.numbers)
	}
}

// TestFailsInTheMiddle has a server that fails at the third request: the samples of the first two are settled.
func TestFailsInTheMiddle(t *testing.T) {
	fails := true
	s := newSite(t, func(numbers []int, _ *http.Request) int {
		if fails && slices.Contains(numbers, 25) {
			return http.StatusInternalServerError
		}
		return 0
	})
	out := newHTTPSender(t, defaults(s.URL), linesender.HTTPConfig{BatchSize: 10})
	if r := write(t.Context(), out, counting(0, 50)); r.Err == nil || r.Settled != 20 {
		t.Fatalf("%+v", r)
	}
	fails = false
	if r := write(t.Context(), out, counting(20, 50)); r.Err != nil || !slices.Equal(s.numbers, upTo(50)) {
		t.Errorf("%+v %v", r, s.numbers)
	}
}

// TestInspectHTTP sends a request without samples: what the server makes of it is no fault, unless it would refuse every request.
func TestInspectHTTP(t *testing.T) {
	for status, isFault := range map[int]bool{0: false, http.StatusBadRequest: false, http.StatusUnauthorized: true, http.StatusNotFound: true, http.StatusBadGateway: true} {
		s := newSite(t, func([]int, *http.Request) int { return status })
		r := newHTTPSender(t, defaults(s.URL), linesender.HTTPConfig{BatchSize: 1}).Inspect(t.Context(), nil)
		if (len(r.Warnings) > 0) != isFault || len(s.numbers) > 0 {
			t.Errorf("%d: %+v", status, r)
		}
	}
	r := newHTTPSender(t, defaults("http://"+servicetest.RefusingAddr), linesender.HTTPConfig{BatchSize: 1}).Inspect(t.Context(), nil)
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "cannot be reached: start it, or correct the URL") {
		t.Errorf("%+v", r)
	}
}

func TestHTTPCredentials(t *testing.T) {
	t.Setenv("SECRET_KEY", "geheim-1")
	var got http.Header
	s := newSite(t, func(_ []int, r *http.Request) int { got = r.Header.Clone(); return http.StatusForbidden })
	var key secret.Ref
	if err := key.UnmarshalScalar("secret:key"); err != nil {
		t.Fatal(err)
	}
	h := linesender.HTTPConfig{BatchSize: 10, Username: secret.Literal("u"), Password: key, Headers: map[string]secret.Ref{"x-key": key, "content-type": secret.Literal("text/x")}}
	r := write(t.Context(), newHTTPSender(t, defaults(s.URL), h), counting(0, 1))
	if r.Err == nil || strings.Contains(fmt.Sprintf("%+v", r), "geheim") {
		t.Errorf("%+v", r)
	}
	if got.Get("Authorization") != "Basic dTpnZWhlaW0tMQ==" || got.Get("X-Key") != "geheim-1" || got.Get("Content-Type") != "text/x" {
		t.Errorf("%v", got)
	}
}

// TestHostileAnswers has servers that answer with anything but HTTP, or with too much.
func TestHostileAnswers(t *testing.T) {
	for name, text := range servicetest.GarbageReplies() {
		t.Run(name, func(t *testing.T) {
			addr := servicetest.ServeText(t, text, true)
			out := newHTTPSender(t, defaults("http://"+addr), linesender.HTTPConfig{BatchSize: 10})
			servicetest.CheckAllocated(t, 32<<20, func() {
				if r := write(t.Context(), out, counting(0, 100)); r.Err == nil || r.Settled != 0 || len(r.Err.Error()) > 2000 {
					t.Errorf("%.200v", r)
				}
			})
		})
	}
	addr := servicetest.ServeText(t, []byte("HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 8<<20)), true)
	out := newHTTPSender(t, defaults("http://"+addr), linesender.HTTPConfig{BatchSize: 10})
	if r := write(t.Context(), out, counting(0, 100)); r.Err == nil || !strings.Contains(r.Err.Error(), "is it the right URL?") {
		t.Errorf("%.200v", r)
	}
}
