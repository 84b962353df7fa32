package redisconn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// fakeServer answers on connections without any buffer (net.Pipe). A client that does not read while it writes blocks.
type fakeServer struct {
	answer func(command []string) string // "" says nothing

	mu    sync.Mutex
	seen  []string
	dials int
}

func (s *fakeServer) options() *redis.Options {
	return &redis.Options{
		WriteTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		Addr: "127.0.0.1:1", MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, DB: 3, Password: "pw",
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			s.mu.Lock()
			s.dials++
			s.mu.Unlock()
			go s.serve(theirs)
			return ours, nil
		},
	}
}

func (s *fakeServer) pipe() *redisconn.Pipe {
	return redisconn.NewPipe(s.options())
}

func (s *fakeServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.seen = append(s.seen, strings.Join(command, " "))
		s.mu.Unlock()
		reply := "+OK\r\n"
		switch strings.ToLower(command[0]) {
		case "hello":
			reply = "*0\r\n"
		case "do":
			reply = s.answer(command)
		}
		switch reply {
		case "":
			continue
		case "close":
			return
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	line := func() (string, error) {
		l, err := r.ReadString('\n')
		return strings.TrimSpace(l), err
	}
	head, err := line()
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(head, "*"))
	if err != nil {
		return nil, err
	}
	var out []string
	for range n {
		if _, err := line(); err != nil {
			return nil, err
		}
		arg, err := line()
		if err != nil {
			return nil, err
		}
		out = append(out, arg)
	}
	return out, nil
}

// commands sends n commands, the i-th being "DO i", in chunks of the usual size.
func commands(n int) func([]byte) ([]byte, int) {
	i := 0
	return func(buf []byte) ([]byte, int) {
		count := 0
		for ; i < n && !redisconn.Full(buf); i++ {
			text := strconv.Itoa(i)
			buf = fmt.Appendf(buf, "*2\r\n$2\r\nDO\r\n$%d\r\n%s\r\n", len(text), text)
			count++
		}
		return buf, count
	}
}

// emptyArray reads a reply without items.
func emptyArray(r *redisconn.Reader) error {
	_, err := r.Array()
	return err
}

// Neither side has a buffer, and every command is answered before the next is read.
func TestExchangeDoesNotLockUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{answer: func(c []string) string { return "*1\r\n:" + c[1] + "\r\n" }}
		p := s.pipe()
		const n = 20_000
		got := 0
		for range 2 {
			err := p.Exchange(t.Context(), commands(n), func(r *redisconn.Reader) error {
				items, err := r.Array()
				if err != nil || items != 1 {
					return fmt.Errorf("%d items: %w", items, err)
				}
				got++
				_, err = r.Item()
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		p.Close()
		if got != 2*n || s.dials != 1 {
			t.Errorf("%d replies on %d connections", got, s.dials)
		}
		handshake := []string{"hello 2 auth default pw", "select 3", "ping", "DO 0"}
		if diff := cmp.Diff(handshake, s.seen[:4]); diff != "" {
			t.Error(diff)
		}
	})
}

// Refusals leave the stream in order: all replies are read, the first refusal is returned, the connection stays.
func TestRefusalKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{answer: func(c []string) string {
			if c[1] == "3" || c[1] == "5" {
				return "-OOM at " + c[1] + "\r\n"
			}
			return "*0\r\n"
		}}
		p := s.pipe()
		for range 2 {
			err := p.Exchange(t.Context(), commands(10), emptyArray)
			if err == nil || err.Error() != "OOM at 3" {
				t.Errorf("error %v", err)
			}
		}
		p.Close()
		if s.dials != 1 {
			t.Errorf("%d connections", s.dials)
		}
	})
}

