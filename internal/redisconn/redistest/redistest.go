// Package redistest starts real Redis servers for tests: single ones, clusters, and masters watched by Sentinels. It also has bad
// networks to put in front of them.
package redistest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// Command is the environment variable with the command of the server to start: a Redis 8, or another one with "--loadmodule". The
// default is redis-server.
const Command = "RTC_TEST_REDIS_SERVER"

// Server is one process.
type Server struct {
	*servicetest.Daemon
	Host string

	t testing.TB
}

// Start starts a server on loopback and waits until it listens. The server stops at the end of the test. The test is skipped if there
// is no redis-server on this machine.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t, command()...)
	s.start(args...)
	return s
}

// StartPlain starts redis-server, regardless of [Command], on a port of loopback; "" is any free port. The test is skipped if the server
// has modules, as Redis 8 does.
func StartPlain(t testing.TB, port string) *Server {
	t.Helper()
	s := newServer(t, "redis-server")
	s.Port = cmp.Or(port, s.Port)
	s.start()
	if modules, ok := s.Do("MODULE", "LIST").([]any); !ok || len(modules) > 0 {
		t.Skip("this redis-server has modules")
	}
	return s
}

func (s *Server) start(args ...string) {
	s.t.Helper()
	s.Args = append(s.Args, "--dir", "$DIR", "--bind", s.Host, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
	s.run(args)
}

func command() []string { return strings.Fields(cmp.Or(os.Getenv(Command), "redis-server")) }

func newServer(t testing.TB, command ...string) *Server {
	t.Helper()
	servicetest.RequireCommands(t, "redis-server", command[0])
	s := &Server{Daemon: servicetest.New(t), Host: "127.0.0.1", t: t}
	s.Args = append(s.Args, command...)
	return s
}

// run starts the server with more arguments. Unless they contain $PORT, it adds arguments to listen there.
func (s *Server) run(args []string) {
	s.t.Helper()
	s.Args = append(s.Args, args...)
	if !strings.Contains(strings.Join(args, " "), "$PORT") {
		s.Args = append(s.Args, "--port", "$PORT")
	}
	s.Run()
}

// Client returns a client of the server. It is closed at the end of the test.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Do runs a command.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	v, err := s.Client().Do(s.t.Context(), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		s.t.Fatalf("%v: %v", args, err)
	}
	return v
}

// Until waits until f returns no error.
func Until(t testing.TB, what string, f func(context.Context) error) {
	t.Helper()
	servicetest.Until(t, what, f)
}

// Cluster starts a cluster of masters without replicas that share the slots evenly.
func Cluster(t testing.TB, n int, args ...string) []*Server {
	t.Helper()
	var nodes []*Server
	for range n {
		bus := servicetest.FreePort(t)
		nodes = append(nodes, Start(t, append([]string{"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000"}, args...)...))
	}
	const slots = 16384
	for i, s := range nodes {
		s.Do("CLUSTER", "ADDSLOTSRANGE", i*slots/n, (i+1)*slots/n-1)
		bus, _ := s.Client().ConfigGet(t.Context(), "cluster-port").Result()
		for _, other := range nodes {
			other.Do("CLUSTER", "MEET", s.Host, s.Port, bus["cluster-port"])
		}
	}
	for _, s := range nodes {
		c := s.Client()
		Until(t, "the cluster is up", func(ctx context.Context) error {
			info, err := c.ClusterInfo(ctx).Result()
			if err == nil && (!strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_size:%d", n))) {
				err = errors.New(info)
			}
			return err
		})
	}
	return nodes
}

// MoveSlot moves a slot with few keys from one node of a cluster to another. It calls during in the middle, when half of the keys have
// moved.
func MoveSlot(t testing.TB, slot int, from, to *Server, during func(keys []string)) {
	t.Helper()
	fromID, toID := from.Do("CLUSTER", "MYID"), to.Do("CLUSTER", "MYID")
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	keys, err := from.Client().ClusterGetKeysInSlot(t.Context(), slot, 1_000_000).Result()
	if err != nil {
		t.Fatal(err)
	}
	half := len(keys) / 2
	for i, key := range keys {
		if i == half && during != nil {
			during(keys[:half])
		}
		from.Do("MIGRATE", to.Host, to.Port, key, 0, 5000)
	}
	if len(keys) == 0 && during != nil {
		during(nil)
	}
	to.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	from.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
}

// Watched holds a master, its replica, and the Sentinels that watch them under the name "mymaster".
type Watched struct {
	Master, Replica *Server
	Sentinels       []*Server
}

// Addresses returns the addresses of the Sentinels.
func (w *Watched) Addresses() []string {
	var out []string
	for _, s := range w.Sentinels {
		out = append(out, s.Addr())
	}
	return out
}

// Sentinel starts a master, a replica and three Sentinels. The Sentinels consider a master dead after a second. If password is not empty,
// they require it from their clients and from each other.
func Sentinel(t testing.TB, password string) *Watched {
	t.Helper()
	w := &Watched{Master: Start(t)}
	w.Replica = Start(t, "--replicaof", w.Master.Host+" "+w.Master.Port)
	text := fmt.Sprintf("sentinel monitor mymaster %s %s 2\nsentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n",
		w.Master.Host, w.Master.Port)
	if password != "" {
		text += "requirepass " + password + "\nsentinel sentinel-pass " + password + "\n"
	}
	for range 3 {
		w.Sentinels = append(w.Sentinels, StartSentinel(t, text))
	}
	for _, s := range w.Sentinels {
		c := redis.NewSentinelClient(&redis.Options{Addr: s.Addr(), Password: password, Protocol: 2, DisableIdentity: true})
		t.Cleanup(func() { _ = c.Close() })
		Until(t, "the Sentinels know each other and the replica", func(ctx context.Context) error {
			m, err := c.Master(ctx, "mymaster").Result()
			if err == nil && (m["num-slaves"] != "1" || m["num-other-sentinels"] != "2") {
				err = fmt.Errorf("%s replicas, %s other Sentinels", m["num-slaves"], m["num-other-sentinels"])
			}
			return err
		})
	}
	return w
}

// StartSentinel starts a Sentinel with this configuration.
func StartSentinel(t testing.TB, config string, args ...string) *Server {
	t.Helper()
	s := newServer(t, command()[0])
	s.Args = append(s.Args, s.WriteFile("sentinel.conf", config), "--sentinel", "--bind", s.Host)
	s.run(args)
	return s
}
