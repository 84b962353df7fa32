package redisinput

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// allocsPerGather bounds the allocations of a gather: go-redis makes 28 for a round trip, the rest are made by the server
// of the test, which is in this process.
const allocsPerGather = 60

func TestConformance(t *testing.T) {
	var cases []plugintest.Case
	for _, file := range []string{"redis-8.2-master", "redis-7.4-replica", "redis-2.8", "valkey-8.0", "keydb-6.3"} {
		f := startFake(t, file+".txt")
		cases = append(cases, plugintest.Case{Name: file, Config: f.inputConfig(), Allocs: allocsPerGather})
	}
	f := startFake(t, "redis-8.2-master.txt")
	ours := embeddedRedis(t)
	cases = append(cases,
		plugintest.Case{Name: "embedded", Config: ours, Allocs: 2 * allocsPerGather},
		plugintest.Case{Name: "histogram", Config: fmt.Sprintf("{url: 'redis://127.0.0.1:%d', latency_histogram: true, slowlog: false}", f.Addr().Port), Allocs: 2 * allocsPerGather},
		plugintest.Case{Name: "away", Config: "{host: 127.0.0.1, port: 1}", Error: "redis 127.0.0.1:1 cannot be reached: start it, or correct its address"},
	)
	plugintest.Run(t, Plugin, cases...)
}

// embeddedRedis returns the configuration for the Redis with TimeSeries, JSON and Search that is part of this project.
func embeddedRedis(t *testing.T) string {
	t.Helper()
	s, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return "{host: 127.0.0.1, latency_histogram: true, port: " + servicetest.PortOf(s.Addr()) + "}"
}

// The README lists exactly the known fields. The glob in its table would hide a missing one.
func TestFieldsAreDocumented(t *testing.T) {
	known := knownFields()
	documented := map[string]bool{}
	for _, m := range metricdoc.Parse(readme) {
		for _, name := range m.Names {
			documented[name] = m.Source != "INFO"
			if meant, ok := known[strings.TrimPrefix(name, metricPrefix)]; m.Source == "INFO" && (!ok || meant.isIgnored || meant.unit != m.Unit || meant.isCounter != m.HasRate) {
				t.Errorf("%s is in the README, but is %+v", name, meant)
			}
		}
	}
	for name, m := range known {
		if special, ok := documented[metricPrefix+name]; !m.isIgnored && (!ok || special) {
			t.Errorf("the README does not have %s", name)
		}
	}
}

func TestGather(t *testing.T) {
	f := startFake(t, "redis-8.2-master.txt")
	p := plugintest.Start(t, Plugin, f.inputConfig(), plugintest.Env("redis", ""))
	at := fmt.Sprintf("_127.0.0.1:%d", f.Addr().Port)
	p.Gather(0)
	f.info = strings.NewReplacer("cmdstat_get:calls=1000,usec=2000", "cmdstat_get:calls=1100,usec=2500", "total_commands_processed:30000", "total_commands_processed:30100",
		"errorstat_ERR:count=40", "errorstat_ERR:count=50", "offset=4214", "offset=4224").Replace(f.info)
	got := p.Gather(10)
	plugintest.Expect(t, got, map[string]float64{
		"redis_up" + at: 1, "redis_info" + at: 1, "redis_is_master" + at: 1, "redis_slowlog_length" + at: 7,
		"redis_used_memory" + at: 1990912, "redis_used_memory_peak_perc" + at: 66.57, "redis_mem_fragmentation_bytes" + at: -6204,
		"redis_rdb_last_bgsave_status" + at: 0, "redis_aof_last_write_status" + at: 1, "redis_rdb_current_bgsave_time_sec" + at: -1,
		"redis_total_commands_processed" + at: 30100, "redis_total_commands_processed_rate" + at: 10, "redis_used_cpu_user" + at: 93.003849,
		"redis_cmdstat_calls" + at + "_get": 1100, "redis_cmdstat_calls_rate" + at + "_get": 10, "redis_cmdstat_usec_rate" + at + "_get": 50,
		"redis_cmdstat_calls" + at + "_config|set": 1, "redis_cmdstat_failed_calls" + at + "_get": 2, "redis_cmdstat_rejected_calls" + at + "_get": 1,
		"redis_errorstat_count_rate" + at + "_ERR": 1, "redis_latency_percentiles_usec" + at + "_get_p99.9": 12.031,
		"redis_replica_online" + at + "_10.0.0.2:6379": 1, "redis_replica_online" + at + "_fd00::3:6379": 0, "redis_replica_lag" + at + "_10.0.0.2:6379": 1,
		"redis_replica_lag_bytes" + at + "_10.0.0.2:6379": 4, "redis_replica_lag_bytes" + at + "_fd00::3:6379": 4228, "redis_replica_offset_rate" + at + "_10.0.0.2:6379": 1,
		"redis_keyspace_keys" + at + "_db0": 1004, "redis_keyspace_expires" + at + "_db0": 100, "redis_keyspace_avg_ttl" + at + "_db0": 999846, "redis_keyspace_subexpiry" + at + "_db0": 3,
		"redis_keyspace_keys" + at + "_db15": 1, "redis_module" + at + "_timeseries": 1, "redis_search_number_of_indexes" + at: 2,
		"redis_cluster_enabled" + at: 1, "redis_cluster_state" + at: 1, "redis_cluster_slots_assigned" + at: 16384, "redis_cluster_stats_messages_ping_sent_rate" + at: 0,
		"redis_io_thread_clients" + at + "_1": 8, "redis_io_thread_reads" + at + "_1": 2200,
	})
	for key := range got {
		for _, part := range []string{"usec_per_call", "uptime_in_days", "process_id", "replid", "run_id", "tcp_port", "redis_git", "_human", "distrib", "listener", "lag_127.0.0.1:" + at[len("_127.0.0.1:"):] + "_fd00"} {
			if strings.Contains(key, part) {
				t.Errorf("%s is written", key)
			}
		}
	}
}

