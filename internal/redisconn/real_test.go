package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

func open(t *testing.T, c redisconn.Config) (*redisconn.Client, error) {
	t.Helper()
	client, err := redisconn.Open(t.Context(), c, nil)
	if err == nil {
		t.Cleanup(func() { _ = client.Close() })
	}
	return client, err
}

// sets are commands "SET <key> <n>" for the keys, and a note of every reply.
func sets(keys []string, n int) redisconn.Commands {
	return redisconn.Commands{
		Len:  len(keys),
		Slot: func(i int) int { return redisconn.Slot(keys[i]) },
		Append: func(buf []byte, i int) []byte {
			v := strconv.Itoa(n)
			return fmt.Appendf(buf, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(keys[i]), keys[i], len(v), v)
		},
		Reply: func(_ int, from *redisconn.Reader) error {
			refusal, err := from.Item()
			if err == nil && refusal != nil {
				return redisconn.ServerError(refusal)
			}
			return err
		},
	}
}

// openShards connects and returns the pipes as well, which are closed after the test.
func openShards(t *testing.T, c redisconn.Config) (*redisconn.Client, *redisconn.Shards) {
	t.Helper()
	client, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	shards := client.NewShards()
	t.Cleanup(shards.Close)
	return client, shards
}

func check(t *testing.T, c *redisconn.Client, keys []string, n int) {
	t.Helper()
	for _, k := range keys {
		if got, err := c.Get(t.Context(), k).Int(); err != nil || got != n {
			t.Fatalf("%s is %d (%v), want %d", k, got, err, n)
		}
	}
}

func numbered(prefix string, n int) []string {
	var keys []string
	for i := range n {
		keys = append(keys, prefix+strconv.Itoa(i))
	}
	return keys
}

func TestRealTLS(t *testing.T) {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	s := redistest.Start(t, "--port", "0", "--tls-port", "$PORT", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", a.File)
	c := redisconn.Defaults()
	c.Host = s.Host
	c.Port, _ = strconv.Atoi(s.Port)
	c.TLS = &tlsx.Config{CA: a.File}
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "client certificate") {
		t.Errorf("without a client certificate: %v", err)
	}
	c.TLS.Cert, c.TLS.Key = a.Issue(t, tlstest.Cert{})
	client, shards := openShards(t, c)
	if err := shards.Do(t.Context(), sets(numbered("k", 1000), 1)); err != nil {
		t.Error(err)
	}
	check(t, client, numbered("k", 1000), 1)
	c.TLS.ServerName = "redis.lan"
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "has a certificate for another name") || !strings.Contains(err.Error(), "tls.server_name") {
		t.Errorf("with another name: %v", err)
	}
	c.TLS = nil
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("without TLS: %v", err)
	}
	c = at(redistest.Start(t))
	c.SSL = true
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("TLS to a server without: %v", err)
	}
}

// A certificate that was renewed on disk, on both sides, is used from the next connection on.
func TestRealRenewedCertificates(t *testing.T) {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	s := redistest.Start(t, "--port", "0", "--tls-port", "$PORT", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", a.File)
	c := at(s)
	ours, oursKey := a.Issue(t, tlstest.Cert{Expired: true})
	c.TLS = &tlsx.Config{CA: a.File, Cert: ours, Key: oursKey}
	if _, err := open(t, c); err == nil {
		t.Fatal("the server takes an expired certificate")
	}
	a.IssueTo(t, tlstest.Cert{}, ours, oursKey)
	client, shards := openShards(t, c)
	a.IssueTo(t, tlstest.Cert{Expired: true}, cert, key)
	s.Kill()
	s.Run()
	err := client.Explain(t.Context(), shards.Do(t.Context(), sets([]string{"k"}, 1)))
	if err == nil || !strings.Contains(err.Error(), "has a certificate that is not valid now") {
		t.Errorf("the server's has expired: %v", err)
	}
	a.IssueTo(t, tlstest.Cert{}, cert, key)
	s.Kill()
	s.Run()
	if err := shards.Do(t.Context(), sets([]string{"k"}, 1)); err != nil {
		t.Error(err)
	}
}

// Something else than the configuration says listens at the address.
func TestRealMistakes(t *testing.T) {
	c := redisconn.Defaults()
	c.Cluster = []string{redistest.Start(t).Addr()}
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "is not a cluster: configure it with host and port") {
		t.Errorf("a single server as a cluster: %v", err)
	}
	c = redisconn.Defaults()
	c.Sentinel = &redisconn.Sentinel{Master: "mymaster", Addresses: []string{redistest.Start(t).Addr()}}
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "is not a Sentinel: correct sentinel.addresses") {
		t.Errorf("a server as a Sentinel: %v", err)
	}
	c = redisconn.Defaults()
	c.URL = secret.Literal("unix:///nowhere/redis.sock")
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "redis /nowhere/redis.sock cannot be reached: start it, or correct its address") {
		t.Errorf("no socket: %v", err)
	}
}

