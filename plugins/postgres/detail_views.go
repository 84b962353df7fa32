package postgresinput

import (
	"fmt"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// walPosition is the end of this server's WAL: what a primary has written, or a standby has received. The functions for
// primaries fail on a standby.
const walPosition = "CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END"

// lagExpression returns the distance in bytes between two WAL positions as SQL.
func lagExpression(ahead, lsn string) string {
	return "greatest(pg_wal_lsn_diff(" + ahead + ", " + lsn + "), 0)"
}

func positionView() view {
	return view{name: "WAL position", columns: []column{
		counter("postgres_wal_position", "pg_wal_lsn_diff("+walPosition+", '0/0')", telemetry.Bytes),
	}}
}

// standbysView lists the standbys of this server. Standbys with the same name and address share a series, which shows the
// one with the largest lag.
func standbysView() view {
	bytes, seconds := telemetry.Bytes, telemetry.Seconds
	maxBytes := func(lsn string) string { return "max(" + lagExpression("p.lsn", lsn) + ")" }
	maxSeconds := func(lsn, lag string) string {
		return "max(CASE WHEN " + lsn + " >= p.lsn THEN 0 ELSE extract(epoch FROM " + lag + ") END)"
	}
	return view{
		name:       "pg_stat_replication",
		fromClause: "pg_stat_replication r CROSS JOIN (SELECT " + walPosition + " AS lsn) p WHERE r.state IS NOT NULL GROUP BY 1, 2",
		labels: []column{
			label("application_name", "r.application_name"),
			label("client", "coalesce(host(r.client_addr), 'local')"),
		},
		columns: []column{
			gauge("postgres_replication_standbys", "count(*)", telemetry.None),
			gauge("postgres_replication_streaming", "count(*) FILTER (WHERE r.state = 'streaming')", telemetry.None),
			gauge("postgres_replication_sync", "count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum'))", telemetry.None),
			gauge("postgres_replication_sent_lag_bytes", maxBytes("r.sent_lsn"), bytes),
			gauge("postgres_replication_write_lag_bytes", maxBytes("r.write_lsn"), bytes),
			gauge("postgres_replication_flush_lag_bytes", maxBytes("r.flush_lsn"), bytes),
			gauge("postgres_replication_lag_bytes", maxBytes("r.replay_lsn"), bytes),
			gauge("postgres_replication_write_lag_seconds", maxSeconds("r.write_lsn", "r.write_lag"), seconds).from(v10),
			gauge("postgres_replication_flush_lag_seconds", maxSeconds("r.flush_lsn", "r.flush_lag"), seconds).from(v10),
			gauge("postgres_replication_lag_seconds", maxSeconds("r.replay_lsn", "r.replay_lag"), seconds).from(v10),
		},
	}
}

// recoveryView shows this server as a standby. A standby that has replayed everything it received has no lag, however old
// the last transaction is. Whether it still receives is a metric of its own.
func recoveryView() view {
	const age = "extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())"
	return view{
		name:       "recovery",
		fromClause: "(SELECT pg_last_wal_receive_lsn() AS received, pg_last_wal_replay_lsn() AS replayed) l LEFT JOIN pg_stat_wal_receiver r ON true WHERE pg_is_in_recovery()",
		columns: []column{
			gauge("postgres_replay_lag_bytes", lagExpression("l.received", "l.replayed"), telemetry.Bytes),
			gauge("postgres_replay_lag_seconds", "CASE WHEN l.received <= l.replayed THEN 0 ELSE "+age+" END", telemetry.Seconds),
			gauge("postgres_replay_age", age, telemetry.Seconds),
			gauge("postgres_wal_receiver_streaming", "coalesce((r.status = 'streaming')::int, 0)", telemetry.None),
			gauge("postgres_wal_receiver_message_age", "extract(epoch FROM clock_timestamp() - r.last_msg_receipt_time)", telemetry.Seconds),
		},
	}
}

func slotView() view {
	return view{
		name:       "pg_replication_slots",
		fromClause: "pg_replication_slots s CROSS JOIN (SELECT " + walPosition + " AS lsn) p",
		labels:     []column{label("slot", "s.slot_name")},
		columns: []column{
			gauge("postgres_replication_slot_active", "s.active::int", telemetry.None),
			gauge("postgres_replication_slot_retained_bytes", lagExpression("p.lsn", "s.restart_lsn"), telemetry.Bytes),
			gauge("postgres_replication_slot_lost", "(s.wal_status = 'lost')::int", telemetry.None).from(v13),
		},
	}
}

// vacuumView lists the running vacuums. For tables of other databases only the OID is known.
func vacuumView() view {
	return view{
		name:       "pg_stat_progress_vacuum",
		fromClause: "pg_stat_progress_vacuum v LEFT JOIN pg_class c ON c.oid = v.relid AND v.datname = current_database()",
		labels: []column{
			label("database", "v.datname"),
			label("table", "coalesce(c.oid::regclass::text, v.relid::text)"),
		},
		columns: []column{
			gauge("postgres_vacuum_scanned", "100.0 * v.heap_blks_scanned / greatest(v.heap_blks_total, 1)", telemetry.Percent),
			gauge("postgres_vacuum_vacuumed", "100.0 * v.heap_blks_vacuumed / greatest(v.heap_blks_total, 1)", telemetry.Percent),
			gauge("postgres_vacuum_index_passes", "v.index_vacuum_count", telemetry.None),
		},
	}
}

// The views pg_stat_user_tables and pg_stat_user_indexes read all relations, of which there may be 10,000. We call their
// functions (src/backend/catalog/system_views.sql) for the largest relations only.
const (
	inUserSchemas    = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t'"
	largestRelations = "(SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" +
		" WHERE c.relkind IN (%s) AND " + inUserSchemas + " ORDER BY c.relpages DESC, c.oid LIMIT %d) t"
)

func tableView(top int) view {
	n := telemetry.None
	return view{
		name:       "tables",
		fromClause: fmt.Sprintf(largestRelations, "'r', 'm'", top),
		labels: []column{
			label("database", "current_database()"), label("schema", "t.nspname"), label("table", "t.relname"),
		},
		columns: []column{
			gauge("postgres_table_size", "pg_table_size(t.oid)", telemetry.Bytes),
			gauge("postgres_table_indexes_size", "pg_indexes_size(t.oid)", telemetry.Bytes),
			gauge("postgres_table_live_tuples", "pg_stat_get_live_tuples(t.oid)", n),
			gauge("postgres_table_dead_tuples", "pg_stat_get_dead_tuples(t.oid)", n),
			gauge("postgres_table_modified_since_analyze", "pg_stat_get_mod_since_analyze(t.oid)", n),
			counter("postgres_table_seq_scans", "pg_stat_get_numscans(t.oid)", n),
			counter("postgres_table_seq_tuples_read", "pg_stat_get_tuples_returned(t.oid)", n),
			counter("postgres_table_idx_scans", "(SELECT coalesce(sum(pg_stat_get_numscans(i.indexrelid)), 0) FROM pg_index i WHERE i.indrelid = t.oid)", n),
			counter("postgres_table_inserted", "pg_stat_get_tuples_inserted(t.oid)", n),
			counter("postgres_table_updated", "pg_stat_get_tuples_updated(t.oid)", n),
			counter("postgres_table_hot_updated", "pg_stat_get_tuples_hot_updated(t.oid)", n),
			counter("postgres_table_deleted", "pg_stat_get_tuples_deleted(t.oid)", n),
			counter("postgres_table_vacuums", "pg_stat_get_vacuum_count(t.oid) + pg_stat_get_autovacuum_count(t.oid)", n),
			counter("postgres_table_analyzes", "pg_stat_get_analyze_count(t.oid) + pg_stat_get_autoanalyze_count(t.oid)", n),
			gauge("postgres_table_vacuum_age", "extract(epoch FROM now() - greatest(pg_stat_get_last_vacuum_time(t.oid), pg_stat_get_last_autovacuum_time(t.oid)))", telemetry.Seconds),
		},
	}
}

func indexView(top int) view {
	n := telemetry.None
	return view{
		name:       "indexes",
		fromClause: fmt.Sprintf(largestRelations, "'i'", top) + " JOIN pg_index i ON i.indexrelid = t.oid JOIN pg_class r ON r.oid = i.indrelid",
		labels: []column{
			label("database", "current_database()"), label("schema", "t.nspname"), label("table", "r.relname"), label("index", "t.relname"),
		},
		columns: []column{
			gauge("postgres_index_size", "pg_relation_size(t.oid)", telemetry.Bytes),
			gauge("postgres_index_valid", "i.indisvalid::int", n),
			counter("postgres_index_scans", "pg_stat_get_numscans(t.oid)", n),
			counter("postgres_index_tuples_read", "pg_stat_get_tuples_returned(t.oid)", n),
			counter("postgres_index_tuples_fetched", "pg_stat_get_tuples_fetched(t.oid)", n),
		},
	}
}

// statementView lists the statements that took the longest in total. It does not read their texts, because they may contain
// passwords.
func statementView(top int) view {
	n, ms := telemetry.None, telemetry.Milliseconds
	sum := func(column string) string { return "sum(s." + column + ")" }
	v := view{
		name:       "pg_stat_statements",
		fromClause: fmt.Sprintf("pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE s.queryid IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT %d", top),
		labels:     []column{label("database", "d.datname"), label("queryid", "s.queryid")},
		columns: []column{
			counter("postgres_statement_time", sum("total_exec_time"), ms).from(v13), // first, because ORDER BY 3 refers to it
			counter("postgres_statement_time", sum("total_time"), ms).until(v13),
			counter("postgres_statement_calls", sum("calls"), n),
			counter("postgres_statement_rows", sum("rows"), n),
			counter("postgres_statement_blks_hit", sum("shared_blks_hit"), n),
			counter("postgres_statement_blks_read", sum("shared_blks_read"), n),
			counter("postgres_statement_temp_blks_written", sum("temp_blks_written"), n),
			counter("postgres_statement_wal_bytes", sum("wal_bytes"), telemetry.Bytes).from(v13),
		},
	}
	return v
}
