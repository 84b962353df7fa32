//go:build unix

package postgresinput

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

const everything = "tables: 10\nindexes: 10\nstatements: 20\n"

// allocsPerQuery bounds the allocations of pgconn for a query: messages, the command tag, the reader of the result.
const allocsPerQuery = 12

// fakeAllocs includes the allocations of the fake, which runs in this process.
const fakeAllocs = 1000

func TestConformance(t *testing.T) {
	p := sharedServers(t)
	p.vacuumSlowly(t)
	newest := Config{CollectBgwriter: true, CollectIO: true, CollectReplication: true}
	fake := func(release string) string {
		return "host: 127.0.0.1\nport: " + servicetest.PortOf(startFake(t, &newest, release).addr)
	}
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "primary", Config: p.primary.inputConfig("dbname: shop\n" + everything), Allocs: 25 * allocsPerQuery},
		plugintest.Case{Name: "standby", Config: p.standby.inputConfig(""), Allocs: 25 * allocsPerQuery},
		plugintest.Case{Name: "18", Config: fake("18.1"), Allocs: fakeAllocs},
		plugintest.Case{Name: "17", Config: fake("17.6 (Debian 17.6-1)"), Allocs: fakeAllocs},
		plugintest.Case{Name: "9.6", Config: fake("9.6.24"), Allocs: fakeAllocs},
		plugintest.Case{Name: "down", Config: "host: 127.0.0.1\nport: 1", Error: "127.0.0.1:1 is not reachable: is it running"},
	)
}

// vacuumSlowly keeps a vacuum of web.orders running until the test ends.
func (p *serverPair) vacuumSlowly(t *testing.T) {
	t.Helper()
	cmd := p.primary.psqlCommand("shop", "SET vacuum_cost_delay = 100")
	cmd.Args = append(cmd.Args, "-c", "SET vacuum_cost_limit = 1", "-c", "VACUUM web.orders")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.primary.psql("postgres", "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_vacuum")
		_ = cmd.Wait()
	})
	servicetest.Until(t, "the vacuum runs", func(context.Context) error {
		if n := p.primary.psql("postgres", "SELECT count(*) FROM pg_stat_progress_vacuum"); n != "1" {
			return fmt.Errorf("%s run", n)
		}
		return nil
	})
}

// gatherValues gathers once and returns the values without the server in their keys.
func gatherValues(t *testing.T, p *plugintest.Probe, server string, second float64) map[string]float64 {
	t.Helper()
	return plugintest.Without(p.Gather(second), "_"+server)
}

func startInput(t testing.TB, config string, change ...func(*plugins.Env)) *plugintest.Probe {
	t.Helper()
	return plugintest.Start(t, Plugin, config, plugintest.Env("postgres", "", change...))
}

// The values match those of psql. A counter lies between what psql reports before and after the gather.
func TestAgainstPsql(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.primary.inputConfig("dbname: shop\n"+everything))
	ask := map[string]string{
		"postgres_xact_commit_shop":                     "SELECT xact_commit FROM pg_stat_database WHERE datname = 'shop'",
		"postgres_tup_inserted_shop":                    "SELECT tup_inserted FROM pg_stat_database WHERE datname = 'shop'",
		"postgres_blks_hit_shop":                        "SELECT blks_hit FROM pg_stat_database WHERE datname = 'shop'",
		"postgres_database_size_shop":                   "SELECT pg_database_size('shop')",
		"postgres_frozen_xid_age_shop":                  "SELECT age(datfrozenxid) FROM pg_database WHERE datname = 'shop'",
		"postgres_max_connections":                      "SHOW max_connections",
		"postgres_in_recovery":                          "SELECT 0",
		"postgres_wal_position":                         "SELECT pg_current_wal_lsn() - '0/0'",
		"postgres_wal_bytes":                            "SELECT wal_bytes FROM pg_stat_wal",
		"postgres_bgwriter_checkpoints_req":             "SELECT checkpoints_req FROM pg_stat_bgwriter",
		"postgres_bgwriter_buffers_alloc":               "SELECT buffers_alloc FROM pg_stat_bgwriter",
		"postgres_uptime":                               "SELECT extract(epoch FROM now() - pg_postmaster_start_time())",
		"postgres_replication_standbys_rep1_127.0.0.1":  "SELECT count(*) FROM pg_stat_replication",
		"postgres_replication_streaming_rep1_127.0.0.1": "SELECT 1",
		"postgres_replication_slot_active_rep1":         "SELECT active::int FROM pg_replication_slots",
		"postgres_table_live_tuples_shop_web_orders":    "SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'orders'",
		"postgres_table_dead_tuples_shop_web_orders":    "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'orders'",
		"postgres_table_size_shop_web_orders":           "SELECT pg_table_size('web.orders')",
		"postgres_table_indexes_size_shop_web_orders":   "SELECT pg_indexes_size('web.orders')",
		"postgres_table_seq_scans_shop_web_orders":      "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'orders'",
		"postgres_table_idx_scans_shop_web_orders":      "SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'orders'",
		"postgres_table_inserted_shop_web_orders":       "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'orders'",
		"postgres_table_deleted_shop_web_orders":        "SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'orders'",
		"postgres_index_size_shop_web_orders_late":      "SELECT pg_relation_size('web.late')",
	}
	before := p.queryNumbers(t, ask)
	got := gatherValues(t, in, p.primary.Addr(), 0)
	after := p.queryNumbers(t, ask)
	for key := range ask {
		if v, ok := got[key]; !ok || v < before[key] || v > after[key] {
			t.Errorf("%s is %v (%v), psql reports %v to %v", key, v, ok, before[key], after[key])
		}
	}
	sums := map[string]float64{}
	for key, v := range got {
		if strings.HasPrefix(key, "postgres_numbackends_template") {
			t.Errorf("%s: a template", key)
		}
		for _, metric := range []string{"postgres_statement_calls_shop_"} {
			if strings.HasPrefix(key, metric) {
				sums[metric] += v
			}
		}
	}
	if _, again := gatherValues(t, in, p.primary.Addr(), 10)["postgres_database_size_shop"]; again {
		t.Error("the sizes were read again after ten seconds")
	}
	if sums["postgres_statement_calls_shop_"] == 0 {
		t.Error("no statements")
	}
}