func TestRealUserAndDatabase(t *testing.T) {
	s := redistest.Start(t)
	s.Do("ACL", "SETUSER", "agent", "on", ">pass/word#1", "~k*", "+set", "+get", "+ping", "+select", "+client|setname", "+hello")
	c := redisconn.Defaults()
	c.URL = secret.Literal("redis://agent:pass%2Fword%231@" + s.Addr() + "/3")
	client, shards := openShards(t, c)
	if err := shards.Do(t.Context(), sets([]string{"k1"}, 1)); err != nil {
		t.Error(err)
	}
	err := client.Explain(t.Context(), shards.Do(t.Context(), sets([]string{"other"}, 1)))
	if err == nil || !strings.Contains(err.Error(), "refuses this to the user: grant it with ACL SETUSER ") {
		t.Errorf("a key without rights: %v", err)
	}
	if got := s.Do("INFO", "keyspace"); !strings.Contains(fmt.Sprint(got), "db3:keys=1") {
		t.Error(got)
	}
	c.URL = secret.Literal("redis://agent:wrong@" + s.Addr())
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "refuses the username or the password") || strings.Contains(err.Error(), ":wrong@") {
		t.Error(err)
	}
	c.URL = secret.Literal("redis://agent:pass%2Fword%231@" + s.Addr() + "/99")
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "has no such database: correct db") {
		t.Error(err)
	}
}

func TestRealCluster(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	c := redisconn.Defaults()
	c.Cluster = []string{nodes[0].Addr()}
	client, shards := openShards(t, c)
	keys := append(numbered("k", 3000), numbered("{tag}", 50)...)
	if err := shards.Do(t.Context(), sets(keys, 1)); err != nil {
		t.Fatal(err)
	}
	check(t, client, keys, 1)

	// A slot moves: in the middle of it some of its keys are here and some are there.
	slot := redisconn.Slot("{tag}")
	from, to := owner(nodes, slot), owner(nodes, (slot+redisconn.Slots/3)%redisconn.Slots)
	former := ownerOf(t, shards, slot)
	redistest.MoveSlot(t, slot, from, to, func(gone []string) {
		if len(gone) == 0 {
			t.Error("no key has moved yet")
		}
		if err := shards.Do(t.Context(), sets(keys, 2)); err != nil {
			t.Error(err)
		}
	})
	if err := shards.Do(t.Context(), sets(keys, 3)); err != nil {
		t.Error(err)
	}
	check(t, client, keys, 3)
	if ownerOf(t, shards, slot) == former {
		t.Error("where the slot was is still taken for its place")
	}

	// A node dies: what it held is down, and says so.
	nodes[2].Kill()
	servicetest.Until(t, "the loss of a node is noticed", func(ctx context.Context) error {
		err := client.Explain(ctx, shards.Do(ctx, sets(keys, 4)))
		shards.Close()
		if err == nil || !strings.Contains(err.Error(), "cluster") {
			return fmt.Errorf("error %w", errors.Join(err, errors.New("is not it")))
		}
		return nil
	})
	nodes[2].Run()
	servicetest.Until(t, "the cluster works again", func(ctx context.Context) error {
		defer shards.Close()
		return shards.Do(ctx, sets(keys, 5))
	})
	check(t, client, keys, 5)
}

// A slot that no node serves is an error. When a node serves it again, that is noticed without a new connection.
func TestRealSlotNotServed(t *testing.T) {
	nodes := redistest.Cluster(t, 3, "--cluster-require-full-coverage", "no")
	c := redisconn.Defaults()
	c.Cluster = []string{nodes[0].Addr()}
	client, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	slot := redisconn.Slot("k")
	for _, n := range nodes {
		n.Do("CLUSTER", "DELSLOTS", slot)
	}
	shards := client.NewShards()
	defer shards.Close()
	err = client.Explain(t.Context(), shards.Do(t.Context(), sets([]string{"k"}, 1)))
	if err == nil || !strings.Contains(err.Error(), "belongs to a cluster that is down") {
		t.Errorf("error %v", err)
	}
	owner(nodes, slot).Do("CLUSTER", "ADDSLOTS", slot)
	servicetest.Until(t, "the slot is served", func(ctx context.Context) error { return shards.Do(ctx, sets([]string{"k"}, 2)) })
}

