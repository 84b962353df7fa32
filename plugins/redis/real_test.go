package redisinput

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// startInput builds the input for a server. The YAML in more is appended to its settings.
func startInput(t testing.TB, s *redistest.Server, more string) *plugintest.Probe {
	t.Helper()
	return plugintest.Start(t, Plugin, fmt.Sprintf("{host: %s, port: %s, connect_timeout: 1s%s}", s.Host, s.Port, more), testEnv())
}

// eachServer runs a test with every kind of server on this machine, or with the server that the environment names.
func eachServer(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv(redistest.Command) != "" {
		f(t)
		return
	}
	for _, command := range []string{"redis-server", "valkey-server", "keydb-server"} {
		t.Run(command, func(t *testing.T) {
			servicetest.RequireCommands(t, command, command)
			t.Setenv(redistest.Command, command)
			f(t)
		})
	}
}

func testEnv() plugins.Env { return plugintest.Env("redis", "") }

// Every plain field lies between the values that redis-cli reports before and after the gather.
func TestAgainstRedisCLI(t *testing.T) { eachServer(t, checkAgainstRedisCLI) }

func checkAgainstRedisCLI(t *testing.T) {
	s := redistest.Start(t)
	for range 100 {
		s.Do("SET", "a", "b", "EX", 1000)
	}
	_ = s.Client().Do(t.Context(), "LPUSH", "a", "x").Err() // WRONGTYPE
	p := startInput(t, s, "")
	p.Gather(0)
	before := cliNumbers(t, s)
	got := p.Gather(10)
	after := cliNumbers(t, s)
	compared := 0
	for name, low := range before {
		v, ok := got["redis_"+name+"_"+s.Addr()]
		high := after[name]
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		compared++
		if knownFields()[name].isCounter && (v < low || v > high) {
			t.Errorf("%s is %v, redis-cli reports %v to %v", name, v, low, high)
		}
		if low == high && v != low && !isVolatile(name) {
			t.Errorf("%s is %v, redis-cli reports %v", name, v, low)
		}
	}
	if compared < 100 {
		t.Errorf("only %d fields were compared", compared)
	}
	for key, want := range map[string]float64{
		"redis_cmdstat_calls_" + s.Addr() + "_set": 100, "redis_errorstat_count_" + s.Addr() + "_WRONGTYPE": 1, "redis_keyspace_keys_" + s.Addr() + "_db0": 1,
		"redis_keyspace_expires_" + s.Addr() + "_db0": 1, "redis_cmdstat_failed_calls_" + s.Addr() + "_lpush": 1, "redis_total_commands_processed_rate_" + s.Addr(): 0.4,
	} {
		if math.Abs(got[key]-want) > 1e-9 && !strings.Contains(key, "rate") || got[key] == 0 {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}

// isVolatile reports whether a field differs from client to client or from moment to moment.
func isVolatile(name string) bool {
	return slices.ContainsFunc([]string{"connected_clients", "used_memory", "mem_", "allocator", "instantaneous", "client_recent", "rss_overhead"}, func(part string) bool {
		return strings.HasPrefix(name, part)
	})
}

// cliNumbers returns the plain numbers of redis-cli INFO.
func cliNumbers(t *testing.T, s *redistest.Server) map[string]float64 {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "redis-cli", "-h", s.Host, "-p", s.Port, "INFO", "everything").Output()
	if err != nil {
		t.Skipf("redis-cli is missing: install Debian's redis-tools: %v", err)
	}
	numbers := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if v, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64); err == nil && !knownFields()[name].isIgnored {
			numbers[name] = v
		}
	}
	return numbers
}

// The error names a missing right, and the rest is gathered.
func TestMissingRights(t *testing.T) { eachServer(t, checkMissingRights) }

func checkMissingRights(t *testing.T) {
	s := redistest.Start(t)
	s.Do("ACL", "SETUSER", "monitor", "on", ">secret-word", "+ping", "+hello", "+auth", "+select", "+client|setname")
	p := startInput(t, s, ", username: monitor, password: secret-word, latency_histogram: true")
	at := "_" + s.Addr()
	expectError := func(second float64, want string, up float64) map[string]float64 {
		t.Helper()
		b, err := p.Batch(second)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) || err != nil && strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%v, want %q", err, want)
		}
		got := plugintest.ByKey(b)
		if v, ok := got["redis_up"+at]; !ok || v != up {
			t.Errorf("up is %v (%v), want %v", v, ok, up)
		}
		return got
	}
	expectError(0, "refuses this to the user: grant it with ACL SETUSER monitor +info", 0)
	s.Do("ACL", "SETUSER", "monitor", "+info")
	if got := expectError(1, "ACL SETUSER monitor +slowlog|len", 1); len(got) < 100 {
		t.Errorf("without that right there are only %d samples", len(got))
	}
	s.Do("ACL", "SETUSER", "monitor", "+slowlog|len")
	expectError(2, "ACL SETUSER monitor +latency|histogram", 1)
	s.Do("ACL", "SETUSER", "monitor", "+latency|histogram")
	expectError(3, "", 1)
	if _, err := startInput(t, s, ", username: monitor, password: nonsense").Batch(0); err == nil || !strings.Contains(err.Error(), "refuses the username or the password") {
		t.Errorf("%v", err)
	}
}

