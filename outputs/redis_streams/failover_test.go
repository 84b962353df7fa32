package redisstreams_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	redisstreams "github.com/rtcollector/rtcollector/outputs/redis_streams"
	"github.com/rtcollector/rtcollector/plugins"
)

// eventSource emits numbered events, ten every millisecond, until its context ends.
type eventSource struct{ n atomic.Int64 }

func (s *eventSource) Run(ctx context.Context, out plugins.Emitter) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			b := telemetry.NewBatch(now, now, 0)
			for range 10 {
				b.Events = append(b.Events, telemetry.Event{Time: now, Host: "h1", Message: strconv.FormatInt(s.n.Add(1), 10)})
			}
			out.Emit(ctx, b)
		}
	}
}

// The master dies under load. The agent finds the new master by itself, and no event is missing.
func TestFailoverUnderLoad(t *testing.T) {
	w := redistest.Sentinel(t, "")
	c := redisstreams.Defaults()
	c.Sentinel = &redisconn.Sentinel{Master: "mymaster", Addresses: w.Addresses()}
	c.MaxLength = 0
	out, err := redisstreams.New(outputs.Env{ID: "redis_streams", Host: "h1", Instance: "inst0001"}, c)
	if err != nil {
		t.Fatal(err)
	}
	src := &eventSource{}
	a, err := agent.New(agent.Config{
		Inputs:  []agent.Input{{ID: "source", Build: func() (plugins.Input, error) { return plugins.Input{Runner: src}, nil }}},
		Outputs: []agent.Output{{ID: "redis_streams", Build: func(telemetry.Slot) (outputs.Output, error) { return out, nil }}},
		Limits:  agent.Limits{Flush: 100 * time.Millisecond, Buffer: 1_000_000, EventBuffer: 64 << 20}, Grace: time.Minute,
		Self: &selfstat.Registry{}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()

	waitFor(t, w.Master, 1000)
	waitFor(t, w.Replica, 1000) // otherwise events that the master has confirmed but not replicated would be lost
	w.Master.Kill()
	waitFor(t, w.Replica, src.n.Load()+5000) // includes events from the time without a master, and later ones
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the agent lost something: %v", err)
	}
	entries, err := w.Replica.Client().XRange(t.Context(), events, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.Values["message"].(string)] = true
	}
	for i := range src.n.Load() {
		if !seen[strconv.FormatInt(i+1, 10)] {
			t.Fatalf("event %d of %d is missing; %d entries", i+1, src.n.Load(), len(entries))
		}
	}
	t.Logf("%d events, %d of them twice", src.n.Load(), len(entries)-len(seen))
}

// waitFor waits until the stream of a server has n entries.
func waitFor(t *testing.T, s *redistest.Server, n int64) {
	t.Helper()
	c := s.Client()
	redistest.Until(t, "the stream grows", func(ctx context.Context) error {
		got, err := c.XLen(ctx, events).Result()
		if err == nil && got < n {
			err = context.DeadlineExceeded
		}
		return err
	})
}
