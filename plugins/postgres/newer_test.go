//go:build unix

package postgresinput

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// newerViews are views of versions 16 to 18 as documented, defined on those of the installed server. They are in a schema
// that is searched first.
const newerViews = `CREATE SCHEMA v16; CREATE SCHEMA v18;
	CREATE TABLE v16.pg_stat_io (backend_type text, object text, context text, reads bigint, read_time float8, writes bigint, write_time float8,
		writebacks bigint, writeback_time float8, extends bigint, extend_time float8, op_bytes bigint, hits bigint, evictions bigint, reuses bigint,
		fsyncs bigint, fsync_time float8);
	INSERT INTO v16.pg_stat_io VALUES
		('client backend', 'relation', 'normal', 3, 1.5, 2, 0, 0, 0, 1, 0, 8192, 10, 1, NULL, 0, 0),
		('client backend', 'relation', 'bulkread', 4, 2, 0, 0, 0, 0, NULL, NULL, 8192, 5, 0, 7, NULL, NULL),
		('client backend', 'temp relation', 'normal', 0, 0, 0, 0, 0, 0, 0, 0, 8192, 0, 0, NULL, NULL, NULL),
		('checkpointer', 'relation', 'normal', NULL, NULL, 6, 0, 0, 0, NULL, NULL, 8192, NULL, NULL, NULL, 9, 4);
	CREATE VIEW v18.pg_stat_io AS SELECT backend_type, object, context, reads, (reads * 8192)::numeric AS read_bytes, read_time, writes,
		(writes * 8192)::numeric AS write_bytes, write_time, extends, (extends * 8192)::numeric AS extend_bytes, hits, evictions, reuses, fsyncs, fsync_time FROM v16.pg_stat_io;
	CREATE VIEW v18.pg_stat_database AS SELECT *, 1::bigint AS parallel_workers_to_launch, 1::bigint AS parallel_workers_launched FROM pg_catalog.pg_stat_database;
	CREATE VIEW v18.pg_stat_wal AS SELECT wal_records, wal_fpi, wal_bytes, wal_buffers_full, stats_reset FROM pg_catalog.pg_stat_wal;
	CREATE VIEW v18.pg_stat_bgwriter AS SELECT buffers_clean, maxwritten_clean, buffers_alloc, stats_reset FROM pg_catalog.pg_stat_bgwriter;
	CREATE TABLE v18.pg_stat_checkpointer (num_timed bigint, num_requested bigint, num_done bigint, restartpoints_timed bigint, restartpoints_req bigint,
		restartpoints_done bigint, write_time float8, sync_time float8, buffers_written bigint, slru_written bigint);
	INSERT INTO v18.pg_stat_checkpointer VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)`

// The queries for versions 16 and 18 run against views defined as in the documentation.
func TestNewerViews(t *testing.T) {
	p := sharedServers(t)
	p.primary.psql("postgres", "CREATE DATABASE newer")
	t.Cleanup(func() { p.primary.psql("postgres", "DROP DATABASE newer (FORCE)") })
	p.primary.psql("newer", newerViews)
	c := defaults()
	for schema, release := range map[string]int{"v16": 160_000, "v18": 180_000} {
		got := map[string]string{}
		for _, s := range planStatements(&c, release) {
			text := p.primary.psql("newer", "SET search_path = "+schema+", pg_catalog; "+s.sql)
			for line := range strings.Lines(text) {
				fields := strings.Split(strings.TrimSpace(line), "|")
				if len(fields) != len(s.labels)+len(s.metrics) {
					t.Fatalf("%s: %d columns, want %d", s.name, len(fields), len(s.labels)+len(s.metrics))
				}
				for i, m := range s.metrics {
					got[m.Name+" "+strings.Join(fields[:len(s.labels)], " ")] = fields[len(s.labels)+i]
				}
			}
		}
		want := map[string]string{
			"postgres_io_reads client_backend relation": "7", "postgres_io_read_bytes client_backend relation": strconv.Itoa(7 * 8192),
			"postgres_io_write_bytes client_backend relation": strconv.Itoa(2 * 8192), "postgres_io_hits client_backend relation": "15",
			"postgres_io_reuses client_backend relation": "7", "postgres_io_read_time client_backend relation": "3.5",
			"postgres_io_fsyncs checkpointer relation": "9", "postgres_io_reads checkpointer relation": "", "postgres_io_hits client_backend temp_relation": "",
		}
		if release >= v18 {
			want["postgres_bgwriter_checkpoints_req "], want["postgres_bgwriter_buffers_checkpoint "], want["postgres_checkpointer_slru_written "] = "2", "9", "10"
		}
		for key := range want {
			if got[key] != want[key] {
				t.Errorf("%s: %s is %q, want %q", schema, key, got[key], want[key])
			}
		}
	}
}

// After an upgrade of the server the queries are those of the new version.
func TestUpgrade(t *testing.T) {
	c := defaults()
	old, now := "16.4", "18.1 (Debian 18.1-1)"
	f := startFake(t, &c, old, now)
	cut := servicetest.NewCutter(t, f.addr)
	in := startInput(t, "host: 127.0.0.1\nport: "+servicetest.PortOf(cut.Addr))
	release := func(second float64) (string, bool) {
		t.Helper()
		b, err := in.Within(10*time.Second, second)
		if err != nil {
			t.Fatal(err)
		}
		queried := ""
		for i := range b.Len() {
			if s, _, _ := b.Sample(i); s.Name() == "postgres_info" {
				for _, l := range s.Labels() {
					if l.Key == "version" {
						queried += l.Value
					}
				}
			}
		}
		_, new := plugintest.ByKey(b)["postgres_checkpointer_num_done_"+cut.Addr]
		return queried, new
	}
	if queried, new := release(0); queried != old || new {
		t.Errorf("before: %s, %v", queried, new)
	}
	f.release.Store(&now)
	if queried, _ := release(10); queried != old {
		t.Errorf("the connection is not kept: %s", queried)
	}
	cut.CutAfter(1)
	if _, err := in.Within(10*time.Second, 20); err == nil {
		t.Error("no error while it is away")
	}
	cut.Restore()
	if queried, new := release(30); queried != now || !new {
		t.Errorf("after: %s, %v", queried, new)
	}
}
