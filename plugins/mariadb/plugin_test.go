//go:build unix

package mariadbinput

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// allocsPerVariable bounds the allocations of database/sql and the driver for a row of a name and a value. There are about
// 600 status variables.
const allocsPerVariable = 3

func TestConformance(t *testing.T) {
	p := sharedServers(t)
	servicetest.Until(t, "it replicates", func(context.Context) error {
		if s := p.replica.mysql("SHOW ALL SLAVES STATUS"); !strings.Contains(s, "Slave has read all relay log") {
			return fmt.Errorf("%s", s)
		}
		return nil
	})
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "primary", Config: p.primary.inputConfig("user_statistics: true\n"), Allocs: 800 * allocsPerVariable},
		plugintest.Case{Name: "replica", Config: p.replica.inputConfig(""), Allocs: 800 * allocsPerVariable},
		plugintest.Case{Name: "everything", Config: p.primary.inputConfig("metrics: ['*']\nvariables: ['*']\n"), Allocs: 800 * allocsPerVariable},
		plugintest.Case{Name: "down", Config: "{host: 127.0.0.1, port: 1}", Error: "127.0.0.1:1 is not reachable: is it running"},
	)
}

func startInput(t testing.TB, config string, change ...func(*plugins.Env)) *plugintest.Probe {
	t.Helper()
	return plugintest.Start(t, Plugin, config, plugintest.Env("mariadb", "", change...))
}

// gatherValues gathers once and returns the values without the server in their keys.
func gatherValues(t *testing.T, p *plugintest.Probe, server string, second float64) map[string]float64 {
	t.Helper()
	return plugintest.Without(p.Gather(second), "_"+server)
}

// The values match those of the server's own client: a counter lies between its values before and after the gather.
func TestAgainstClient(t *testing.T) {
	p := sharedServers(t)
	status := func() map[string]float64 {
		m := map[string]float64{}
		for line := range strings.Lines(p.primary.mysql("SHOW GLOBAL STATUS; SHOW GLOBAL VARIABLES LIKE 'max_connections'")) {
			name, text, _ := strings.Cut(strings.TrimSpace(line), "\t")
			if v, err := strconv.ParseFloat(text, 64); err == nil && text != unsetValue {
				m[strings.ToLower(name)] = v
			}
		}
		return m
	}
	in := startInput(t, p.primary.inputConfig("metrics: ['*']"))
	before := status()
	got := gatherValues(t, in, p.primary.Addr(), 0)
	after := status()
	for _, name := range []string{"connections", "questions", "uptime", "com_select", "bytes_sent", "innodb_data_written", "innodb_buffer_pool_pages_total",
		"innodb_page_size", "handler_read_rnd_next", "max_used_connections", "open_tables", "queries", "innodb_buffer_pool_read_requests"} {
		if v, ok := got["mariadb_"+name]; !ok || v < before[name] || v > after[name] {
			t.Errorf("%s is %v (%v), the client reports %v to %v", name, v, ok, before[name], after[name])
		}
	}
	if got["mariadb_variable_max_connections"] != after["max_connections"] {
		t.Error(got["mariadb_variable_max_connections"])
	}
	for name := range after { // no number is missing
		if _, ok := got["mariadb_"+name]; !ok && name != "max_connections" {
			t.Errorf("no %s", name)
		}
	}
}

func TestReplication(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.replica.inputConfig(""))
	second := 0.0
	servicetest.Until(t, "it replicates", func(context.Context) error {
		second++
		got := gatherValues(t, in, p.replica.Addr(), second)
		lag, known := got["mariadb_replica_lag_seconds"]
		if got["mariadb_replica_io_running"] != 1 || got["mariadb_replica_sql_running"] != 1 || !known || lag > 5 || got["mariadb_replica_relay_log_space"] == 0 {
			return fmt.Errorf("%v", got)
		}
		if running, named := got["mariadb_replica_io_running_west"]; !named || running != 0 {
			return fmt.Errorf("the other channel: %v, %v", running, named)
		}
		return nil
	})
	p.replica.mysql("STOP SLAVE SQL_THREAD")
	t.Cleanup(func() { p.replica.mysql("START SLAVE SQL_THREAD") })
	got := gatherValues(t, in, p.replica.Addr(), second+1)
	if _, known := got["mariadb_replica_lag_seconds"]; known || got["mariadb_replica_sql_running"] != 0 || got["mariadb_replica_io_running"] != 1 {
		t.Errorf("stopped: %v", got)
	}
	up := gatherValues(t, startInput(t, p.primary.inputConfig("")), p.primary.Addr(), 0)
	if up["mariadb_slaves_connected"] != 1 || up["mariadb_processes_Binlog Dump_Master has sent all binlog to slave; waiting for more updates"] == 1 {
		t.Errorf("the primary has %v replicas", up["mariadb_slaves_connected"])
	}
}

