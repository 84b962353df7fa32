package mariadbinput

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// defaultStatus are the status variables that most dashboards and alarms are about. The predecessor's four are among them.
func defaultStatus() match.List {
	return match.NewList("Uptime", "Connections", "Questions", "Queries", "Slow_queries", "Threads_*", "Max_used_connections", "Aborted_*",
		"Connection_errors_*", "Access_denied_errors", "Bytes_*",
		"Com_select", "Com_insert", "Com_update", "Com_delete", "Com_replace", "Com_commit", "Com_rollback", "Com_begin",
		"Handler_*", "Select_*", "Sort_*", "Created_tmp_*", "Table_locks_*", "Table_open_cache_*",
		"Open_files", "Open_tables", "Opened_files", "Opened_tables", "Prepared_stmt_count", "Memory_used", "Slaves_*",
		"Binlog_cache_*", "Binlog_commits", "Key_*", "Innodb_buffer_pool_*", "Innodb_data_*", "Innodb_row*", "Innodb_pages_*", "Innodb_log_*",
		"Innodb_os_log_*", "Innodb_deadlocks", "Innodb_history_list_length", "Innodb_checkpoint_*", "Innodb_lsn_current",
		"wsrep_cluster_*", "wsrep_local_*", "wsrep_flow_control_*", "wsrep_ready", "wsrep_connected", "Rpl_semi_sync_*")
}

// rule says what a status variable is: the server does not.
type rule struct {
	pattern match.List // of names in small letters
	unit    telemetry.Unit
	kind    telemetry.Kind
}

// rules hold in this order; what none of them names is a counter, as most are (MariaDB's documentation, "Server Status
// Variables", MySQL's of the same name). A gauge that is taken for a counter has a rate too many; a counter that is
// taken for a gauge has none: so the list is one of gauges.
func rules() []rule {
	none, bytes := telemetry.None, telemetry.Bytes
	return []rule{
		{match.NewList("uptime", "uptime_since_flush_status"), telemetry.Seconds, telemetry.Gauge},
		{match.NewList("innodb_row_lock_time_avg", "innodb_row_lock_time_max"), telemetry.Milliseconds, telemetry.Gauge},
		{match.NewList("innodb_row_lock_time"), telemetry.Milliseconds, telemetry.Counter},
		{match.NewList("bytes_*", "innodb_data_read", "innodb_data_written", "innodb_os_log_written", "binlog_bytes_written"), bytes, telemetry.Counter},
		{match.NewList("memory_used", "memory_used_initial", "innodb_buffer_pool_bytes_*", "innodb_page_size", "innodb_checkpoint_age",
			"innodb_checkpoint_max_age", "innodb_mem_*", "qcache_free_memory"), bytes, telemetry.Gauge},
		{match.NewList("innodb_buffer_pool_pages_*flushed", "innodb_buffer_pool_pages_made_*", "innodb_buffer_pool_pages_split"), none, telemetry.Counter},
		{match.NewList("threads_cached", "threads_connected", "threads_running", "open_*", "max_used_connections", "prepared_stmt_count", "slaves_*", "slave_running", "slave_open_temp_tables",
			"innodb_buffer_pool_pages_*", "innodb_buffer_pool_load_incomplete", "innodb_data_pending_*", "innodb_os_log_pending_*", "innodb_row_lock_current_waits",
			"innodb_current_row_locks", "innodb_history_list_length", "innodb_num_open_files", "innodb_ibuf_size", "innodb_ibuf_free_list", "innodb_ibuf_segment_size",
			"innodb_onlineddl_*", "key_blocks_*", "aria_pagecache_blocks_*", "qcache_free_blocks", "qcache_queries_in_cache", "qcache_total_blocks",
			"last_query_cost", "table_open_cache_active_instances", "delayed_insert_threads", "not_flushed_delayed_rows", "threadpool_threads", "threadpool_idle_threads", "tc_log_*", "subquery_cache_miss_rate",
			"wsrep_cluster_*", "wsrep_ready", "wsrep_connected", "wsrep_local_state", "wsrep_local_index", "wsrep_local_*queue", "wsrep_*_avg", "wsrep_*_max", "wsrep_*_min",
			"wsrep_flow_control_paused", "wsrep_flow_control_active", "wsrep_flow_control_requested", "wsrep_cert_deps_distance", "wsrep_cert_index_size", "wsrep_cert_interval",
			"wsrep_desync_count", "wsrep_thread_count", "wsrep_open_*", "wsrep_causal_reads", "wsrep_apply_window", "wsrep_commit_window", "wsrep_protocol_version",
			"rpl_semi_sync_*_status", "rpl_semi_sync_*_clients", "rpl_semi_sync_*_avg_*", "rpl_semi_sync_*_wait_sessions", "ssl_*_size", "ssl_*_depth", "ssl_*_mode"), none, telemetry.Gauge},
	}
}

// metric is how a status variable is written.
func metricOf(rules []rule, name string) sqlseries.Metric {
	m := sqlseries.Metric{Name: "mariadb_" + name, Kind: telemetry.Counter}
	for _, r := range rules {
		if r.pattern.Match(name) {
			m.Unit, m.Kind = r.unit, r.kind
			break
		}
	}
	return m
}

// named are things of which a name and a value are known: status variables, or system variables.
type named struct {
	sets  *telemetry.Vec[string, *sqlseries.Set]
	value [1][]byte
}

func newNamed(f *telemetry.Factory, server telemetry.Label, wanted func(string) (sqlseries.Metric, bool)) *named {
	return &named{sets: telemetry.NewVec(f, func(f *telemetry.Factory, name string) *sqlseries.Set {
		m, ok := wanted(name)
		if !ok {
			return nil
		}
		return sqlseries.NewSet(f, []telemetry.Label{server}, nil, []sqlseries.Metric{m}, nil)
	})}
}

// unset is what Galera writes for -1: there is no such thing as yet.
const unset = "18446744073709551615"

// add appends the value of a variable. What is no number may be a switch; other texts are left out.
func (n *named) add(out *telemetry.Batch, name, text []byte) {
	set := *telemetry.GetBytes(n.sets, name)
	if set == nil {
		return
	}
	if string(text) == unset {
		return
	}
	if _, ok := sqlseries.Number(text); !ok {
		if text = flag(text); text == nil {
			return
		}
	}
	n.value[0] = text
	set.Add(out, nil, n.value[:])
	_ = set.End(out) // it is a number, and no name comes twice
}

// flag is the number of a switch; other texts are none.
func flag(text []byte) []byte {
	switch strings.ToLower(string(text)) {
	case "on", "yes", "primary":
		return []byte("1")
	case "off", "no", "non-primary", "disconnected":
		return []byte("0")
	}
	return nil
}

func statusOf(f *telemetry.Factory, server telemetry.Label, wanted match.List) *named {
	rules := rules()
	return newNamed(f, server, func(name string) (sqlseries.Metric, bool) {
		small := strings.ToLower(name)
		return metricOf(rules, small), wanted.Match(name) || wanted.Match(small)
	})
}

func variablesOf(f *telemetry.Factory, server telemetry.Label, wanted match.List) *named {
	return newNamed(f, server, func(name string) (sqlseries.Metric, bool) {
		return sqlseries.Metric{Name: "mariadb_variable_" + strings.ToLower(name)}, wanted.Match(name)
	})
}
