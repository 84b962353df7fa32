package redistimeseries_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// proxy is between the output and a server. It answers some commands with the replies of proxies and servers that cannot be installed
// here.
type proxy struct {
	addr    string
	backend string

	mu     sync.Mutex
	answer func(args []string) string               // instead of the server's reply; "" passes the command on
	edit   func(args []string, reply string) string // changes the server's reply
	seen   map[string]int                           // commands by name
}

func newProxy(t *testing.T, backend string) *proxy {
	t.Helper()
	f := &proxy{backend: backend, seen: map[string]int{}}
	f.addr = servicetest.ServeRaw(t, f.serve)
	return f
}

func (f *proxy) set(answer func([]string) string, edit func([]string, string) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.edit = answer, edit
}

func (f *proxy) count(command string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[command]
}

func (f *proxy) serve(conn net.Conn) {
	back, err := net.Dial("tcp", f.backend)
	if err != nil {
		return
	}
	defer func() { _ = back.Close() }()
	in, replies := bufio.NewReader(conn), bufio.NewReader(back)
	for {
		raw, args, err := redistest.ReadRESP(in)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.seen[args[0]]++
		answer, edit := f.answer, f.edit
		f.mu.Unlock()
		reply := ""
		if answer != nil {
			reply = answer(args)
		}
		if reply == "" {
			if _, err := io.WriteString(back, raw); err != nil {
				return
			}
			if reply, _, err = redistest.ReadRESP(replies); err != nil {
				return
			}
			if edit != nil {
				reply = edit(args, reply)
			}
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

func (f *proxy) config(t *testing.T) redistimeseries.Config {
	t.Helper()
	c := redistimeseries.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, f.addr)
	return c
}

// inside replaces the reply to each sample, from the n-th on, by a refusal.
func inside(refusal string, n int) func([]string, string) string {
	return func(args []string, reply string) string {
		if args[0] != "TS.MADD" || reply[0] != '*' {
			return reply
		}
		lines := strings.SplitAfter(strings.TrimSuffix(reply, "\r\n"), "\r\n")
		for i := 1 + n; i < len(lines); i++ {
			lines[i] = "-" + refusal + "\r\n"
		}
		return strings.TrimSuffix(strings.Join(lines, ""), "\r\n") + "\r\n"
	}
}

// A refusal that will pass leads to a retry, even if a proxy sends it for single samples. Samples that were accepted before it are
// settled.
func TestPassingRefusalInsideTheReply(t *testing.T) {
	for _, refusal := range []string{
		"OOM command not allowed when used memory > 'maxmemory'.", "READONLY You can't write against a read only replica.",
		"LOADING Redis is loading the dataset in memory", "CLUSTERDOWN The cluster is down", "MISCONF Redis is configured to save RDB snapshots",
		"BUSY Redis is busy running a script.", "MASTERDOWN Link with MASTER is down", "NOREPLICAS Not enough good replicas to write.",
		"NOPERM No permissions to access a key", "NOAUTH Authentication required.", "WRONGPASS invalid username-password pair", "ERR Connection refused",
	} {
		t.Run(strings.Fields(refusal)[0], func(t *testing.T) {
			s := newServer(t)
			proxy := newProxy(t, s.Addr())
			f := open(t, proxy.config(t))
			l := newLoad(f, 10, 2)
			write(t, f, l.batches[0])
			proxy.set(nil, inside(refusal, 4)) // the liveness sample, and three samples
			err := f.WriteMetrics(t.Context(), l.batches[1:])
			var partial *outputs.PartialError
			if !errors.As(err, &partial) || partial.Settled != 3 || partial.Rejected != nil || !strings.Contains(err.Error(), refusal) {
				t.Fatalf("error %#v", err)
			}
			proxy.set(nil, inside(refusal, 0))
			if err := f.WriteMetrics(t.Context(), l.batches[1:]); err == nil || errors.As(err, &partial) && partial.Settled > 0 {
				t.Errorf("error %v", err)
			}
			proxy.set(nil, nil)
			write(t, f, l.batches[1].Slice(3, 10))
			l.complete(t, s)
		})
	}
}

// Other servers, and older ones, report a missing series in other words.
func TestWordsForAMissingSeries(t *testing.T) {
	for _, words := range []string{
		"TSDB: the key is not a TSDB key", "ERR the key is not a TSDB key", "TSDB: the key does not exists", "TSDB: the key does not exist",
	} {
		s := newServer(t)
		proxy := newProxy(t, s.Addr())
		proxy.set(nil, func(_ []string, reply string) string {
			return strings.ReplaceAll(reply, "-ERR TSDB: the key is not a TSDB key", "-"+words)
		})
		f := open(t, proxy.config(t))
		g := f.gauge("g")
		write(t, f, batch(1, g))
		s.Empty(t)
		write(t, f, batch(2, g))
		if got := s.samples(t, "h1:g"); got != "2=2" {
			t.Errorf("%s: %s", words, got)
		}
	}
}

// refusing refuses TS.CREATE for keys that contain a text.
func refusing(text, refusal string) func([]string) string {
	return func(args []string) string {
		if args[0] == "TS.CREATE" && strings.Contains(args[1], text) {
			return "-" + refusal + "\r\n"
		}
		return ""
	}
}

// A server that accepts samples but refuses a new series does not keep the others waiting.
func TestOneSeriesCannotBeCreated(t *testing.T) {
	for _, refusal := range []string{
		"OOM the embedded server holds no more series", "NOPERM No permissions to access a key", "ERR something new",
		"ERR TSDB: Couldn't parse LABELS",
	} {
		t.Run(strings.Fields(refusal)[0], func(t *testing.T) {
			s := newServer(t)
			proxy := newProxy(t, s.Addr())
			f := open(t, proxy.config(t))
			good, bad := f.gauge("good"), f.gauge("bad")
			proxy.set(refusing("bad", refusal), nil)
			for tick := 1; tick < 3; tick++ {
				err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(tick, bad, good)})
				var rejected *outputs.RejectError
				if !errors.As(err, &rejected) || rejected.N != 1 || rejected.Reasons["series_refused"] != 1 {
					t.Fatalf("error %v", err)
				}
			}
			if got := s.samples(t, "h1:good"); got != "1=1 2=2" {
				t.Errorf("the other series has %s", got)
			}
			if n := f.log.Count("redis refuses"); n != 1 {
				t.Errorf("logged %d times: %s", n, f.log)
			}
			want := 3
			if !strings.Contains(refusal, "TSDB") {
				want++ // it may be about a state of the server that has passed
			}
			if n := proxy.count("TS.CREATE"); n != want {
				t.Errorf("%d times TS.CREATE, want %d", n, want)
			}
			proxy.set(func(args []string) string {
				if args[0] == "TS.MADD" {
					return "-LOADING Redis is loading the dataset in memory\r\n"
				}
				return ""
			}, nil)
			if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(3, bad, good)}); err == nil {
				t.Error("no error")
			}
			proxy.set(nil, nil)
			write(t, f, batch(3, bad, good)) // it is tried again after an error
			if got := s.samples(t, "h1:bad"); got != "3=3" {
				t.Errorf("the series has %s", got)
			}
		})
	}
}

