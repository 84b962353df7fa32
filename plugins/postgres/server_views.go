package postgresinput

import (
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// The views and their columns are from the documentation of each version of PostgreSQL, chapter "Monitoring Database
// Activity".

func serverView() view {
	return view{name: "server", columns: []column{
		gauge("postgres_uptime", "extract(epoch FROM now() - pg_postmaster_start_time())", telemetry.Seconds),
		gauge("postgres_in_recovery", "pg_is_in_recovery()::int", telemetry.None),
		gauge("postgres_max_connections", "current_setting('max_connections')", telemetry.None),
	}}
}

func databaseView() view {
	n, ms := telemetry.None, telemetry.Milliseconds
	return view{
		name:       "pg_stat_database",
		fromClause: "pg_stat_database s JOIN pg_database d ON d.oid = s.datid WHERE NOT d.datistemplate",
		labels: []column{
			label("database", "d.datname"),
		},
		columns: []column{
			gauge("postgres_numbackends", "numbackends", n),
			counter("postgres_xact_commit", "xact_commit", n),
			counter("postgres_xact_rollback", "xact_rollback", n),
			counter("postgres_blks_read", "blks_read", n),
			counter("postgres_blks_hit", "blks_hit", n),
			counter("postgres_tup_returned", "tup_returned", n),
			counter("postgres_tup_fetched", "tup_fetched", n),
			counter("postgres_tup_inserted", "tup_inserted", n),
			counter("postgres_tup_updated", "tup_updated", n),
			counter("postgres_tup_deleted", "tup_deleted", n),
			counter("postgres_conflicts", "conflicts", n),
			counter("postgres_temp_files", "temp_files", n),
			counter("postgres_temp_bytes", "temp_bytes", telemetry.Bytes),
			counter("postgres_deadlocks", "deadlocks", n),
			counter("postgres_blk_read_time", "blk_read_time", ms),
			counter("postgres_blk_write_time", "blk_write_time", ms),
			counter("postgres_checksum_failures", "checksum_failures", n).from(v12),
			counter("postgres_session_time", "session_time", ms).from(v14),
			counter("postgres_active_time", "active_time", ms).from(v14),
			counter("postgres_idle_in_transaction_time", "idle_in_transaction_time", ms).from(v14),
			counter("postgres_sessions", "sessions", n).from(v14),
			counter("postgres_sessions_abandoned", "sessions_abandoned", n).from(v14),
			counter("postgres_sessions_fatal", "sessions_fatal", n).from(v14),
			counter("postgres_sessions_killed", "sessions_killed", n).from(v14),
			counter("postgres_parallel_workers_to_launch", "parallel_workers_to_launch", n).from(v18),
			counter("postgres_parallel_workers_launched", "parallel_workers_launched", n).from(v18),
			gauge("postgres_frozen_xid_age", "age(d.datfrozenxid)", n),
		},
	}
}

// sizeView runs rarely, because the server reads the size of every file of every database. The size of a database to which
// the user may not connect would be an error.
func sizeView() view {
	return view{
		name: "database sizes", interval: time.Minute,
		fromClause: "pg_database d WHERE NOT d.datistemplate",
		labels:     []column{label("database", "d.datname")},
		columns:    []column{gauge("postgres_database_size", "CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END", telemetry.Bytes)},
	}
}

// activityView counts the clients by their state, without our own connection. A user without pg_monitor only sees the state
// of its own connections; the others are "unknown".
func activityView() view {
	return view{
		name: "pg_stat_activity",
		fromClause: `(VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'), ('fastpath function call'), ('disabled'), ('unknown')) s(state)
			LEFT JOIN pg_stat_activity a ON coalesce(a.state, 'unknown') = s.state AND a.pid <> pg_backend_pid() AND a.` + clientBackends + ` GROUP BY s.state`,
		labels:  []column{label("state", "translate(s.state, ' ()', '_')")},
		columns: []column{gauge("postgres_connections", "count(a.pid)", telemetry.None)},
	}
}

func transactionView() view {
	const since, seconds = "extract(epoch FROM greatest(max(now() - ", telemetry.Seconds
	return view{
		name:       "transactions",
		fromClause: "pg_stat_activity WHERE pid <> pg_backend_pid() AND " + clientBackends,
		columns: []column{
			gauge("postgres_longest_transaction", since+"xact_start), '0'))", seconds),
			gauge("postgres_longest_query", since+"query_start) FILTER (WHERE state = 'active'), '0'))", seconds),
			gauge("postgres_longest_idle_in_transaction", since+"state_change) FILTER (WHERE state LIKE 'idle in transaction%'), '0'))", seconds),
			gauge("postgres_oldest_snapshot_age", "coalesce(max(age(backend_xmin)), 0)", telemetry.None),
			gauge("postgres_connections_waiting_for_lock", "count(*) FILTER (WHERE wait_event_type = 'Lock')", telemetry.None),
			gauge("postgres_prepared_transactions", "(SELECT count(*) FROM pg_prepared_xacts)", telemetry.None),
			gauge("postgres_oldest_prepared_transaction", "(SELECT extract(epoch FROM coalesce(max(now() - prepared), '0')) FROM pg_prepared_xacts)", seconds),
		},
	}
}

func lockView() view {
	return view{
		name: "pg_locks",
		fromClause: `(VALUES ('AccessShareLock'), ('RowShareLock'), ('RowExclusiveLock'), ('ShareUpdateExclusiveLock'), ('ShareLock'), ('ShareRowExclusiveLock'),
			('ExclusiveLock'), ('AccessExclusiveLock'), ('SIReadLock')) m(mode) LEFT JOIN pg_locks l ON l.mode = m.mode AND l.pid <> pg_backend_pid() GROUP BY m.mode`,
		labels: []column{label("mode", "m.mode")},
		columns: []column{
			gauge("postgres_locks", "count(l.mode)", telemetry.None),
			gauge("postgres_locks_waiting", "count(l.mode) FILTER (WHERE NOT l.granted)", telemetry.None),
		},
	}
}

func walView() view {
	n, ms := telemetry.None, telemetry.Milliseconds
	return view{name: "pg_stat_wal", since: v14, fromClause: "pg_stat_wal", columns: []column{
		counter("postgres_wal_records", "wal_records", n),
		counter("postgres_wal_fpi", "wal_fpi", n),
		counter("postgres_wal_bytes", "wal_bytes", telemetry.Bytes),
		counter("postgres_wal_buffers_full", "wal_buffers_full", n),
		counter("postgres_wal_write", "wal_write", n).until(v18),
		counter("postgres_wal_sync", "wal_sync", n).until(v18),
		counter("postgres_wal_write_time", "wal_write_time", ms).until(v18),
		counter("postgres_wal_sync_time", "wal_sync_time", ms).until(v18),
	}}
}

func bgwriterView() view {
	n, ms := telemetry.None, telemetry.Milliseconds
	return view{name: "pg_stat_bgwriter", fromClause: "pg_stat_bgwriter", columns: []column{
		counter("postgres_bgwriter_checkpoints_timed", "checkpoints_timed", n).until(v17),
		counter("postgres_bgwriter_checkpoints_req", "checkpoints_req", n).until(v17),
		counter("postgres_bgwriter_checkpoint_write_time", "checkpoint_write_time", ms).until(v17),
		counter("postgres_bgwriter_checkpoint_sync_time", "checkpoint_sync_time", ms).until(v17),
		counter("postgres_bgwriter_buffers_checkpoint", "buffers_checkpoint", n).until(v17),
		counter("postgres_bgwriter_buffers_clean", "buffers_clean", n),
		counter("postgres_bgwriter_maxwritten_clean", "maxwritten_clean", n),
		counter("postgres_bgwriter_buffers_backend", "buffers_backend", n).until(v17),
		counter("postgres_bgwriter_buffers_backend_fsync", "buffers_backend_fsync", n).until(v17),
		counter("postgres_bgwriter_buffers_alloc", "buffers_alloc", n),
	}}
}

// checkpointerView has the columns that moved out of pg_stat_bgwriter in version 17, under their old names.
func checkpointerView() view {
	n, ms := telemetry.None, telemetry.Milliseconds
	return view{name: "pg_stat_checkpointer", since: v17, fromClause: "pg_stat_checkpointer", columns: []column{
		counter("postgres_bgwriter_checkpoints_timed", "num_timed", n),
		counter("postgres_bgwriter_checkpoints_req", "num_requested", n),
		counter("postgres_bgwriter_checkpoint_write_time", "write_time", ms),
		counter("postgres_bgwriter_checkpoint_sync_time", "sync_time", ms),
		counter("postgres_bgwriter_buffers_checkpoint", "buffers_written", n),
		counter("postgres_checkpointer_restartpoints_timed", "restartpoints_timed", n),
		counter("postgres_checkpointer_restartpoints_req", "restartpoints_req", n),
		counter("postgres_checkpointer_restartpoints_done", "restartpoints_done", n),
		counter("postgres_checkpointer_num_done", "num_done", n).from(v18),
		counter("postgres_checkpointer_slru_written", "slru_written", n).from(v18),
	}}
}

func archiverView() view {
	return view{name: "pg_stat_archiver", fromClause: "pg_stat_archiver", columns: []column{
		counter("postgres_archiver_archived", "archived_count", telemetry.None),
		counter("postgres_archiver_failed", "failed_count", telemetry.None),
		gauge("postgres_archiver_last_archived_age", "extract(epoch FROM now() - last_archived_time)", telemetry.Seconds),
		gauge("postgres_archiver_last_failed_age", "extract(epoch FROM now() - last_failed_time)", telemetry.Seconds),
	}}
}

// ioView lists reads and writes by backend and object, summed over the column context. Rows without any operation are left
// out.
func ioView() view {
	n, bytes, ms := telemetry.None, telemetry.Bytes, telemetry.Milliseconds
	sum := func(expression string) string { return "sum(" + expression + ")" }
	return view{
		name: "pg_stat_io", since: v16,
		fromClause: "pg_stat_io GROUP BY 1, 2 HAVING sum(coalesce(reads, 0) + coalesce(writes, 0) + coalesce(extends, 0) + coalesce(hits, 0) + coalesce(fsyncs, 0)) > 0",
		labels:     []column{label("backend", "translate(backend_type, ' ', '_')"), label("object", "translate(object, ' ', '_')")},
		columns: []column{
			counter("postgres_io_reads", sum("reads"), n),
			counter("postgres_io_writes", sum("writes"), n),
			counter("postgres_io_extends", sum("extends"), n),
			counter("postgres_io_read_bytes", sum("reads * op_bytes"), bytes).until(v18),
			counter("postgres_io_write_bytes", sum("writes * op_bytes"), bytes).until(v18),
			counter("postgres_io_extend_bytes", sum("extends * op_bytes"), bytes).until(v18),
			counter("postgres_io_read_bytes", sum("read_bytes"), bytes).from(v18),
			counter("postgres_io_write_bytes", sum("write_bytes"), bytes).from(v18),
			counter("postgres_io_extend_bytes", sum("extend_bytes"), bytes).from(v18),
			counter("postgres_io_hits", sum("hits"), n),
			counter("postgres_io_evictions", sum("evictions"), n),
			counter("postgres_io_reuses", sum("reuses"), n),
			counter("postgres_io_fsyncs", sum("fsyncs"), n),
			counter("postgres_io_read_time", sum("read_time"), ms),
			counter("postgres_io_write_time", sum("write_time"), ms),
			counter("postgres_io_fsync_time", sum("fsync_time"), ms),
		},
	}
}
