package redissearch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

func badDays() []outputtest.BadDay {
	return outputtest.BadDays(
		outputtest.Full("is full: raise maxmemory"),
		outputtest.NoRight("no right", "refuses this to the user: grant it with ACL SETUSER default +", "json.set", "hset"),
		outputtest.NoRight("no right to the index", "refuses this to the user: grant it with ACL SETUSER default +ft.info: NOPERM ", "ft.info"),
		outputtest.Unloaded("JSON unloaded", "has no JSON module: use Redis 8 or Redis Stack, or load rejson.so", "JSON.SET"),
		outputtest.Unloaded("search unloaded", "has no search module: use Redis 8 or Redis Stack, or load redisearch.so", "FT.INFO"),
	)
}

// After every kind of failure nothing is dropped, and a later write succeeds.
func TestBadDays(t *testing.T) {
	for _, day := range badDays() {
		t.Run(day.Name, func(t *testing.T) {
			each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
				f := open(t, c)
				write(t, f, f.event(0, "before"))
				events := f.events(500)
				day.Refuses(t, s.Redis, func() error { return f.WriteEvents(t.Context(), events) })
				write(t, f, events...)
				if n := s.found(t, "*"); n != 501 {
					t.Errorf("%d documents", n)
				}
			})
		})
	}
}

func TestServerWithoutModules(t *testing.T) {
	s := redistest.StartPlain(t, "")
	c := redissearch.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, s.Addr())
	err := newFixture(t, c, "inst0001").Open(t.Context())
	want := "redis " + s.Addr() + " has no search module: use Redis 8 or Redis Stack, or load redisearch.so: "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v\nwant %s", err, want)
	}
}

func TestUnreachable(t *testing.T) {
	c := redissearch.Defaults()
	c.Host, c.Port = "127.0.0.1", 1
	f := newFixture(t, c, "inst0001")
	err := f.Open(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "redis 127.0.0.1:1 cannot be reached: start it, or correct its address") {
		t.Errorf("error %v", err)
	}
	if err := f.WriteEvents(t.Context(), f.events(1)); err == nil || err.Error() != "write to redis: not connected" {
		t.Errorf("error %v", err)
	}
}

// through returns a configuration that connects through a simulated network.
func through(t testing.TB, n *redistest.Network, c redissearch.Config) redissearch.Config {
	t.Helper()
	c.Host, c.Port = servicetest.HostPort(t, n.Listen)
	return c
}

// The network swallows one direction, or cuts the connection in the middle of the replies. What is not settled is written again: nothing
// is missing, and nothing is stored twice.
func TestNetwork(t *testing.T) {
	for name, toxic := range map[string]struct {
		kind, stream string
		attributes   map[string]int
	}{
		"hangs upstream":      {"timeout", "upstream", map[string]int{"timeout": 0}},
		"hangs downstream":    {"timeout", "downstream", map[string]int{"timeout": 0}},
		"reset":               {"reset_peer", "downstream", map[string]int{"timeout": 0}},
		"cut after 500 bytes": {"limit_data", "downstream", map[string]int{"bytes": 500}},
		"cut after 30 kB out": {"limit_data", "upstream", map[string]int{"bytes": 30_000}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
				n := redistest.NewNetwork(t, s.Addr())
				f := open(t, through(t, n, c))
				write(t, f, f.event(0, "before"))
				events := f.events(5000)
				n.Poison(t, toxic.kind, toxic.stream, toxic.attributes)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				if toxic.kind == "timeout" {
					ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				}
				defer cancel()
				err := f.WriteEvents(ctx, events)
				if toxic.kind == "timeout" && !errors.Is(err, context.DeadlineExceeded) || err == nil ||
					toxic.kind != "timeout" && !strings.HasPrefix(err.Error(), "redis "+n.Listen) {
					t.Errorf("error %v", err)
				}
				n.Heal(t)
				retry(t, f, outputtest.RestOfEvents(events, err)...)
				if found, keys := s.found(t, "*"), s.DBSize(t.Context()).Val(); found != len(events)+1 || keys != int64(found) {
					t.Errorf("%d found, %d keys", found, keys)
				}
			})
		})
	}
}

var _ outputs.EventWriter = (*redissearch.Writer)(nil)

// A document always gets its expiry, also while its slot moves from one node to another.
func TestCluster(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	c := redissearch.Defaults()
	c.Cluster, c.Storage, c.TTL = []string{nodes[0].Addr()}, redissearch.Hash, 1e18
	f := newFixture(t, c, "inst0001")
	store, err := f.StoreOnly(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events := f.events(2000)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Cluster, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	check := func() {
		t.Helper()
		for i := range events {
			key := string(events[i].AppendID([]byte("log:"), "inst0001"))
			if end := client.PExpireTime(t.Context(), key).Val(); end <= 0 {
				t.Fatalf("%s: end %v", key, end)
			}
		}
	}
	if err := store(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	check()
	key := string(events[7].AppendID([]byte("log:"), "inst0001"))
	if err := client.Del(t.Context(), key).Err(); err != nil { // the old node redirects requests for absent keys to the new one
		t.Fatal(err)
	}
	slot, owner := redisconn.Slot(key), 0
	for slot >= (owner+1)*redisconn.Slots/len(nodes) {
		owner++
	}
	from, to := nodes[owner], nodes[(owner+1)%len(nodes)]
	redistest.MoveSlot(t, slot, from, to, func([]string) {
		if err := store(t.Context(), events); err != nil {
			t.Error(err)
		}
	})
	check()
	if err := store(t.Context(), events); err != nil {
		t.Error(err)
	}
	check()
}
