package postgresinput

import (
	"fmt"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// position is how far this server's WAL goes: what it wrote as a primary, what it received as a standby. The functions
// for primaries are an error on a standby.
const position = "CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END"

// behind is how far a position lies behind another.
func behind(ahead, lsn string) string {
	return "greatest(pg_wal_lsn_diff(" + ahead + ", " + lsn + "), 0)"
}

func positionView() view {
	return view{name: "WAL position", columns: []column{
		counter("postgres_wal_position", "pg_wal_lsn_diff("+position+", '0/0')", telemetry.Bytes),
	}}
}

// standbysView has those who replicate from this server. Several of one name and address are one: the one that is
// furthest behind counts.
func standbysView() view {
	bytes, seconds := telemetry.Bytes, telemetry.Seconds
	most := func(lsn string) string { return "max(" + behind("p.lsn", lsn) + ")" }
	late := func(lsn, lag string) string {
		return "max(CASE WHEN " + lsn + " >= p.lsn THEN 0 ELSE extract(epoch FROM " + lag + ") END)"
	}
	return view{
		name: "pg_stat_replication",
		from: "pg_stat_replication r CROSS JOIN (SELECT " + position + " AS lsn) p WHERE r.state IS NOT NULL GROUP BY 1, 2",
		labels: []column{
			label("application_name", "r.application_name"),
			label("client", "coalesce(host(r.client_addr), 'local')"),
		},
		columns: []column{
			gauge("postgres_replication_standbys", "count(*)", telemetry.None),
			gauge("postgres_replication_streaming", "count(*) FILTER (WHERE r.state = 'streaming')", telemetry.None),
			gauge("postgres_replication_sync", "count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum'))", telemetry.None),
			gauge("postgres_replication_sent_lag_bytes", most("r.sent_lsn"), bytes),
			gauge("postgres_replication_write_lag_bytes", most("r.write_lsn"), bytes),
			gauge("postgres_replication_flush_lag_bytes", most("r.flush_lsn"), bytes),
			gauge("postgres_replication_lag_bytes", most("r.replay_lsn"), bytes),
			gauge("postgres_replication_write_lag_seconds", late("r.write_lsn", "r.write_lag"), seconds).from(v10),
			gauge("postgres_replication_flush_lag_seconds", late("r.flush_lsn", "r.flush_lag"), seconds).from(v10),
			gauge("postgres_replication_lag_seconds", late("r.replay_lsn", "r.replay_lag"), seconds).from(v10),
		},
	}
}

// recoveryView is about this server as a standby. One that has replayed all it received is not late, however long ago
// the last transaction was; whether it still receives is another question.
func recoveryView() view {
	const age = "extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())"
	return view{
		name: "recovery",
		from: "(SELECT pg_last_wal_receive_lsn() AS received, pg_last_wal_replay_lsn() AS replayed) l LEFT JOIN pg_stat_wal_receiver r ON true WHERE pg_is_in_recovery()",
		columns: []column{
			gauge("postgres_replay_lag_bytes", behind("l.received", "l.replayed"), telemetry.Bytes),
			gauge("postgres_replay_lag_seconds", "CASE WHEN l.received <= l.replayed THEN 0 ELSE "+age+" END", telemetry.Seconds),
			gauge("postgres_replay_age", age, telemetry.Seconds),
			gauge("postgres_wal_receiver_streaming", "coalesce((r.status = 'streaming')::int, 0)", telemetry.None),
			gauge("postgres_wal_receiver_message_age", "extract(epoch FROM clock_timestamp() - r.last_msg_receipt_time)", telemetry.Seconds),
		},
	}
}

func slotView() view {
	return view{
		name:   "pg_replication_slots",
		from:   "pg_replication_slots s CROSS JOIN (SELECT " + position + " AS lsn) p",
		labels: []column{label("slot", "s.slot_name")},
		columns: []column{
			gauge("postgres_replication_slot_active", "s.active::int", telemetry.None),
			gauge("postgres_replication_slot_retained_bytes", behind("p.lsn", "s.restart_lsn"), telemetry.Bytes),
			gauge("postgres_replication_slot_lost", "(s.wal_status = 'lost')::int", telemetry.None).from(v13),
		},
	}
}

// vacuumView has the vacuums that run now. A table of another database than ours is known by its number only.
func vacuumView() view {
	return view{
		name: "pg_stat_progress_vacuum",
		from: "pg_stat_progress_vacuum v LEFT JOIN pg_class c ON c.oid = v.relid AND v.datname = current_database()",
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

// The functions behind pg_stat_user_tables and pg_stat_user_indexes (src/backend/catalog/system_views.sql) are asked for the
// chosen relations only; the views work through all of them, of which there may be 10,000.
const (
	ofUsers  = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t'"
	relation = "(SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" +
		" WHERE c.relkind IN (%s) AND " + ofUsers + " ORDER BY c.relpages DESC, c.oid LIMIT %d) t"
)

func tableView(top int) view {
	n := telemetry.None
	return view{
		name: "tables",
		from: fmt.Sprintf(relation, "'r', 'm'", top),
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
		name: "indexes",
		from: fmt.Sprintf(relation, "'i'", top) + " JOIN pg_index i ON i.indexrelid = t.oid JOIN pg_class r ON r.oid = i.indrelid",
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

// statementView has the statements that took the longest in total. Their texts are left where they are: one that
// sets a password has it in its text.
func statementView(top int) view {
	n, ms := telemetry.None, telemetry.Milliseconds
	sum := func(column string) string { return "sum(s." + column + ")" }
	v := view{
		name:   "pg_stat_statements",
		from:   fmt.Sprintf("pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE s.queryid IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT %d", top),
		labels: []column{label("database", "d.datname"), label("queryid", "s.queryid")},
		columns: []column{
			counter("postgres_statement_time", sum("total_exec_time"), ms).from(v13), // the one to order by stands first
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