func TestProcesses(t *testing.T) {
	p := sharedServers(t)
	cmd := p.primary.clientCommand("SELECT SLEEP(60)")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	in := startInput(t, p.primary.inputConfig(""))
	second := 0.0
	servicetest.Until(t, "it is seen", func(context.Context) error {
		second++
		got := gatherValues(t, in, p.primary.Addr(), second)
		if got["mariadb_processes_Query_User_sleep"] != 1 || got["mariadb_longest_query"] < 1 {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
}

func TestUserStatistics(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.primary.inputConfig("user_statistics: true"))
	gatherValues(t, in, p.primary.Addr(), 0)
	got := gatherValues(t, in, p.primary.Addr(), 10)
	want, _ := strconv.ParseFloat(p.primary.mysql("SELECT TOTAL_CONNECTIONS FROM information_schema.USER_STATISTICS WHERE USER = 'rtc'"), 64)
	if got["mariadb_user_connections_made_rtc"] != want || got["mariadb_user_select_commands_rate_rtc"] <= 0 {
		t.Errorf("%v connections, the client reports %v; %v", got["mariadb_user_connections_made_rtc"], want, got["mariadb_user_select_commands_rate_rtc"])
	}
}

// The connection is opened once and kept, and it is not counted.
func TestConnectionIsKept(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.primary.inputConfig("metrics: [threads_connected]\nqueries: [{name: id, sql: SELECT CONNECTION_ID()}]"))
	ids := map[float64]bool{}
	for second := range 3 {
		got := in.Gather(float64(second))
		ids[got["id_"+p.primary.Addr()]] = true
		if got["mariadb_threads_connected_"+p.primary.Addr()] < 1 {
			t.Error("the name in lower case does not match")
		}
		for key := range got {
			// Sleeping connections belong to other tests.
			if strings.HasPrefix(key, "mariadb_processes_"+p.primary.Addr()+"_Query") && !strings.HasSuffix(key, "_User_sleep") {
				t.Errorf("%s is %v", key, got[key])
			}
		}
	}
	if len(ids) != 1 {
		t.Errorf("%d connections", len(ids))
	}
}

// The configuration of the Python rtcollector is accepted, flat and nested.
func TestPythonConfiguration(t *testing.T) {
	p := sharedServers(t)
	nested := "mariadb:\n  " + strings.ReplaceAll(p.primary.inputConfig("metrics: [Threads_connected, Questions]"), "\n", "\n  ")
	for _, config := range []string{p.primary.inputConfig("hostname: db1\nmetrics: [Threads_connected, Questions]"), "hostname: db1\n" + nested} {
		got := startInput(t, config).Gather(0)
		if got["mariadb_threads_connected_db1"] < 1 || got["mariadb_questions_db1"] < 1 {
			t.Error(got)
		}
		if _, more := got["mariadb_uptime_db1"]; more {
			t.Error("more than was named")
		}
	}
}

func TestQueries(t *testing.T) {
	p := sharedServers(t)
	in := startInput(t, p.primary.inputConfig(`
database: shop
queries:
  - {name: n, sql: SELECT COUNT(*) FROM orders}
  - {name: broken, sql: SELECT nonsense, interval: 1h}
  - {name: slow, sql: SELECT SUM(SLEEP(1)) FROM orders, timeout: 100ms}
  - {name: quick, sql: SELECT 1, timeout: 1s}
  - {name: limit, sql: SELECT @@max_statement_time}
  - {name: denied, sql: SELECT COUNT(*) FROM secret}
  - {name: odd, sql: "SELECT 1.5 AS num, NULL AS nil, TRUE AS yes, CAST(7 AS UNSIGNED) AS pos, 2.5e0 AS dbl"}
  - {name: by, sql: "SELECT country, COUNT(*) AS n, SUM(price) AS total FROM orders GROUP BY country", labels: [country]}
  - {name: rows, sql: "SELECT 'a' AS queue, '1' AS n UNION ALL SELECT 'b', 'many' UNION ALL SELECT 'c', '3'", labels: [queue]}
  - {name: last, sql: SELECT 42, interval: 1h}
`))
	b, err := in.Batch(0)
	got := plugintest.Without(plugintest.ByKey(b), "_"+p.primary.Addr())
	plugintest.Expect(t, got, map[string]float64{"n": 1000, "odd_num": 1.5, "odd_yes": 1, "odd_pos": 7, "odd_dbl": 2.5, "by_n_ch": 500, "by_n_de": 500,
		"by_total_ch": 62500, "by_total_de": 62625, "rows_a": 1, "rows_c": 3, "last": 42, "quick": 1, "limit": 0, "mariadb_up": 1})
	if v, ok := got["odd_nil"]; ok {
		t.Errorf("NULL is %v", v)
	}
	for _, want := range []string{"query broken: Error 1054", `query rows: rows: "many" is not a number, in the row with queue "b"`, "query slow: ", "query denied: Error 1142", "GRANT SELECT ON `shop`.`secret` TO 'rtc'"} {
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
	servicetest.Until(t, "the slow query has ended at the server", func(context.Context) error {
		if n := p.primary.mysql("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SUM(SLEEP%'"); n != "0" {
			return fmt.Errorf("%s run", n)
		}
		return nil
	})
}
