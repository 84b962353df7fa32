package bench_test

import (
	"os"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/bench"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
)

func runFleet(t *testing.T, config redisconn.Config) bench.FleetResult {
	t.Helper()
	stages := map[string]int{}
	r, err := bench.RunFleet(t.Context(), bench.FleetOptions{
		Redis: config, Agents: 20, Series: 30, Interval: 100 * time.Millisecond, Rounds: 2,
	}, func(stage string, done, total int) { stages[stage] = max(stages[stage], 100*done/total) })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	if stages["connect"] != 100 || stages["create"] != 100 || stages["write"] != 100 {
		t.Errorf("progress ended at %v", stages)
	}
	if r.SeriesPerSecond <= 0 || len(r.Spreads) != 3 || r.Spreads[0].P99 <= 0 || r.Spreads[0].Max < r.Spreads[0].P99 || r.Spreads[2].Over != 100*time.Millisecond {
		t.Error("something was not measured")
	}
	total := 0
	for _, n := range r.ShardSamples {
		total += n
	}
	if total != 20*30 {
		t.Errorf("the shards get %d samples in a round", total)
	}
	return r
}

func TestFleet(t *testing.T) {
	config, client := startServer(t)
	r := runFleet(t, config)
	if r.ConnectionsPerAgent < 1 || r.SeriesBytes <= 0 || len(r.ShardSamples) != 1 {
		t.Errorf("connections, memory or shards: %+v", r)
	}
	if keys := remainingKeys(t, client); len(keys) > 0 {
		t.Errorf("left behind: %v", keys)
	}
}

func TestFleetOnCluster(t *testing.T) {
	config := redisconn.Defaults()
	if os.Getenv(redistest.Command) != "" {
		for _, n := range redistest.Cluster(t, 3) {
			config.Cluster = append(config.Cluster, n.Addr())
		}
	} else {
		s, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		config.Cluster = redistest.NewFront(t, s.Addr(), 3).Addrs()
	}
	if r := runFleet(t, config); len(r.ShardSamples) != 3 {
		t.Errorf("shards: %v", r.ShardSamples)
	}
}

func TestFleetOfNothing(t *testing.T) {
	if _, err := bench.RunFleet(t.Context(), bench.FleetOptions{}, nil); err == nil {
		t.Error("no error for a measurement of nothing")
	}
}