func TestDetails(t *testing.T) {
	for file, want := range map[string]string{
		"redis-8.2-master": "maxmemory_policy=allkeys-lru mode=cluster software=redis version=8.2.1",
		"valkey-8.0":       "maxmemory_policy=noeviction mode=standalone software=valkey version=8.0.1",
		"keydb-6.3":        "maxmemory_policy=noeviction mode=standalone software=keydb version=6.3.4",
		"redis-2.8":        "mode=standalone software=redis version=2.8.24",
	} {
		f := startFake(t, file+".txt")
		p := plugintest.Start(t, Plugin, f.inputConfig(), plugintest.Env("redis", ""))
		if got := infoLabels(t, p, 0, "redis_info"); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
		f.info = strings.Replace(f.info, "redis_version:", "redis_version:1", 1)
		if got := infoLabels(t, p, 1, "redis_info"); file != "valkey-8.0" && !strings.Contains(got, "version=1"+strings.TrimPrefix(want[strings.Index(want, "version="):], "version=")) {
			t.Errorf("%s after an upgrade: %s", file, got)
		}
	}
	f := startFake(t, "redis-8.2-master.txt")
	p := plugintest.Start(t, Plugin, f.inputConfig(), plugintest.Env("redis", ""))
	if got, want := infoLabels(t, p, 0, "redis_module"), "module=vectorset version=1, module=timeseries version=8.2.1, module=search version=8.2.1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// INFO lists the modules and those of their commands that were used.
func TestModules(t *testing.T) {
	p := plugintest.Start(t, Plugin, embeddedRedis(t), testEnv())
	if got, want := infoLabels(t, p, 0, "redis_module"), "module=timeseries version=8.0.5, module=ReJSON version=8.0.8, module=search version=8.0.2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	f := startFake(t, "redis-8.2-master.txt")
	f.info += "cmdstat_ts.madd:calls=7,usec=70,usec_per_call=10.00,rejected_calls=0,failed_calls=0\r\n"
	got := plugintest.Start(t, Plugin, f.inputConfig(), testEnv()).Gather(0)
	for name, want := range map[string]float64{"redis_cmdstat_calls_%s_ts.madd": 7, "redis_search_gc_bytes_collected_%s": 4096, "redis_search_total_queries_processed_%s": 55, "redis_search_number_of_indexes_%s": 2} {
		if v, ok := got[fmt.Sprintf(name, fmt.Sprintf("127.0.0.1:%d", f.Addr().Port))]; !ok || v != want {
			t.Errorf("%s is %v, %v", name, v, ok)
		}
	}
}

// A module may be upgraded while the agent runs.
func TestUpgradedModule(t *testing.T) {
	f := startFake(t, "redis-8.2-master.txt")
	p := plugintest.Start(t, Plugin, f.inputConfig(), testEnv())
	p.Gather(0)
	f.info = strings.Replace(f.info, "name=search,ver=80201", "name=search,ver=80402", 1)
	if got, want := infoLabels(t, p, 1, "redis_module"), "module=vectorset version=1, module=timeseries version=8.2.1, module=search version=8.4.2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The series of a node end when it leaves the cluster, and those of a database when it has no keys.
func TestGoneEntitiesEnd(t *testing.T) {
	f := startFake(t, "redis-8.2-master.txt")
	p := plugintest.Start(t, Plugin, f.inputConfig(), testEnv())
	in, _ := p.Input.Gatherer.(*input)
	in.servers.Get("gone:1")
	p.Gather(0)
	f.info = strings.Replace(f.info, "\ndb15:", "\nno:", 1)
	for second := range 10 {
		p.Gather(float64(1 + second))
	}
	for name, s := range in.servers.All() {
		if name == "gone:1" {
			t.Error("the node is kept")
			continue
		}
		for db := range (*s).keyspace.entities.All() {
			if db == "db15" {
				t.Error("the database is kept")
			}
		}
	}
}

// The lag of a replica is never computed from the master's offset of an earlier reply.
func TestOffsetIsOfThisReply(t *testing.T) {
	f := startFake(t, "redis-8.2-master.txt")
	p := plugintest.Start(t, Plugin, f.inputConfig(), testEnv())
	key := fmt.Sprintf("redis_replica_lag_bytes_127.0.0.1:%d_10.0.0.2:6379", f.Addr().Port)
	if _, ok := p.Gather(0)[key]; !ok {
		t.Error("the lag is missing")
	}
	f.info = strings.Replace(f.info, "\nmaster_repl_offset:", "\nno:", 1)
	if v, ok := p.Gather(1)[key]; ok {
		t.Errorf("the lag is %v", v)
	}
}

// infoLabels returns the labels, other than the common ones, of the series of a metric.
func infoLabels(t *testing.T, p *plugintest.Probe, second float64, name string) string {
	t.Helper()
	b, err := p.Batch(second)
	if err != nil {
		t.Error(err)
	}
	var all []string
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		if s.Name() != name || v != 1 {
			continue
		}
		var labels []string
		for _, l := range s.Labels() {
			if !slices.Contains([]string{"host", "source", "environment", "server"}, l.Key) {
				labels = append(labels, l.Key+"="+l.Value)
			}
		}
		all = append(all, strings.Join(labels, " "))
	}
	return strings.Join(all, ", ")
}

func TestMetricsFilter(t *testing.T) {
	f := startFake(t, "redis-8.2-master.txt")
	for metrics, want := range map[string][]string{
		"[used_memory, redis_role]":     {"redis_used_memory"},
		"[redis_used_memory, 'hz']":     {"redis_hz", "redis_used_memory"},
		"['~^keyspace_(hits|misses)$']": {"redis_keyspace_hits", "redis_keyspace_hits_rate", "redis_keyspace_misses", "redis_keyspace_misses_rate"},
		"['cmdstat_calls', up]":         {"redis_cmdstat_calls", "redis_cmdstat_calls_rate", "redis_up"},
		"['module', replica_lag]":       {"redis_module", "redis_replica_lag"},
		"[slowlog_length]":              {"redis_slowlog_length"},
	} {
		p := plugintest.Start(t, Plugin, fmt.Sprintf("{host: 127.0.0.1, port: %d, metrics: %s}", f.Addr().Port, metrics), plugintest.Env("redis", ""))
		p.Gather(0)
		b, err := p.Batch(10)
		if err != nil {
			t.Error(err)
		}
		names := map[string]bool{}
		for i := range b.Len() {
			s, _, _ := b.Sample(i)
			names[s.Name()] = true
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(names))); diff != "" {
			t.Errorf("%s: %s", metrics, diff)
		}
	}
}