func (p *serverPair) queryNumbers(t *testing.T, ask map[string]string) map[string]float64 {
	t.Helper()
	var sql []string
	for key, q := range ask {
		if !strings.HasPrefix(q, "SHOW") {
			q = "SELECT '" + key + "', (" + q + ")"
		} else {
			q = "SELECT '" + key + "', current_setting('" + strings.TrimPrefix(q, "SHOW ") + "')"
		}
		sql = append(sql, q)
	}
	got := map[string]float64{}
	for line := range strings.Lines(p.primary.psql("shop", strings.Join(sql, ";"))) {
		key, text, _ := strings.Cut(strings.TrimSpace(line), "|")
		got[key], _ = strconv.ParseFloat(text, 64)
	}
	if len(got) != len(ask) {
		t.Fatalf("psql answers %d of %d", len(got), len(ask))
	}
	return got
}

// A standby that has stopped replaying has a lag, in bytes and in seconds, on both sides.
func TestReplication(t *testing.T) {
	p := sharedServers(t)
	primary, standby := startInput(t, p.primary.inputConfig("")), startInput(t, p.standby.inputConfig(""))
	p.primary.psql("shop", "CREATE TABLE first (); DROP TABLE first")
	servicetest.Until(t, "a transaction is replayed", func(context.Context) error { // before that its time is not known
		if p.standby.psql("postgres", "SELECT pg_last_xact_replay_timestamp() IS NULL") == "t" {
			return fmt.Errorf("none")
		}
		return nil
	})
	p.standby.psql("postgres", "SELECT pg_wal_replay_pause()")
	t.Cleanup(func() { p.standby.psql("postgres", "SELECT pg_wal_replay_resume()") })
	p.primary.psql("shop", "CREATE TABLE lag AS SELECT repeat('x', 1000) FROM generate_series(1, 100)")
	t.Cleanup(func() { p.primary.psql("shop", "DROP TABLE lag") })
	const rep = "_rep1_127.0.0.1"
	second := 0.0
	servicetest.Until(t, "the standby has a lag", func(context.Context) error {
		second++
		up, down := gatherValues(t, primary, p.primary.Addr(), second), gatherValues(t, standby, p.standby.Addr(), second)
		switch {
		case up["postgres_replication_lag_bytes"+rep] < 100_000 || up["postgres_replication_lag_seconds"+rep] <= 0:
			return fmt.Errorf("the primary reports %v bytes, %v s", up["postgres_replication_lag_bytes"+rep], up["postgres_replication_lag_seconds"+rep])
		case up["postgres_replication_flush_lag_bytes"+rep] > 0:
			return fmt.Errorf("the primary reports %v bytes not flushed", up["postgres_replication_flush_lag_bytes"+rep])
		case down["postgres_replay_lag_bytes"] < 100_000 || down["postgres_replay_lag_seconds"] <= 0 || down["postgres_in_recovery"] != 1:
			return fmt.Errorf("the standby reports %v bytes, %v s", down["postgres_replay_lag_bytes"], down["postgres_replay_lag_seconds"])
		case down["postgres_wal_receiver_streaming"] != 1:
			return fmt.Errorf("the standby does not stream: %v", down)
		}
		return nil
	})
	p.standby.psql("postgres", "SELECT pg_wal_replay_resume()")
	servicetest.Until(t, "the standby has caught up", func(context.Context) error {
		second++
		up, down := gatherValues(t, primary, p.primary.Addr(), second), gatherValues(t, standby, p.standby.Addr(), second)
		if up["postgres_replication_lag_bytes"+rep]+up["postgres_replication_lag_seconds"+rep]+down["postgres_replay_lag_seconds"] > 0 {
			return fmt.Errorf("%v, %v", up["postgres_replication_lag_seconds"+rep], down["postgres_replay_lag_seconds"])
		}
		return nil
	})
}

