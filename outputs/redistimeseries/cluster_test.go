package redistimeseries_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// testCluster is a cluster to write to, and a client for checking what it holds.
type testCluster struct {
	addrs []string
	move  func(key string, during func())
	all   redis.UniversalClient
}

func newCluster(t *testing.T) *testCluster {
	t.Helper()
	if os.Getenv(redistest.Command) != "" {
		return realCluster(t)
	}
	s := newServer(t)
	fake := redistest.NewFront(t, s.Addr(), 3)
	return &testCluster{addrs: fake.Addrs(), all: s.Client, move: func(key string, during func()) {
		slot := redisconn.Slot(key)
		var keys []string
		for k := range s.keys(t) {
			if redisconn.Slot(k) == slot {
				keys = append(keys, k)
			}
		}
		fake.Move(slot, keys, during)
	}}
}

func realCluster(t *testing.T) *testCluster {
	t.Helper()
	nodes := redistest.Cluster(t, 3)
	c := &testCluster{}
	for _, n := range nodes {
		c.addrs = append(c.addrs, n.Addr())
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.addrs, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = client.Close() })
	c.all = client
	c.move = func(key string, during func()) {
		slot := redisconn.Slot(key)
		from := slot * len(nodes) / redisconn.Slots
		redistest.MoveSlot(t, slot, nodes[from], nodes[(from+1)%len(nodes)], func([]string) { during() })
	}
	return c
}

func (c *testCluster) config(format tskey.Format) redistimeseries.Config {
	config := redistimeseries.Defaults()
	config.Cluster = c.addrs[:1]
	config.KeyFormat = format
	return config
}

// last returns time and value of the newest sample of a key.
func (c *testCluster) last(t *testing.T, key string) string {
	t.Helper()
	v, err := c.all.Do(t.Context(), "TS.GET", key).Slice()
	if err != nil || len(v) != 2 {
		t.Errorf("%s: %v %v", key, v, err)
		return ""
	}
	return fmt.Sprintf("%d=%s", (v[0].(int64)-start.UnixMilli())/1000, v[1])
}

func many(f *fixture, n int) []*telemetry.Series {
	var all []*telemetry.Series
	for i := range n {
		all = append(all, f.gauge("g", "n", fmt.Sprint(i)))
	}
	return all
}

func TestCluster(t *testing.T) {
	for _, format := range []tskey.Format{tskey.Tagged, tskey.Host} {
		t.Run(string(format), func(t *testing.T) {
			c := newCluster(t)
			f := open(t, c.config(format))
			series := many(f, 2000)
			for tick := 1; tick <= 3; tick++ {
				write(t, f, batch(tick, series...))
			}
			naming := tskey.Naming{Format: format}
			for _, s := range series {
				if got := c.last(t, naming.Key(s)); got != "3=3" {
					t.Fatalf("%s: %s", naming.Key(s), got)
				}
			}
			if got := c.last(t, naming.Liveness("h1")); got != "3=1" {
				t.Errorf("liveness sample: %s", got)
			}
		})
	}
}

// While the slot of a host moves, half of its series are on one node and half on another. Known series are written meanwhile, and all
// series afterwards.
func TestSlotMovesWhileWriting(t *testing.T) {
	c := newCluster(t)
	config := c.config(tskey.Tagged)
	config.Retention = 60_000
	f := open(t, config)
	series := many(f, 700)
	write(t, f, batch(1, series...))
	naming := tskey.Naming{Format: tskey.Tagged}
	c.move(naming.Key(series[0]), func() {
		b := batch(2, series...)
		b.AddAt(series[3], 1, start.UnixMilli()-100_000)
		err := f.WriteMetrics(t.Context(), []*telemetry.Batch{b})
		if err == nil || !strings.HasPrefix(err.Error(), "1 rejected: 1 older than the retention") {
			t.Errorf("error %v", err)
		}
		fresh := f.gauge("born_meanwhile")
		write(t, f, batch(3, append(many(f, 700), fresh)...))
		if got := c.last(t, naming.Key(fresh)); got != "3=3" {
			t.Errorf("a new series while the slot moves: %s", got)
		}
	})
	write(t, f, batch(4, series...))
	for _, s := range series {
		if got := c.last(t, naming.Key(s)); got != "4=4" {
			t.Fatalf("%s: %s", naming.Key(s), got)
		}
	}
	if f.log.Count("level=") != 0 {
		t.Error(f.log.String())
	}
}

