package postgresinput

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestVersion(t *testing.T) {
	for text, want := range map[string]int{
		"15.18 (Debian 15.18-0+deb12u1)": 150018, "9.6.24": 90624, "10.0": 100000, "18beta1": 180000, "17": 170000, "": 0, "x": 0,
		"16.4 (Ubuntu 16.4-1.pgdg22.04+1)": 160004, "13.22-YB-2.25.0.0-b0": 130022,
	} {
		if got := parseVersion(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

// The queries of each version use the columns of its documentation. The test does not need such servers.
func TestPlan(t *testing.T) {
	c := Config{CollectBgwriter: true, CollectIO: true, CollectReplication: true, Statements: 5}
	for _, tt := range []struct {
		version     int
		has, hasNot []string
	}{
		{90624, []string{"pg_current_xlog_location()", "pg_xlog_location_diff(", "r.replay_location", "s.restart_lsn", "checkpoints_timed", "a.true", "total_time"},
			[]string{"_lsn(", "wal_lsn", "replay_lsn", "backend_type", "pg_stat_wal ", "replay_lag)", "checksum_failures", "pg_stat_checkpointer", "wal_status"}},
		{100000, []string{"pg_current_wal_lsn()", "r.replay_lag", "backend_type = 'client backend'"}, []string{"xlog", "checksum_failures", "wal_status"}},
		{120000, []string{"checksum_failures", "total_time"}, []string{"session_time", "wal_status", "total_exec_time"}},
		{130000, []string{"wal_status", "total_exec_time", "s.wal_bytes"}, []string{"session_time", "FROM pg_stat_wal\n", "sum(s.total_time)"}},
		{150000, []string{"session_time", "wal_write_time", "buffers_backend_fsync"}, []string{"pg_stat_checkpointer", "pg_stat_io"}},
		{160000, []string{"checkpoints_timed", "buffers_backend", "reads * op_bytes"}, []string{"num_timed", "parallel_workers", "read_bytes"}},
		{170000, []string{"num_timed", "restartpoints_done", "wal_write_time", "buffers_clean"}, []string{"checkpoints_timed", "buffers_backend", "num_done"}},
		{180000, []string{"num_done", "slru_written", "parallel_workers_launched", "wal_buffers_full", "read_bytes"}, []string{"wal_write_time", "wal_sync", "op_bytes"}},
	} {
		var all strings.Builder
		for _, s := range planStatements(&c, tt.version) {
			all.WriteString(s.sql + "\n")
		}
		for _, word := range tt.has {
			if !strings.Contains(strings.ReplaceAll(all.String(), "AND a.true", "a.true"), word) {
				t.Errorf("%d does not query %s", tt.version, word)
			}
		}
		for _, word := range tt.hasNot {
			if strings.Contains(all.String(), word) {
				t.Errorf("%d queries %s", tt.version, word)
			}
		}
	}
}

func TestConfigProblems(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"{url: 'postgres://x', host: y}": "replaces host",
		"port: 0":                        "must be 1 to 65535",
		"host: ''":                       "must not be empty",
		"sslmode: maybe":                 "must be disable, allow",
		"{sslmode: require, tls: {}}":    "replaces sslmode",
		"tables: -1":                     "must be 0 to 1000",
		"statements: 5000":               "must be 0 to 1000",
		"queries: [{name: a, sql: x}, {name: a, sql: y}]": "two queries are named",
		"queries: [{sql: y}]":                             "is missing: set the name of the metric",
		"queries: [{name: 'secret:x', sql: y}]":           "secret",
	})
}

// The user can select the metrics of own queries like those of the default set.
func TestMetricNames(t *testing.T) {
	built, problems := plugintest.Decode(t, Plugin, "queries: [{name: orders, sql: SELECT 1}]")
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if n, ok := built.Config.(plugins.Namer); !ok || !slices.Equal(n.MetricNames(), []string{"orders", "orders_*"}) {
		t.Errorf("%+v", built.Config)
	}
}

func TestGrant(t *testing.T) {
	for message, want := range map[string]string{
		"permission denied for table invoices":             `GRANT SELECT ON invoices TO "a""b"`,
		"permission denied for relation invoices":          `GRANT SELECT ON invoices TO "a""b"`, // up to 10
		"permission denied for view v":                     `GRANT SELECT ON v TO "a""b"`,
		"permission denied for materialized view mv":       `GRANT SELECT ON mv TO "a""b"`,
		"permission denied for schema web":                 `GRANT USAGE ON SCHEMA web TO "a""b"`,
		"permission denied for function f":                 `GRANT EXECUTE ON FUNCTION f TO "a""b"`,
		"permission denied for function pg_ls_waldir":      `GRANT pg_monitor TO "a""b"`,
		"permission denied for table pg_subscription":      `GRANT pg_monitor TO "a""b"`,
		"must be superuser or a member of pg_monitor to x": `GRANT pg_monitor TO "a""b"`,
	} {
		if got := grantFor(message, `a"b`); got != want {
			t.Errorf("%s: %s, want %s", message, got, want)
		}
	}
}

func TestAdvice(t *testing.T) {
	for _, tt := range []struct{ code, message, want string }{
		{"53300", "sorry, too many clients already", "raise max_connections"},
		{"57P03", "the database system is starting up", "is starting"},
		{"28000", "no pg_hba.conf entry", "pg_hba.conf"},
		{"55000", "pg_stat_statements must be loaded via shared_preload_libraries", "shared_preload_libraries there and restart"},
		{"42P01", `relation "pg_stat_statements" does not exist`, "CREATE EXTENSION"},
		{"42703", "column s.total_exec_time does not exist", "ALTER EXTENSION"},
		{"42703", "column foo does not exist", ""},
		{"42P01", `relation "orders" does not exist`, ""},
	} {
		got := findAdvice(&pgconn.PgError{Code: tt.code, Message: tt.message}, "u")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %q, want %q", tt.code, tt.message, got, tt.want)
		}
	}
}

