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
	if args := os.Getenv(helperVariable); args != "" {
		if err := runHelper(strings.Fields(args)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// collectingEmitter is an emitter that keeps all events.
type collectingEmitter struct {
	mu     sync.Mutex
	events []telemetry.Event
	hold   chan struct{} // Emit waits until it is closed; nil: Emit does not wait
}

func (s *collectingEmitter) Emit(ctx context.Context, b *telemetry.Batch) {
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

// takeEvents returns the events so far.
func (s *collectingEmitter) takeEvents() []telemetry.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// runningInput is an input that runs until the test ends.
type runningInput struct {
	t    testing.TB
	in   *input
	sink *collectingEmitter
	stop func()
}

// startInput runs an input until the test ends, and waits until it listens.
func startInput(t testing.TB, config string) *runningInput {
	t.Helper()
	return startCollecting(t, config, &collectingEmitter{})
}

func startCollecting(t testing.TB, config string, s *collectingEmitter) *runningInput {
	t.Helper()
	w := startEmitting(t, config, s)
	w.sink = s
	return w
}

func startEmitting(t testing.TB, config string, out plugins.Emitter) *runningInput {
	t.Helper()
	env := plugintest.Env("syslog", "")
	opened := make(chan struct{}, 16)
	env.Log = slogTo(func(line string) {
		if strings.Contains(line, "msg=listening") {
			opened <- struct{}{}
		}
	})
	w := &runningInput{t: t, in: plugintest.Start(t, Plugin, config, env).Input.Runner.(*input)}
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
			t.Fatal("the input does not listen")
		}
	}
	return w
}

// waitEvents waits until there are n events and returns them.
func (w *runningInput) waitEvents(n int) []telemetry.Event {
	w.t.Helper()
	servicetest.Until(w.t, "the events arrive", func(context.Context) error {
		if got := len(w.sink.takeEvents()); got < n {
			return fmt.Errorf("%d of %d events", got, n)
		}
		return nil
	})
	return w.sink.takeEvents()
}

// waitCount waits until a count has a value.
func (w *runningInput) waitCount(what string, count func(*counts) int64, want int64) {
	w.t.Helper()
	servicetest.Until(w.t, what, func(context.Context) error {
		if got := count(&w.in.listeners[0].counts); got != want {
			return fmt.Errorf("%d, want %d", got, want)
		}
		return nil
	})
}

func messageTexts(events []telemetry.Event) (all []string) {
	for i := range events {
		all = append(all, events[i].Message)
	}
	return all
}

func fieldText(e telemetry.Event, key string) string {
	for _, f := range e.Fields {
		if f.Key == key {
			return f.Text()
		}
	}
	return ""
}

// freeAddress returns an address with a free port.
func freeAddress(t testing.TB, scheme string) (server, addr string) {
	addr = fmt.Sprintf("127.0.0.1:%s", servicetest.FreePort(t))
	return scheme + "://" + addr, addr
}

func dialServer(t testing.TB, network, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func sendText(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}
