package redistimeseries_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// front stands between the output and a server, and answers some commands as that server would not: with what proxies
// and servers say that cannot be installed here.
type front struct {
	net.Listener
	backend string

	mu     sync.Mutex
	answer func(args []string) string               // instead of the server's; "" passes the command on
	edit   func(args []string, reply string) string // changes the server's
	seen   map[string]int                           // commands by name
}

func newFront(t *testing.T, backend string) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{Listener: l, backend: backend, seen: map[string]int{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return f
}

func (f *front) set(answer func([]string) string, edit func([]string, string) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.edit = answer, edit
}

func (f *front) count(command string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[command]
}

func (f *front) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	back, err := net.Dial("tcp", f.backend)
	if err != nil {
		return
	}
	defer func() { _ = back.Close() }()
	in, replies := bufio.NewReader(conn), bufio.NewReader(back)
	for {
		raw, args, err := readRESP(in)
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
			if reply, _, err = readRESP(replies); err != nil {
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

func (f *front) config(t *testing.T) redistimeseries.Config {
	t.Helper()
	c := redistimeseries.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, f.Addr().String())
	return c
}

// inside puts a refusal in the place of each sample from the n-th on.
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

// A refusal that will pass is waited out, also where a proxy puts it in the place of each sample. What the server took
// before it is settled.
func TestPassingRefusalInsideTheReply(t *testing.T) {
	for _, refusal := range []string{
		"OOM command not allowed when used memory > 'maxmemory'.", "READONLY You can't write against a read only replica.",
		"LOADING Redis is loading the dataset in memory", "CLUSTERDOWN The cluster is down", "MISCONF Redis is configured to save RDB snapshots",
		"BUSY Redis is busy running a script.", "MASTERDOWN Link with MASTER is down", "NOREPLICAS Not enough good replicas to write.",
		"NOPERM No permissions to access a key", "NOAUTH Authentication required.", "WRONGPASS invalid username-password pair", "ERR Connection refused",
	} {
		t.Run(strings.Fields(refusal)[0], func(t *testing.T) {
			s := newServer(t)
			front := newFront(t, s.Addr())
			f := open(t, front.config(t))
			l := newLoad(f, 10, 2)
			write(t, f, l.batches[0])
			front.set(nil, inside(refusal, 4)) // the sign of life, and three samples
			err := f.WriteMetrics(t.Context(), l.batches[1:])
			var partial *outputs.PartialError
			if !errors.As(err, &partial) || partial.Settled != 3 || partial.Rejected != nil || !strings.Contains(err.Error(), refusal) {
				t.Fatalf("error %#v", err)
			}
			front.set(nil, inside(refusal, 0))
			if err := f.WriteMetrics(t.Context(), l.batches[1:]); err == nil || errors.As(err, &partial) && partial.Settled > 0 {
				t.Errorf("error %v", err)
			}
			front.set(nil, nil)
			write(t, f, l.batches[1].Slice(3, 10))
			l.complete(t, s)
		})
	}
}

// Other servers, and older ones, have other words for a series that is not there.
func TestWordsForAMissingSeries(t *testing.T) {
	for _, words := range []string{
		"TSDB: the key is not a TSDB key", "ERR the key is not a TSDB key", "TSDB: the key does not exists", "TSDB: the key does not exist",
	} {
		s := newServer(t)
		front := newFront(t, s.Addr())
		front.set(nil, func(_ []string, reply string) string {
			return strings.ReplaceAll(reply, "-ERR TSDB: the key is not a TSDB key", "-"+words)
		})
		f := open(t, front.config(t))
		g := f.gauge("g")
		write(t, f, batch(1, g))
		s.Empty(t)
		write(t, f, batch(2, g))
		if got := s.samples(t, "h1:g"); got != "2=2" {
			t.Errorf("%s: %s", words, got)
		}
	}
}

// refusing answers TS.CREATE of a key that has a text in it.
func refusing(text, refusal string) func([]string) string {
	return func(args []string) string {
		if args[0] == "TS.CREATE" && strings.Contains(args[1], text) {
			return "-" + refusal + "\r\n"
		}
		return ""
	}
}

// A server that takes samples but will not have a new series does not keep the others waiting.
func TestOneSeriesCannotBeCreated(t *testing.T) {
	for _, refusal := range []string{
		"OOM the embedded server holds no more series", "NOPERM No permissions to access a key", "ERR something new",
		"ERR TSDB: Couldn't parse LABELS",
	} {
		t.Run(strings.Fields(refusal)[0], func(t *testing.T) {
			s := newServer(t)
			front := newFront(t, s.Addr())
			f := open(t, front.config(t))
			good, bad := f.gauge("good"), f.gauge("bad")
			front.set(refusing("bad", refusal), nil)
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
				t.Errorf("said %d times: %s", n, f.log)
			}
			if n := front.count("TS.CREATE"); n != 3 {
				t.Errorf("%d times TS.CREATE, want one for each series", n)
			}
			front.set(func(args []string) string {
				if args[0] == "TS.MADD" {
					return "-LOADING Redis is loading the dataset in memory\r\n"
				}
				return ""
			}, nil)
			if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(3, bad, good)}); err == nil {
				t.Error("no error")
			}
			front.set(nil, nil)
			write(t, f, batch(3, bad, good)) // it is tried again after an error, or a minute
			if got := s.samples(t, "h1:bad"); got != "3=3" {
				t.Errorf("the series has %s", got)
			}
		})
	}
}

// A server that does not take anything is waited for.
func TestNothingCanBeCreated(t *testing.T) {
	s := newServer(t)
	front := newFront(t, s.Addr())
	f := open(t, front.config(t))
	l := newLoad(f, 10, 1)
	front.set(refusing("h1", "OOM command not allowed when used memory > 'maxmemory'."), nil)
	for range 2 {
		err := f.WriteMetrics(t.Context(), l.batches)
		var partial *outputs.PartialError
		if err == nil || errors.As(err, &partial) || !strings.Contains(err.Error(), "is full") {
			t.Errorf("error %v", err)
		}
	}
	front.set(nil, nil)
	write(t, f, l.batches...)
	l.complete(t, s)
}