func TestCommandstatsOff(t *testing.T) {
	f := startFake(t, "redis-8.2-master.txt")
	p := plugintest.Start(t, Plugin, fmt.Sprintf("{host: 127.0.0.1, port: %d, commandstats: false}", f.Addr().Port), plugintest.Env("redis", ""))
	for key := range p.Gather(0) {
		if strings.Contains(key, "cmdstat") || strings.Contains(key, "percentiles") {
			t.Errorf("%s is written", key)
		}
	}
}

func TestHistogram(t *testing.T) {
	f := startFake(t, "redis-8.2-master.txt")
	p := plugintest.Start(t, Plugin, fmt.Sprintf("{host: 127.0.0.1, port: %d, latency_histogram: true}", f.Addr().Port), plugintest.Env("redis", ""))
	at := fmt.Sprintf("redis_latency_usec_127.0.0.1:%d_get_", f.Addr().Port)
	if got := p.Gather(0); got[at+"p50"] != 0 {
		t.Errorf("the first reading has %v", got[at+"p50"])
	}
	got := p.Gather(10)
	want := map[string]float64{"p50": 4, "p99": 8 + 8*0.98, "p99.9": 8 + 8*0.998}
	for name, v := range want {
		if d := got[at+name] - v; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s is %v, want %v", name, got[at+name], v)
		}
	}
}