// One client holds a lock in a transaction, and another one waits for it.
func TestActivity(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.primary.inputConfig(""))
	for _, sql := range []string{"BEGIN; LOCK web.orders IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)", "SELECT count(*) FROM web.orders"} {
		cmd := p.primary.psqlCommand("shop", sql)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGINT); _ = cmd.Wait() })
		servicetest.Until(t, "it runs", func(context.Context) error {
			if n := p.primary.psql("shop", "SELECT count(*) FROM pg_locks WHERE relation = 'web.orders'::regclass"); n == "0" {
				return fmt.Errorf("%s", n)
			}
			return nil
		})
	}
	second := 0.0
	servicetest.Until(t, "it is seen", func(context.Context) error {
		second++
		got := gatherValues(t, in, p.primary.Addr(), second)
		if got["postgres_connections_waiting_for_lock"] != 1 || got["postgres_locks_waiting_AccessShareLock"] != 1 || got["postgres_locks_AccessExclusiveLock"] < 1 ||
			got["postgres_connections_active"] != 2 || got["postgres_longest_transaction"] <= 0 || got["postgres_longest_query"] <= 0 {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
}

// WAL is archived first; then archiving fails.
func TestArchiver(t *testing.T) {
	s := newServer(t).start("archive_mode = on", "archive_command = '/bin/true'")
	in := startInput(t, s.inputConfig(""))
	second := 0.0
	becomes := func(what string, right func(got map[string]float64) bool) {
		t.Helper()
		s.psql("postgres", "SELECT pg_create_restore_point('x'); SELECT pg_switch_wal()")
		servicetest.Until(t, what, func(context.Context) error {
			second++
			if got := gatherValues(t, in, s.Addr(), second); !right(got) {
				return fmt.Errorf("%v archived, %v failed", got["postgres_archiver_archived"], got["postgres_archiver_failed"])
			}
			return nil
		})
	}
	becomes("WAL is archived", func(got map[string]float64) bool {
		_, failed := got["postgres_archiver_last_failed_age"]
		_, archived := got["postgres_archiver_last_archived_age"]
		return got["postgres_archiver_archived"] > 0 && got["postgres_archiver_failed"] == 0 && archived && !failed
	})
	s.psql("postgres", "ALTER SYSTEM SET archive_command = '/bin/false'")
	s.psql("postgres", "SELECT pg_reload_conf()")
	becomes("archiving fails", func(got map[string]float64) bool {
		_, failed := got["postgres_archiver_last_failed_age"]
		return got["postgres_archiver_failed"] > 0 && failed
	})
}

// The statement that took longest is reported.
func TestTopStatements(t *testing.T) {
	p := sharedServers(t)
	p.primary.psql("shop", "SELECT pg_sleep(0.2)")
	const longest = "SELECT d.datname || '_' || s.queryid FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid GROUP BY s.queryid, d.datname ORDER BY sum(total_exec_time) DESC LIMIT 1"
	before := p.primary.psql("shop", longest)
	got := gatherValues(t, startInput(t, p.primary.inputConfig("dbname: shop\nstatements: 1")), p.primary.Addr(), 0)
	after := p.primary.psql("shop", longest)
	n := 0
	for key := range got {
		if id, ok := strings.CutPrefix(key, "postgres_statement_time_"); ok {
			if n++; id != before && id != after {
				t.Errorf("%s is reported, psql reports %s", id, after)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d statements", n)
	}
}

// The connection is opened once and kept.
func TestConnectionIsKept(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.primary.inputConfig("queries: [{name: id, sql: SELECT pg_backend_pid()}]"))
	ids := map[float64]bool{}
	for second := range 5 {
		ids[gatherValues(t, in, p.primary.Addr(), float64(second))["id"]] = true
	}
	if len(ids) != 1 {
		t.Errorf("%d connections", len(ids))
	}
}

func TestDatabasesFilter(t *testing.T) {
	p := sharedServers(t)
	got := gatherValues(t, startInput(t, p.primary.inputConfig("databases: [sh*]\ntables: 1\n")), p.primary.Addr(), 0)
	_, shop := got["postgres_numbackends_shop"]
	if _, other := got["postgres_numbackends_postgres"]; other || !shop {
		t.Errorf("%v", got)
	}
}

func TestQueries(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.primary.inputConfig(`
dbname: shop
metrics: {include: []}
queries:
  - {name: orders, sql: SELECT count(*) FROM web.orders}
  - {name: broken, sql: SELECT 1 / 0, interval: 1h}
  - {name: slow, sql: SELECT pg_sleep(60), timeout: 100ms}
  - {name: odd, sql: "SELECT 1.5::numeric AS num, NULL::int AS nil, 'NaN'::float8 AS nan, 'Infinity'::float8 AS inf, true AS yes, -3::bigint AS neg"}
  - {name: twice, sql: "SELECT 1; SELECT 2"}
  - name: by
    sql: SELECT id % 2 AS rest, count(*) AS n, sum(price) AS total FROM web.orders GROUP BY 1
    labels: [rest]
  - {name: rows, sql: "VALUES ('a', '1'), ('b', 'many'), ('c', '3')", labels: [column1]}
  - {name: last, sql: SELECT 42, interval: 1h}
`))
	b, err := in.Batch(0)
	got := plugintest.Without(plugintest.ByKey(b), "_"+p.primary.Addr())
	plugintest.Expect(t, got, map[string]float64{"orders": 4500, "odd_num": 1.5, "odd_yes": 1, "odd_neg": -3, "by_n_0": 2000, "by_n_1": 2500, "rows_a": 1, "rows_c": 3, "last": 42, "postgres_up": 1})
	if want, _ := strconv.ParseFloat(p.primary.psql("shop", "SELECT sum(price) FROM web.orders WHERE id % 2 = 1"), 64); math.Abs(got["by_total_1"]-want) > 1e-6 {
		t.Errorf("the sum is %v, psql reports %v", got["by_total_1"], want)
	}
	for _, key := range []string{"odd_nil", "odd_nan", "odd_inf"} {
		if v, ok := got[key]; ok {
			t.Errorf("%s is %v", key, v)
		}
	}
	for _, want := range []string{"query broken: ERROR: division by zero", `query rows: rows: "many" is not a number, in the row with column1 "b"`, "query slow: ", "did not answer in time", "query twice: ERROR: cannot insert multiple commands"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	b, err = in.Batch(10)
	if err == nil || !strings.Contains(err.Error(), "query broken: ") {
		t.Errorf("the error is not repeated until the query runs again: %v", err)
	}
	if _, asked := plugintest.ByKey(b)["last_"+p.primary.Addr()]; asked {
		t.Error("a query ran before its interval was over")
	}
	servicetest.Until(t, "the slow query was cancelled at the server", func(context.Context) error {
		if n := p.primary.psql("shop", "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()"); n != "0" {
			return fmt.Errorf("%s run", n)
		}
		return nil
	})
}

// The documented configuration of the Python rtcollector is accepted.
func TestPythonConfiguration(t *testing.T) {
	p := sharedServers(t)
	got := startInput(t, p.primary.inputConfig("dbname: postgres\ncollect_bgwriter: false\ncollect_replication: false\nqueries:\n- name: active_connections\n  sql: SELECT count(*) FROM pg_stat_activity\n")).Gather(0)
	if got["active_connections_"+p.primary.Addr()] < 1 || got["postgres_numbackends_"+p.primary.Addr()+"_postgres"] < 1 {
		t.Error(got)
	}
	for key := range got {
		if strings.Contains(key, "bgwriter") || strings.Contains(key, "replication") {
			t.Error(key)
		}
	}
}

func TestKinds(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.primary.inputConfig("queries: [{name: c, sql: 'SELECT 1 AS a, 2 AS b', counters: [b]}]"))
	in.Gather(0)
	b, err := in.Batch(10)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]telemetry.Kind{}
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		kinds[s.Name()] = s.Kind()
	}
	for name, want := range map[string]telemetry.Kind{"postgres_numbackends": telemetry.Gauge, "postgres_xact_commit": telemetry.Counter, "c_a": telemetry.Gauge, "c_b": telemetry.Counter} {
		if kinds[name] != want {
			t.Errorf("%s is a %v", name, kinds[name])
		}
		if _, rate := kinds[name+"_rate"]; rate != (want == telemetry.Counter) {
			t.Errorf("%s has a rate: %v", name, rate)
		}
	}
}
