package redistimeseries_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// writeEachSecond behaves like an agent to its output. It returns what the output logged.
func writeEachSecond(t *testing.T, l *ledger, instance string, from, until time.Duration) *servicetest.Log {
	t.Helper()
	log := &servicetest.Log{}
	link := &redistest.Link{Rate: 1_000_000, Serve: l.serve}
	config := redistimeseries.Defaults()
	config.Dial = link.Dial
	w, err := redistimeseries.New(outputs.Env{
		ID: "redistimeseries", Host: "h1", Instance: instance,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, config)
	if err != nil {
		t.Error(err)
		return log
	}
	g := telemetry.NewFactory("h1", "test", nil).Gauge("g", telemetry.None)
	time.Sleep(from)
	if err := w.Open(context.Background()); err != nil {
		t.Error(err)
	}
	for range int((until - from) / time.Second) {
		b := telemetry.NewBatch(time.Now(), time.Now(), 1)
		b.Add(g, 1)
		if err := w.WriteMetrics(context.Background(), []*telemetry.Batch{b}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	return log
}

// Two agents that run at the same time under one host name get a warning each, once. A restart is not a second agent, and neither is a
// single write.
func TestTwoAgentsWithOneName(t *testing.T) {
	type life struct{ from, until time.Duration }
	for name, tc := range map[string]struct {
		lives  []life
		noSet  string
		warned int
		debug  int
	}{
		"alone":               {lives: []life{{0, 20 * time.Minute}}},
		"two":                 {lives: []life{{0, 20 * time.Minute}, {10 * time.Minute, 20 * time.Minute}}, warned: 1},
		"restart":             {lives: []life{{0, 10 * time.Minute}, {10 * time.Minute, 20 * time.Minute}}},
		"replaced":            {lives: []life{{0, 10 * time.Minute}, {10*time.Minute - 50*time.Second, 20 * time.Minute}}},
		"single writes":       {lives: []life{{0, 20 * time.Minute}, {5 * time.Minute, 5*time.Minute + 2*time.Second}, {6 * time.Minute, 6*time.Minute + 2*time.Second}}},
		"without the right":   {lives: []life{{0, 20 * time.Minute}}, noSet: "NOPERM User h1 has no permissions to run the 'set' command", debug: 1},
		"before Redis 6.2":    {lives: []life{{0, 20 * time.Minute}}, noSet: "ERR syntax error", debug: 1},
		"full for some hours": {lives: []life{{0, 20 * time.Minute}}, noSet: "OOM command not allowed", debug: 39},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				l.noSet = tc.noSet
				logs := make([]*servicetest.Log, len(tc.lives))
				var wg sync.WaitGroup
				for i, life := range tc.lives {
					wg.Go(func() { logs[i] = writeEachSecond(t, l, "instance"+string(rune('a'+i)), life.from, life.until) })
				}
				wg.Wait()
				for _, log := range logs {
					if n := log.Count("level=WARN msg=\"another agent writes under this host name"); n != tc.warned {
						t.Errorf("warned %d times: %s", n, log)
					}
					if n := log.Count("level=DEBUG msg=\"cannot look for a second agent"); n != tc.debug {
						t.Errorf("%d debug lines", n)
					}
				}
				if held := l.texts["rtcollector:agent:h1"].text; tc.noSet == "" && !strings.Contains(held, " since 2000-01-01T") {
					t.Errorf("the key holds %q", held)
				}
			})
		})
	}
}

// A server that evicts keys causes a warning about its setting. The evicted series are counted.
func TestEvictions(t *testing.T) {
	s := newServer(t)
	proxy := newProxy(t, s.Addr())
	info := "# Stats\r\nevicted_keys:0\r\nmaxmemory_policy:allkeys-lru\r\n"
	var mu sync.Mutex
	proxy.set(func(args []string) string {
		if strings.EqualFold(args[0], "info") {
			mu.Lock()
			defer mu.Unlock()
			return fmt.Sprintf("$%d\r\n%s\r\n", len(info), info)
		}
		return ""
	}, nil)
	f := open(t, proxy.config(t))
	g, h := f.gauge("g"), f.gauge("h")
	write(t, f, batch(1, g, h))
	s.Run(t, []any{"DEL", "h1:g"})
	write(t, f, batch(2, g, h))
	if n := f.SeriesGone(); n != 1 || f.log.Count("series are gone from redis, creating them again") != 1 {
		t.Errorf("%d series gone: %s", n, f.log)
	}
	write(t, f, batch(3, g, h))
	mu.Lock()
	info = strings.Replace(info, "evicted_keys:0", "evicted_keys:2", 1)
	mu.Unlock()
	f.ForgetEvictions()
	for tick := 4; tick < 8; tick++ {
		s.Run(t, []any{"DEL", "h1:g", "h1:h"})
		write(t, f, batch(tick, g, h))
	}
	if n := f.SeriesGone(); n != 9 {
		t.Errorf("%d series gone", n)
	}
	if n := f.log.Count("level=WARN msg=\"redis evicts series to free memory"); n != 1 || !strings.Contains(f.log.String(), "evicted_keys=2 maxmemory_policy=allkeys-lru") {
		t.Errorf("warned %d times: %s", n, f.log)
	}
}
