package sysloginput

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestMain(m *testing.M) {
	if args := os.Getenv(helping); args != "" {
		if err := help(strings.Fields(args)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// sink takes what the input emits.
type sink struct {
	mu     sync.Mutex
	events []telemetry.Event
	hold   chan struct{} // Emit waits until it is closed; nil: it does not
}

func (s *sink) Emit(ctx context.Context, b *telemetry.Batch) {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, b.Events...)
}

// take returns what has come so far.
func (s *sink) take() []telemetry.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// world is a running input.
type world struct {
	t    testing.TB
	in   *input
	sink *sink
	stop func()
}

// start runs an input until the test ends, and waits until it listens.
func start(t testing.TB, config string) *world {
	t.Helper()
	return startWith(t, config, &sink{})
}

func startWith(t testing.TB, config string, s *sink) *world {
	t.Helper()
	w := startOut(t, config, s)
	w.sink = s
	return w
}

func startOut(t testing.TB, config string, out plugins.Emitter) *world {
	t.Helper()
	env := plugintest.Env("syslog", "")
	opened := make(chan struct{}, 16)
	env.Log = slogTo(func(line string) {
		if strings.Contains(line, "msg=listening") {
			opened <- struct{}{}
		}
	})
	w := &world{t: t, in: plugintest.Start(t, Plugin, config, env).Input.Runner.(*input)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.in.Run(ctx, out) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	for range w.in.listeners {
		select {
		case <-opened:
		case <-time.After(30 * time.Second):
			t.Fatal("does not listen")
		}
	}
	return w
}

// until waits until there are n events and returns them.
func (w *world) until(n int) []telemetry.Event {
	w.t.Helper()
	servicetest.Until(w.t, "the events arrive", func(context.Context) error {
		if got := len(w.sink.take()); got < n {
			return fmt.Errorf("%d of %d events", got, n)
		}
		return nil
	})
	return w.sink.take()
}

// untilCount waits until a count has a value.
func (w *world) untilCount(what string, count func(*counts) int64, want int64) {
	w.t.Helper()
	servicetest.Until(w.t, what, func(context.Context) error {
		if got := count(&w.in.listeners[0].counts); got != want {
			return fmt.Errorf("%d, want %d", got, want)
		}
		return nil
	})
}

func messages(events []telemetry.Event) (all []string) {
	for i := range events {
		all = append(all, events[i].Message)
	}
	return all
}

func field(e telemetry.Event, key string) string {
	for _, f := range e.Fields {
		if f.Key == key {
			return f.Text()
		}
	}
	return ""
}

// at returns an address on a free port.
func at(t testing.TB, scheme string) (server, addr string) {
	addr = fmt.Sprintf("127.0.0.1:%s", servicetest.FreePort(t))
	return scheme + "://" + addr, addr
}

func dial(t testing.TB, network, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}