// A silent peer costs ten seconds, unless the context ends before. The next exchange dials again.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mute atomic.Bool
		mute.Store(true)
		s := &fakeServer{answer: func([]string) string {
			if mute.Load() {
				return ""
			}
			return "*0\r\n"
		}}
		p := s.pipe()
		begin := time.Now()
		if err := p.Exchange(t.Context(), commands(50_000), emptyArray); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("gave up after %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		begin = time.Now()
		if err := p.Exchange(ctx, commands(50_000), emptyArray); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("cancelled after %v", took)
		}
		mute.Store(false)
		if err := p.Exchange(t.Context(), commands(50_000), emptyArray); err != nil {
			t.Error(err)
		}
		p.Close()
		if s.dials != 3 {
			t.Errorf("%d connections", s.dials)
		}
	})
}

func TestPeerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{answer: func(c []string) string {
			if c[1] == "7000" {
				return "close"
			}
			return "*0\r\n"
		}}
		p := s.pipe()
		err := p.Exchange(t.Context(), commands(50_000), emptyArray)
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v", err)
		}
		p.Close()
	})
}

// A context that ends after the exchange must not harm the next one.
func TestContextEndsAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{answer: func([]string) string { return "*0\r\n" }}
		p := s.pipe()
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			err := p.Exchange(ctx, commands(1), func(r *redisconn.Reader) error {
				cancel()
				_, err := r.Array()
				return err
			})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if err := p.Exchange(t.Context(), commands(1), emptyArray); err != nil {
				t.Error(err)
			}
		}
		p.Close()
	})
}

func TestPanicWhileReadingIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{answer: func([]string) string { return "*0\r\n" }}
		p := s.pipe()
		err := p.Exchange(t.Context(), commands(50_000), func(*redisconn.Reader) error { panic("bug") })
		if err == nil || err.Error() != "read reply: panic: bug" {
			t.Error(err)
		}
		p.Close()
	})
}

func TestReader(t *testing.T) {
	for text, want := range map[string]string{
		"*2\r\n:1\r\n-ERR no\r\n": "2 <nil>, ERR no",
		"-OOM full\r\n":           "OOM full",
		"*-1\r\n":                 "read reply: array of impossible length",
		"*x\r\n":                  "read reply: array of impossible length",
		"*99999999\r\n":           "read reply: array of impossible length",
		":1\r\n":                  "read reply: ':' where an array should be",
		"HTTP/1.1 400\r\n":        "read reply: 'H' where an array should be",
		"*1\r\n$1\r\n":            "read reply: '$' where an integer should be",
		"*1\n":                    "read reply: line without its end",
		"\r\n":                    "read reply: line without its end",
		"*1\r\n":                  "EOF",
	} {
		if got := readAll(redisconn.NewReader(strings.NewReader(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	long := redisconn.NewReader(strings.NewReader("-" + strings.Repeat("x", 1<<20)))
	if got := readAll(long); got != "read reply: line without its end" {
		t.Error(got)
	}
}

func readAll(r *redisconn.Reader) string {
	n, err := r.Array()
	if err != nil {
		return err.Error()
	}
	var items []string
	for range n {
		refusal, err := r.Item()
		switch {
		case err != nil:
			return err.Error()
		case refusal == nil:
			items = append(items, "<nil>")
		default:
			items = append(items, string(refusal))
		}
	}
	return fmt.Sprintf("%d %s", n, strings.Join(items, ", "))
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("*2\r\n:1\r\n-ERR no\r\n"))
	f.Add([]byte("-OOM full\r\n*0\r\n+OK\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := redisconn.NewReader(strings.NewReader(string(data)))
		for range 10 {
			readAll(r)
		}
	})
}

func BenchmarkReadReplies(b *testing.B) {
	var reply strings.Builder
	reply.WriteString("*500\r\n")
	for range 500 {
		reply.WriteString(":1700000000000\r\n")
	}
	source := strings.NewReader(reply.String())
	r := redisconn.NewReader(source)
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(reply.String())
		n, err := r.Array()
		if err != nil {
			b.Fatal(err)
		}
		for range n {
			if _, err := r.Item(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/sample")
}
