package redistimeseries_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// A master dies while samples are written every moment. The replica that takes over has the series, but for what had not
// reached it; here it is emptied before, so that it has none: they are made again with their tiers.
func TestFailover(t *testing.T) {
	if os.Getenv(redistest.Command) == "" {
		t.Skip("Debian's redis-server has no TimeSeries module: " + redistest.Command + " names one that has")
	}
	w := redistest.Sentinel(t, "")
	c := tiered(redistimeseries.Defaults())
	c.Sentinel = &redisconn.Sentinel{Master: "mymaster", Addresses: w.Addresses()}
	f := open(t, c)
	series := many(f, 500)
	tick := 0
	var waiting []*telemetry.Batch
	round := func(ctx context.Context) error {
		tick++
		waiting = append(waiting, batch(tick, series...)) // as the agent's buffer does
		err := f.WriteMetrics(ctx, waiting)
		if err == nil {
			waiting = nil
		}
		return err
	}
	for range 20 {
		if err := round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.Master.Kill()
	failed := 0
	redistest.Until(t, "the failover", func(ctx context.Context) error {
		if strings.Contains(w.Replica.Do("INFO", "replication").(string), "role:master") {
			w.Replica.Do("FLUSHALL")
			return nil
		}
		if round(ctx) == nil {
			t.Error("the dead master still answers")
		}
		failed++
		return context.DeadlineExceeded
	})
	redistest.Until(t, "writing continues", round)
	s := &testServer{outputtest.RedisAt(t, w.Replica.Addr())}
	got := strings.Fields(s.samples(t, "h1:g_499"))
	if failed == 0 || len(got) < failed || len(got) > tick-20 {
		t.Errorf("%d samples after %d failures and %d ticks", len(got), failed, tick)
	}
	if rules, _ := s.attributes(t, "h1:g_499", "rules")["rules"].([]any); len(rules) != 3 {
		t.Errorf("rules %v", rules)
	}
}