// A server that refuses a series, and then accepts samples, may have been in a state that has passed: nothing is rejected.
func TestStatePassesWhileSeriesAreCreated(t *testing.T) {
	for _, refusal := range []string{
		"LOADING Redis is loading the dataset in memory", "OOM command not allowed when used memory > 'maxmemory'.",
		"READONLY You can't write against a read only replica.",
	} {
		t.Run(strings.Fields(refusal)[0], func(t *testing.T) {
			s := newServer(t)
			proxy := newProxy(t, s.Addr())
			f := open(t, proxy.config(t))
			early, late := f.gauge("early"), f.gauge("late")
			isRefused := false
			proxy.set(func(args []string) string {
				if args[0] != "TS.CREATE" || args[1] != "h1:early" || isRefused {
					return ""
				}
				isRefused = true
				return "-" + refusal + "\r\n"
			}, nil)
			write(t, f, batch(1, early, late))
			if a, b := s.samples(t, "h1:early"), s.samples(t, "h1:late"); !isRefused || a != "1=1" || b != "1=1" {
				t.Errorf("refused %t, samples %q and %q", isRefused, a, b)
			}
		})
	}
}

// Writes to a server that accepts nothing are repeated.
func TestNothingCanBeCreated(t *testing.T) {
	s := newServer(t)
	proxy := newProxy(t, s.Addr())
	f := open(t, proxy.config(t))
	l := newLoad(f, 10, 1)
	proxy.set(refusing("h1", "OOM command not allowed when used memory > 'maxmemory'."), nil)
	for range 2 {
		err := f.WriteMetrics(t.Context(), l.batches)
		var partial *outputs.PartialError
		if err == nil || errors.As(err, &partial) || !strings.Contains(err.Error(), "is full") {
			t.Errorf("error %v", err)
		}
	}
	proxy.set(nil, nil)
	write(t, f, l.batches...)
	l.complete(t, s)
}