// Rejected samples are counted once, on whichever node they are. The liveness sample, which is rejected as well, is not counted.
func TestClusterCountsRejections(t *testing.T) {
	c := newCluster(t)
	config := c.config(tskey.Host)
	config.Retention = 60_000
	f := open(t, config)
	series := many(f, 300)
	write(t, f, batch(1000, series...))
	b := batch(1001, series...)
	b.AddAt(series[7], 1, start.UnixMilli()) // older than the retention
	err := f.WriteMetrics(t.Context(), []*telemetry.Batch{b})
	if err == nil || !strings.HasPrefix(err.Error(), "1 rejected: 1 older than the retention") {
		t.Errorf("error %v", err)
	}
	err = f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(0, series...)})
	if err == nil || !strings.HasPrefix(err.Error(), "300 rejected: 300 older than the retention") {
		t.Errorf("error %v", err)
	}
}

// A write that fails half-way is repeated: the series exist by then, their compactions do not.
func TestCompactionsAreNotForgotten(t *testing.T) {
	s := newServer(t)
	fake := redistest.NewFront(t, s.Addr(), 1)
	fake.Fail("TS.CREATERULE", "OOM command not allowed when used memory > 'maxmemory'.")
	c := &testCluster{addrs: fake.Addrs(), all: s.Client}
	config := c.config(tskey.Tagged)
	config.Compactions = []redistimeseries.Compaction{{Every: 10_000, Aggregations: []redistimeseries.Aggregation{"max"}}}
	f := open(t, config)
	g := f.gauge("g")
	err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(0, g)})
	if err == nil || !strings.Contains(err.Error(), "is full") {
		t.Fatalf("error %v", err)
	}
	for tick := range 21 {
		write(t, f, batch(tick, g))
	}
	if got := c.last(t, "{h1}:g:max:10s"); got != "10=19" {
		t.Error(got)
	}
}

func TestClusterCompacts(t *testing.T) {
	c := newCluster(t)
	config := c.config(tskey.Tagged)
	config.Compactions = []redistimeseries.Compaction{{Every: 10_000, Aggregations: []redistimeseries.Aggregation{"max"}}}
	f := open(t, config)
	g := f.gauge("g")
	for tick := range 21 {
		write(t, f, batch(tick, g))
	}
	if got := c.last(t, "{h1}:g:max:10s"); got != "10=19" {
		t.Error(got)
	}
}

// A slot that moves takes its series along, but not the rules between them.
func TestCompactionsSurviveAMove(t *testing.T) {
	c := newCluster(t)
	config := c.config(tskey.Tagged)
	config.Compactions = []redistimeseries.Compaction{{Every: 10_000, Aggregations: []redistimeseries.Aggregation{"max"}}}
	f := open(t, config)
	g := f.gauge("g")
	write(t, f, batch(0, g))
	const source, target = "{h1}:g", "{h1}:g:max:10s"
	c.move(source, func() {})
	_ = c.all.Do(t.Context(), "TS.DELETERULE", source, target).Err() // as MIGRATE does; the fake nodes share one storage
	for tick := 1; tick <= 31; tick++ {
		write(t, f, batch(tick, g))
	}
	if got := c.last(t, target); got != "20=29" {
		t.Errorf("compacted: %s", got)
	}
}

func TestClusterDown(t *testing.T) {
	config := redistimeseries.Defaults()
	config.Cluster = []string{"127.0.0.1:1", "127.0.0.1:2"}
	err := newFixture(t, config, "h1", nil).Open(context.Background())
	if err == nil || !strings.HasPrefix(err.Error(), "redis cluster 127.0.0.1:1, 127.0.0.1:2 cannot be reached: start it") {
		t.Errorf("error %v", err)
	}
}
