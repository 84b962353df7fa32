package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
	"github.com/rtcollector/rtcollector/outputs/sqlite"
	"github.com/rtcollector/rtcollector/plugins"
)

// index is a destination of events that is not reachable at first.
type index struct {
	build  func(outputs.Env) (outputs.Output, error)
	appear func(t *testing.T)
	reader outputs.EventReader
}

func redisIndex(t *testing.T) index {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	host, port, _ := net.SplitHostPort(addr)
	c := redissearch.Defaults()
	c.Nested = nil
	c.Host = host
	c.Port, _ = strconv.Atoi(port)
	return index{
		build: func(env outputs.Env) (outputs.Output, error) { return redissearch.New(env, c) },
		appear: func(t *testing.T) {
			s, err := embedded.Listen(addr, embedded.Config{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
		},
		reader: c.NewEventReader(nil),
	}
}

func fileIndex(t *testing.T) index {
	c := sqlite.Defaults()
	folder := filepath.Join(t.TempDir(), "later")
	c.Path = filepath.Join(folder, "events.db")
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	return index{
		build: func(env outputs.Env) (outputs.Output, error) { return sqlite.New(env, c) },
		appear: func(t *testing.T) {
			if err := errors.Join(os.Remove(folder), os.Mkdir(folder, 0o700)); err != nil {
				t.Fatal(err)
			}
		},
		reader: c.NewEventReader(nil),
	}
}

// sender sends n events, then it says so and waits.
type sender struct {
	n    int
	run  string
	sent chan struct{}
}

func (s *sender) Run(ctx context.Context, out plugins.Emitter) error {
	for i := range s.n {
		b := telemetry.NewBatch(time.Now(), time.Now(), 0)
		b.Events = []telemetry.Event{{Time: time.Now(), Host: "h", App: "a", Severity: telemetry.Error, Message: fmt.Sprintf("event %d of %s", i, s.run)}}
		out.Emit(ctx, b)
	}
	close(s.sent)
	<-ctx.Done()
	return nil
}

// runEvents runs an agent that sends n events, until they are sent and until is true.
func runEvents(t *testing.T, ix index, folder, run string, n int, until func(*selfstat.Output) bool) {
	t.Helper()
	in := &sender{n: n, run: run, sent: make(chan struct{})}
	self := &selfstat.Registry{}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	a, err := agent.New(agent.Config{
		Limits: agent.Limits{Flush: 20 * time.Millisecond, Buffer: 1000, EventBuffer: 1 << 20}, Host: "h", Grace: time.Second, Self: self, Log: log, Run: run,
		Disk:   agent.Disk{Path: folder, MaxSize: 10 << 20},
		Inputs: []agent.Input{{ID: "source", Build: func() (plugins.Input, error) { return plugins.Input{Runner: in}, nil }}},
		Outputs: []agent.Output{{ID: "index", Build: func(slot telemetry.Slot) (outputs.Output, error) {
			return ix.build(outputs.Env{ID: "index", Slot: slot, Host: "h", Instance: run, Log: log})
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	<-in.sent
	waitUntil(t, func() bool { return until(self.Outputs()[0]) })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func waitUntil(t *testing.T, isTrue func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !isTrue(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("did not happen within 30 s")
		}
	}
}

// Events of two runs that could write nothing are in the index once after a third one, also if a crash makes a fourth one write them again.
func TestIndexHasEachEventOnce(t *testing.T) {
	for name, make := range map[string]func(*testing.T) index{"redissearch": redisIndex, "sqlite": fileIndex} {
		t.Run(name, func(t *testing.T) {
			ix := make(t)
			defer ix.reader.Close()
			folder, again := filepath.Join(t.TempDir(), "buffer"), filepath.Join(t.TempDir(), "again")
			failed := func(s *selfstat.Output) bool { return s.EventDisk.Count.Load() >= 20 }
			runEvents(t, ix, folder, "run00001", 20, failed)
			runEvents(t, ix, folder, "run00002", 20, func(s *selfstat.Output) bool { return s.EventDisk.Count.Load() >= 40 })
			if err := os.CopyFS(again, os.DirFS(folder)); err != nil { // as a crash before the position was stored leaves it
				t.Fatal(err)
			}
			ix.appear(t)
			written := func(n int64) func(*selfstat.Output) bool {
				return func(s *selfstat.Output) bool { return s.Written.Load() >= n && s.EventDisk.Count.Load() == 0 }
			}
			runEvents(t, ix, folder, "run00003", 5, written(45))
			runEvents(t, ix, again, "run00004", 5, written(45))
			found := map[string]int{}
			err := ix.reader.ReadEvents(t.Context(), outputs.EventQuery{To: telemetry.Debug}, func(e outputs.FoundEvent) error {
				for _, f := range e.Document {
					if f.Key == "message" {
						found[f.Text()]++
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for message, n := range found {
				if n != 1 {
					t.Errorf("%q is in the index %d times", message, n)
				}
			}
			if len(found) != 50 {
				t.Errorf("%d events are in the index, want 50", len(found))
			}
		})
	}
}