// ownerOf is the pipe to where a slot is taken to be.
func ownerOf(t *testing.T, s *redisconn.Shards, slot int) *redisconn.Pipe {
	t.Helper()
	shard, err := s.Of(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	return s.Pipe(shard)
}

func owner(nodes []*redistest.Server, slot int) *redistest.Server {
	for i, n := range nodes {
		if slot < (i+1)*redisconn.Slots/len(nodes) {
			return n
		}
	}
	return nil
}

func TestRealSentinel(t *testing.T) {
	w := redistest.Sentinel(t, "geheim")
	c := redisconn.Defaults()
	c.Sentinel = &redisconn.Sentinel{Master: "nobody", Addresses: w.Addresses()}
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "requires a password: set sentinel.username and sentinel.password") {
		t.Errorf("error %v", err)
	}
	c.Sentinel.Password = secret.Literal("geheim")
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), `does not know the master "nobody": correct sentinel.master`) {
		t.Errorf("error %v", err)
	}
	c.Sentinel.Master = "mymaster"
	c.Sentinel.Addresses[0] = "127.0.0.1:1" // one that is down
	c.DB = 5                                // which Sentinels have not
	client, shards := openShards(t, c)
	if err := shards.Do(t.Context(), sets(numbered("k", 100), 1)); err != nil {
		t.Fatal(err)
	}
	w.Master.Kill()
	keys := numbered("k", 100)
	failed := 0
	servicetest.Until(t, "the replica takes over", func(ctx context.Context) error {
		err := shards.Do(ctx, sets(keys, 2))
		if err != nil {
			failed++
			shards.Close()
		}
		return err
	})
	if failed == 0 {
		t.Error("the dead master still answered")
	}
	check(t, client, keys, 2)
	if got := fmt.Sprint(w.Replica.Do("INFO", "keyspace")); !strings.Contains(got, "db5:keys=100") {
		t.Errorf("the former replica has %s", got)
	}
}

// What CLIENT LIST shows: also of the pipes, and in a cluster.
func TestRealClientName(t *testing.T) {
	s, nodes := redistest.Start(t), redistest.Cluster(t, 1)
	single, cluster := at(s), redisconn.Defaults()
	cluster.Cluster = []string{nodes[0].Addr()}
	for server, c := range map[*redistest.Server]redisconn.Config{s: single, nodes[0]: cluster} {
		c.ClientName = "edge-17"
		_, shards := openShards(t, c)
		if err := shards.Do(t.Context(), sets([]string{"k"}, 1)); err != nil {
			t.Error(err)
		}
		list := fmt.Sprint(server.Do("CLIENT", "LIST"))
		if strings.Count(list, "name=edge-17 ") < 2 {
			t.Error(list)
		}
	}
}

// A frozen server is given up after the configured time.
func TestRealFrozenServer(t *testing.T) {
	s := redistest.Start(t)
	c := at(s)
	c.Timeout /= 10
	client, shards := openShards(t, c)
	s.Freeze()
	err := client.Explain(t.Context(), shards.Do(t.Context(), sets([]string{"k"}, 1)))
	if err == nil || !strings.Contains(err.Error(), "did not answer in time") {
		t.Errorf("error %v", err)
	}
	s.Thaw()
	servicetest.Until(t, "it answers again", func(ctx context.Context) error { return shards.Do(ctx, sets([]string{"k"}, 1)) })
}

// TLS is spoken to Sentinels as to the master.
func TestRealSentinelTLS(t *testing.T) {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	tls := []string{"--port", "0", "--tls-port", "$PORT", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", a.File, "--tls-auth-clients", "no"}
	master := redistest.Start(t, tls...)
	watcher := redistest.StartSentinel(t, "sentinel monitor mymaster "+master.Host+" "+master.Port+" 1\n", tls...)
	c := redisconn.Defaults()
	c.Sentinel = &redisconn.Sentinel{Master: "mymaster", Addresses: []string{watcher.Addr()}}
	c.TLS = &tlsx.Config{CA: a.File}
	if _, err := open(t, c); err != nil {
		t.Error(err)
	}
	c.TLS = nil
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "TLS") || !strings.Contains(err.Error(), "sentinel "+watcher.Addr()) {
		t.Errorf("without TLS: %v", err)
	}
}

// A client whose address has changed finds out on one of its connections, after the timeout. It does not have to find out on each of them.
func TestResetLeavesNoDeadConnection(t *testing.T) {
	authority := tlstest.New(t)
	cert, key := authority.Issue(t, tlstest.Cert{})
	for name, s := range map[string]*redistest.Server{
		"plain": redistest.Start(t),
		"TLS": redistest.Start(t, "--port", "0", "--tls-port", "$PORT", "--tls-cert-file", cert, "--tls-key-file", key,
			"--tls-ca-cert-file", authority.File, "--tls-auth-clients", "no"),
	} {
		t.Run(name, func(t *testing.T) {
			proxy := servicetest.NewCutter(t, s.Addr())
			c := redisconn.Defaults()
			c.Host, c.Port = servicetest.HostPort(t, proxy.Addr)
			if name == "TLS" {
				c.TLS = &tlsx.Config{CA: authority.File}
			}
			c.Timeout = conf.Duration(100 * time.Millisecond) // the shortest one: it passes once
			client, shards := openShards(t, c)
			if err := shards.Do(t.Context(), sets([]string{"k"}, 1)); err != nil {
				t.Fatal(err)
			}
			proxy.Strand()
			if err := shards.Do(t.Context(), sets([]string{"k"}, 2)); err == nil {
				t.Fatal("a reply came on a connection that was lost")
			}
			shards.Reset()
			check(t, client, []string{"k"}, 2)
			if err := shards.Do(t.Context(), sets([]string{"k"}, 3)); err != nil {
				t.Error(err)
			}
		})
	}
}