func TestTLS(t *testing.T) { eachServer(t, checkTLS) }

func checkTLS(t *testing.T) {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	s := redistest.Start(t, "--port", "0", "--tls-port", "$PORT", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", a.File, "--tls-auth-clients", "no")
	if got := startInput(t, s, ", tls: {ca: "+a.File+"}").Gather(0); got["redis_up_"+s.Addr()] != 1 || len(got) < 100 {
		t.Errorf("%d samples", len(got))
	}
	if got := startInput(t, s, ", ssl: true, ssl_ca_certs: "+a.File).Gather(0); got["redis_up_"+s.Addr()] != 1 {
		t.Error("the names of the Python rtcollector")
	}
	if b, err := startInput(t, s, "").Batch(0); err == nil || !strings.Contains(err.Error(), "tls") || plugintest.ByKey(b)["redis_up_"+s.Addr()] != 0 {
		t.Errorf("without TLS: %v", err)
	}
}

func TestSocket(t *testing.T) { eachServer(t, checkSocket) }

func checkSocket(t *testing.T) {
	s := redistest.Start(t, "--unixsocket", "$DIR/s")
	p := plugintest.Start(t, Plugin, "{url: 'unix://"+s.Dir+"/s'}", testEnv())
	if _, ok := p.Gather(0)["redis_used_memory_"+strings.Trim(strings.ReplaceAll(s.Dir+"/s", "/", "_"), "_")]; !ok {
		t.Errorf("%v", p.Gather(1))
	}
}

func TestReplica(t *testing.T) { eachServer(t, checkReplica) }

func checkReplica(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.Start(t, "--replicaof", master.Host+" "+master.Port)
	of, its := startInput(t, master, ""), startInput(t, replica, "")
	servicetest.Until(t, "the replica follows", func(context.Context) error {
		got := its.Gather(0)
		if got["redis_master_link_status_"+replica.Addr()] != 1 {
			return errors.New("link down")
		}
		if b := of.Gather(0); b["redis_replica_online_"+master.Addr()+"_"+replica.Addr()] != 1 {
			return errors.New("not online")
		}
		return nil
	})
	master.Do("SET", "a", strings.Repeat("x", 10_000))
	got := of.Gather(10)
	key := "_" + master.Addr() + "_" + replica.Addr()
	if lag, ok := got["redis_replica_lag_bytes"+key]; !ok || lag < 0 || lag > 20_000 || got["redis_connected_slaves_"+master.Addr()] != 1 || got["redis_is_master_"+master.Addr()] != 1 {
		t.Errorf("the master: %v", got)
	}
	if got := its.Gather(10); got["redis_is_master_"+replica.Addr()] != 0 || got["redis_slave_read_only_"+replica.Addr()] != 1 {
		t.Errorf("the replica: %v", got)
	}
}

// All masters and replicas are polled, each under its own name. A node that is killed does not affect the others.
func TestCluster(t *testing.T) { eachServer(t, checkCluster) }

func checkCluster(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	allow := func(s *redistest.Server) {
		s.Do("ACL", "SETUSER", "monitor", "on", ">secret", "+ping", "+hello", "+auth", "+select", "+client|setname", "+info", "+slowlog|len", "+cluster|info", "+cluster|slots")
	}
	replica := addReplica(t, nodes)
	for _, s := range append(slices.Clone(nodes), replica) {
		allow(s)
	}
	p := plugintest.Start(t, Plugin, "{cluster: ['"+nodes[0].Addr()+"'], username: monitor, password: secret}", testEnv())
	got := p.Gather(0)
	if master, ok := got["redis_is_master_"+replica.Addr()]; !ok || master != 0 {
		t.Error("the replica is missing")
	}
	for _, s := range nodes {
		if got["redis_up_"+s.Addr()] != 1 || got["redis_cluster_state_"+s.Addr()] != 1 || got["redis_cluster_size_"+s.Addr()] != 3 || got["redis_used_memory_"+s.Addr()] == 0 {
			t.Errorf("%s is missing", s.Addr())
		}
	}
	nodes[2].Kill()
	b, err := p.Batch(1)
	got = plugintest.ByKey(b)
	if err == nil || !strings.Contains(err.Error(), nodes[2].Addr()) || strings.Contains(err.Error(), nodes[1].Addr()) {
		t.Errorf("one is down: %v", err)
	}
	for i, s := range nodes {
		if up, ok := got["redis_up_"+s.Addr()]; !ok || (up == 1) != (i < 2) {
			t.Errorf("%s is up: %v (%v)", s.Addr(), up, ok)
		}
	}
	nodes[2].Run() // without its users
	if _, err := p.Batch(2); err == nil || !strings.Contains(err.Error(), nodes[2].Addr()+" refuses the username or the password") {
		t.Errorf("without its users: %v", err)
	}
	if in, ok := p.Input.Gatherer.(*input); !ok || in.query.section != "everything" {
		t.Error("a silent server is mistaken for an old one")
	}
	allow(nodes[2])
	servicetest.Until(t, "it is back", func(context.Context) error {
		b, err := p.Batch(3)
		if err == nil && plugintest.ByKey(b)["redis_up_"+nodes[2].Addr()] != 1 {
			err = errors.New("down")
		}
		return err
	})
	checkAllDown(t, p, append(nodes, replica))
}

// checkAllDown kills all servers. Each is still reported as down, and the connection is closed so that it is opened again.
func checkAllDown(t *testing.T, p *plugintest.Probe, servers []*redistest.Server) {
	t.Helper()
	for _, s := range servers {
		s.Kill()
	}
	b, err := p.Batch(4)
	if in, ok := p.Input.Gatherer.(*input); err == nil || !ok || in.client != nil {
		t.Errorf("all are down, and the connection was not closed: %v", err)
	}
	for key, v := range plugintest.ByKey(b) {
		if !strings.HasPrefix(key, "redis_up_") || v != 0 {
			t.Errorf("all are down: %s is %v", key, v)
		}
	}
	if b.Len() != len(servers) {
		t.Errorf("all are down: %d samples", b.Len())
	}
}

// addReplica adds a replica to the first master of a cluster, and waits until all nodes know it.
func addReplica(t *testing.T, nodes []*redistest.Server) *redistest.Server {
	t.Helper()
	of := nodes[0]
	s := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", servicetest.FreePort(t))
	for _, node := range nodes {
		ports, _ := node.Client().ConfigGet(t.Context(), "cluster-port").Result()
		s.Do("CLUSTER", "MEET", node.Host, node.Port, ports["cluster-port"])
	}
	id := of.Do("CLUSTER", "MYID")
	c := s.Client()
	servicetest.Until(t, "the replica knows its master", func(ctx context.Context) error {
		return c.Do(ctx, "CLUSTER", "REPLICATE", id).Err()
	})
	for _, node := range nodes {
		c := node.Client()
		servicetest.Until(t, "all know the replica", func(ctx context.Context) error {
			slots, err := c.Do(ctx, "CLUSTER", "SLOTS").Result()
			if err == nil && !strings.Contains(fmt.Sprint(slots), s.Port) {
				err = errors.New("not yet")
			}
			return err
		})
	}
	return s
}

func TestSentinel(t *testing.T) { eachServer(t, checkSentinel) }

func checkSentinel(t *testing.T) {
	w := redistest.Sentinel(t, "")
	p := plugintest.Start(t, Plugin, "{sentinel: {master: mymaster, addresses: ['"+strings.Join(w.Addresses(), "', '")+"']}}", testEnv())
	if got := p.Gather(0); got["redis_up_mymaster"] != 1 || got["redis_replica_online_mymaster_"+w.Replica.Addr()] != 1 {
		t.Errorf("%v", got)
	}
}

func TestRestart(t *testing.T) { eachServer(t, checkRestart) }

func checkRestart(t *testing.T) {
	s := redistest.Start(t)
	p := startInput(t, s, "")
	for range 50 {
		s.Do("SET", "a", "b")
	}
	p.Gather(0)
	s.Do("FLUSHALL")
	if _, ok := p.Gather(1)["redis_keyspace_keys_"+s.Addr()+"_db0"]; ok {
		t.Error("an emptied database has keys")
	}
	s.Kill()
	for second := range 3 {
		b, err := p.Batch(float64(2 + second))
		if up, ok := plugintest.ByKey(b)["redis_up_"+s.Addr()]; err == nil || !ok || up != 0 || b.Len() != 1 {
			t.Errorf("killed: %v, %v", err, plugintest.ByKey(b))
		}
	}
	s.Run()
	b, err := p.Batch(10)
	got := plugintest.ByKey(b)
	if err != nil || got["redis_up_"+s.Addr()] != 1 {
		t.Errorf("started again: %v", err)
	}
	for key, v := range got {
		if strings.Contains(key, "_rate") && v < 0 || strings.HasPrefix(key, "redis_total_net_input_bytes_rate") {
			t.Errorf("%s is %v although the server restarted its counters", key, v)
		}
	}
}

// A server that stops responding delays a gather by its timeout, not longer.
func TestFrozen(t *testing.T) { eachServer(t, checkFrozen) }

func checkFrozen(t *testing.T) {
	s := redistest.Start(t)
	p := startInput(t, s, ", timeout: 200ms")
	p.Gather(0)
	s.Freeze()
	b, err := p.Batch(1)
	if err == nil || !strings.Contains(err.Error(), "did not answer in time") || b.Len() != 1 {
		t.Errorf("%v", err)
	}
	s.Thaw()
	if got := p.Gather(2); got["redis_up_"+s.Addr()] != 1 {
		t.Error("the server is no longer polled")
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.Freeze()
	defer s.Thaw()
	go cancel()
	if err := p.Input.Gatherer.Gather(ctx, &telemetry.Batch{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