// A command that an old server does not know is not an error, and is not sent again.
func TestOldServer(t *testing.T) {
	f := startFake(t, "redis-2.8.txt")
	p := plugintest.Start(t, Plugin, fmt.Sprintf("{host: 127.0.0.1, port: %d, latency_histogram: true}", f.Addr().Port), plugintest.Env("redis", ""))
	at := fmt.Sprintf("_127.0.0.1:%d", f.Addr().Port)
	if got := p.Gather(0); got["redis_connected_clients"+at] != 3 || got["redis_cmdstat_calls"+at+"_get"] != 3 {
		t.Errorf("%v", got)
	}
	before := f.TotalCommands()
	p.Gather(1)
	if n := f.TotalCommands() - before; n != 2 { // INFO all, SLOWLOG LEN
		t.Errorf("the second gather sends %d commands", n)
	}
	f.noSlowlog = true
	p.Gather(2)
	before = f.TotalCommands()
	p.Gather(3)
	if n := f.TotalCommands() - before; n != 1 {
		t.Errorf("without a slow log a gather sends %d commands", n)
	}
}

func TestQuantileBetween(t *testing.T) {
	for name, c := range map[string]struct {
		before, now []bucket
		part, want  float64
	}{
		"all new":                 {nil, []bucket{{4, 10}}, 0.5, 3},
		"none since":              {[]bucket{{4, 10}}, []bucket{{4, 10}}, 0.5, -1},
		"only slow ones":          {[]bucket{{4, 10}}, []bucket{{4, 10}, {1024, 12}}, 0.5, 768},
		"counted anew":            {[]bucket{{4, 10}}, []bucket{{4, 3}}, 0.5, -1},
		"some counters restarted": {[]bucket{{4, 10}, {16, 11}}, []bucket{{4, 3}, {16, 40}}, 0.5, -1},
		"nothing":                 {nil, nil, 0.5, -1},
		"a gap":                   {nil, []bucket{{4, 1}, {1024, 2}}, 1, 1024},
	} {
		got, ok := quantileBetween(c.before, c.now, c.part)
		if !ok {
			got = -1
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestConfig(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"{host: 10.0.0.1, port: 6380, username: u, password: p, db: 0, ssl: false}": "",
		"{redis: {host: 10.0.0.1, port: 6380}}":                                     "",
		"{host: 10.0.0.1, redis: {port: 6380}}":                                     "put all settings in one place",
		"{host: a, url: redis://b}":                                                 "use one or the other",
	})
	c := defaults()
	c.Nested.Host = "10.0.0.1"
	if got := c.settings().Host; got != "10.0.0.1" {
		t.Errorf("the map below redis is not read: %s", got)
	}
}

// FuzzInfo parses arbitrary replies.
func FuzzInfo(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 4 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		f.Add([]byte(readRecord(f, filepath.Base(file))))
	}
	f.Add([]byte("redis_version:1\nslave0:ip=a,port=1,offset=9\nslave1:ip=a,port=1\ndb0:keys=NaN,keys=1\ndb0:keys=2\nx:inf\nx:1\nx:2\nmodule:name=(,ver=1"))
	f.Add([]byte("redis_version:1\nlatency_percentiles_usec_get:p50=1,p50=2\nlatency_percentiles_usec_get:p50=3\nmodule:name=a,ver=1\nmodule:name=a,ver=2\n" +
		"cmdstat_get:calls=1,calls=2\nio_thread_0:clients=1,clients=1\nslave0:ip=a,port=1,lag=1\nslave0:ip=a,port=1,lag=1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		settings := defaultSettings()
		s := newServer(seriesMaker{telemetry.NewFactory("h", "redis", nil), &settings, nil}, knownFields(), "a:1")
		for second := range 2 {
			at := time.Unix(int64(second), 0)
			b := telemetry.NewBatch(at, at, 0)
			if err := s.addInfo(b, text); err != nil && b.Len() > 0 {
				t.Errorf("%v, and %d samples", err, b.Len())
			}
			s.sweep(b)
			plugintest.Possible(t, b)
		}
	})
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"used_memory": true, "config|set": true, "ts.add": true, "": false, "a b": false, "a(": false, "a,b": false, "é": false, strings.Repeat("a", 129): false} {
		if isValidName([]byte(name)) != want {
			t.Errorf("%q is a name: %v", name, !want)
		}
	}
}
