package redissearch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// badDay is a state of the server in which it refuses writes. The embedded server is told to answer so; a real one is
// brought into that state, where that can be done by commands.
type badDay struct {
	name  string
	reply string
	say   string
	cause [][]any
	end   [][]any
}

func badDays() []badDay {
	return []badDay{
		{
			"full", "OOM command not allowed when used memory > 'maxmemory'.", "is full: raise maxmemory",
			[][]any{{"CONFIG", "SET", "maxmemory", "1"}}, [][]any{{"CONFIG", "SET", "maxmemory", "0"}},
		},
		{
			"replica", "READONLY You can't write against a read only replica.",
			"is a read-only replica: name the master, or wait for the failover: READONLY ",
			[][]any{{"REPLICAOF", "127.0.0.1", "1"}}, [][]any{{"REPLICAOF", "NO", "ONE"}},
		},
		{
			"too few replicas", "NOREPLICAS Not enough good replicas to write.",
			"has too few replicas to accept writes (min-replicas-to-write): NOREPLICAS ",
			[][]any{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, [][]any{{"CONFIG", "SET", "min-replicas-to-write", "0"}},
		},
		{
			"no right", "NOPERM User default has no permissions to run the 'json.set' command",
			"refuses this to the user: grant it with ACL SETUSER default +",
			[][]any{{"ACL", "SETUSER", "default", "-json.set", "-hset"}}, [][]any{{"ACL", "SETUSER", "default", "+@all"}},
		},
		{
			"no right to the index", "NOPERM User default has no permissions to run the 'ft.info' command",
			"refuses this to the user: grant it with ACL SETUSER default +ft.info: NOPERM ",
			[][]any{{"ACL", "SETUSER", "default", "-ft.info"}}, [][]any{{"ACL", "SETUSER", "default", "+@all"}},
		},
		{name: "loading", reply: "LOADING Redis is loading the dataset in memory", say: "is still loading its data"},
		{name: "no disk", reply: "MISCONF Redis is configured to save RDB snapshots", say: "cannot save to disk and refuses writes"},
		{name: "cluster down", reply: "CLUSTERDOWN The cluster is down", say: "belongs to a cluster that is down"},
		{name: "no master", reply: "MASTERDOWN Link with MASTER is down", say: "is a replica without its master"},
		{name: "no password", reply: "NOAUTH Authentication required.", say: "wants a password"},
		{name: "wrong password", reply: "WRONGPASS invalid username-password pair", say: "refuses the username or the password"},
		{name: "busy", reply: "BUSY Redis is busy running a script.", say: "is busy with a script"},
		{name: "cluster", reply: "CROSSSLOT Keys in request don't hash to the same slot", say: "is a node of a cluster: list it under cluster"},
		{
			name: "JSON unloaded", reply: "ERR unknown command 'JSON.SET', with args beginning with: 'a' '1' '1' ",
			say: "has no JSON module: use Redis 8 or Redis Stack, or load rejson.so",
		},
		{
			name: "search unloaded", reply: "ERR unknown command 'FT.INFO', with args beginning with: 'a' '1' '1' ",
			say: "has no search module: use Redis 8 or Redis Stack, or load redisearch.so",
		},
		{name: "unheard of", reply: "ERR something new", say: ": ERR something new"},
	}
}

func (d badDay) begin(t *testing.T, s *testServer) {
	t.Helper()
	if s.embedded != nil {
		s.embedded.SetError(d.reply)
		return
	}
	if d.cause == nil {
		t.Skip("commands cannot bring a real server into this state")
	}
	t.Cleanup(func() { d.over(t, s) })
	s.run(t, d.cause...)
}

func (d badDay) over(t *testing.T, s *testServer) {
	t.Helper()
	if s.embedded != nil {
		s.embedded.SetError("")
		return
	}
	s.run(t, d.end...)
}

// On a bad day nothing is given up: the error asks for another try, says what to do, and the try succeeds later.
func TestBadDays(t *testing.T) {
	for _, day := range badDays() {
		t.Run(day.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
				f := open(t, c)
				write(t, f, f.event(0, "before"))
				events := f.events(500)
				day.begin(t, s)
				for range 2 {
					err := f.WriteEvents(t.Context(), events)
					var reject *outputs.RejectError
					if err == nil || outputs.IsPermanent(err) || errors.As(err, &reject) {
						t.Fatalf("error %v does not ask for another try", err)
					}
					if where := fmt.Sprintf("redis %s:%d", s.host, s.port); !strings.HasPrefix(err.Error(), where) || !strings.Contains(err.Error(), day.say) {
						t.Errorf("error %q, want %q … %q", err, where, day.say)
					}
				}
				day.over(t, s)
				write(t, f, events...)
				if n := s.found(t, "*"); n != 501 {
					t.Errorf("%d documents", n)
				}
			})
		})
	}
}

func TestServerWithoutModules(t *testing.T) {
	s := redistest.Start(t)
	if err := s.Client().Do(t.Context(), "FT._LIST").Err(); err == nil {
		t.Skip("this redis-server has the module")
	}
	c := redissearch.Defaults()
	c.Host, c.Port = splitAddr(t, s.Addr())
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
	if err == nil || !strings.HasPrefix(err.Error(), "redis 127.0.0.1:1 is not there: start it, or correct its address") {
		t.Errorf("error %v", err)
	}
	if err := f.WriteEvents(t.Context(), f.events(1)); err == nil || err.Error() != "write to redis: not connected" {
		t.Errorf("error %v", err)
	}
}

// network is a proxy between the output and the server, in which things go wrong.
type network struct{ *toxiproxy.Proxy }

func newNetwork(t testing.TB, s *testServer) *network {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n := &network{toxiproxy.NewProxy(api, t.Name(), "127.0.0.1:0", net.JoinHostPort(s.host, strconv.Itoa(s.port)))}
	zerolog.SetGlobalLevel(zerolog.Disabled)
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

// through is a configuration that leads through the network.
func (n *network) through(t testing.TB, c redissearch.Config) redissearch.Config {
	t.Helper()
	c.Host, c.Port = splitAddr(t, n.Listen)
	return c
}

func (n *network) poison(t testing.TB, kind, stream string, attributes map[string]int) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"name": "toxic", "type": kind, "stream": stream, "attributes": attributes})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
		t.Fatal(err)
	}
}

func (n *network) heal(t *testing.T) {
	t.Helper()
	if err := n.Toxics.RemoveToxic(t.Context(), "toxic"); err != nil {
		t.Fatal(err)
	}
}

// The network swallows one direction, or cuts the connection in the middle of the replies: later everything is written
// again, and nothing is there twice.
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
				n := newNetwork(t, s)
				f := open(t, n.through(t, c))
				write(t, f, f.event(0, "before"))
				events := f.events(5000)
				n.poison(t, toxic.kind, toxic.stream, toxic.attributes)
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
				n.heal(t)
				retry(t, f, events...)
				if found, keys := s.found(t, "*"), s.DBSize(t.Context()).Val(); found != len(events)+1 || keys != int64(found) {
					t.Errorf("%d found, %d keys", found, keys)
				}
			})
		})
	}
}

var _ outputs.EventWriter = (*redissearch.Writer)(nil)

// A document and its end belong together, also while its slot moves from one node to another.
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
	if err := client.Del(t.Context(), key).Err(); err != nil { // a key that is nowhere is asked for at its new place
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