// Errors of a connection are explained in one line.
func TestExplain(t *testing.T) {
	lookup := &net.DNSError{Err: "no such host", Name: "db.lan", IsNotFound: true}
	for want, err := range map[string]error{
		"postgres db:1 has an unknown host name: correct host":         lookup,
		"postgres db:1 did not answer in time":                         context.DeadlineExceeded,
		"postgres db:1 closed the connection: it was stopped, or it i": io.ErrUnexpectedEOF,
		"postgres db:1: context canceled":                              context.Canceled,
	} {
		if got := explainError("db:1", "u", fmt.Errorf("x: %w", err)); !errors.Is(got, err) || !strings.HasPrefix(strings.ReplaceAll(got.Error(), "x: ", ""), want) {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if explainError("db:1", "u", nil) != nil {
		t.Error("nil is explained as an error")
	}
}

func FuzzVersion(f *testing.F) {
	for _, text := range []string{"15.18 (Debian 15.18-0+deb12u1)", "9.6.24", "18beta1", ".", "1.2.3.4"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := Config{CollectBgwriter: true, CollectReplication: true, Tables: 1, Indexes: 1, Statements: 1}
		for _, s := range planStatements(&c, parseVersion(text)) {
			if s.sql == "" || len(s.metrics) == 0 {
				t.Errorf("%q: %+v", text, s)
			}
		}
	})
}

func FuzzGrant(f *testing.F) {
	f.Add("permission denied for table invoices")
	f.Add("permission denied for materialized view mv")
	f.Add("permission denied for foreign")
	f.Fuzz(func(t *testing.T, message string) {
		if got := grantFor(message, "u"); !strings.HasPrefix(got, "GRANT ") || !strings.HasSuffix(got, ` TO "u"`) {
			t.Errorf("%q: %s", message, got)
		}
	})
}
