package mariadbinput

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// defaultStatusNames returns the status variables that most dashboards and alarms use, including the four of the Python
// rtcollector.
func defaultStatusNames() match.List {
	return match.NewList("Uptime", "Connections", "Questions", "Queries", "Slow_queries", "Threads_*", "Max_used_connections", "Aborted_*",
		"Connection_errors_*", "Access_denied_errors", "Bytes_*",
		"Com_select", "Com_insert", "Com_update", "Com_delete", "Com_replace", "Com_commit", "Com_rollback", "Com_begin",
		"Handler_*", "Select_*", "Sort_*", "Created_tmp_*", "Table_locks_*", "Table_open_cache_*",
		"Open_files", "Open_tables", "Opened_files", "Opened_tables", "Prepared_stmt_count", "Memory_used", "Slaves_*",
		"Binlog_cache_*", "Binlog_commits", "Key_*", "Innodb_buffer_pool_*", "Innodb_data_*", "Innodb_row*", "Innodb_pages_*", "Innodb_log_*",
		"Innodb_os_log_*", "Innodb_deadlocks", "Innodb_history_list_length", "Innodb_checkpoint_*", "Innodb_lsn_current",
		"wsrep_cluster_*", "wsrep_local_*", "wsrep_flow_control_*", "wsrep_ready", "wsrep_connected", "Rpl_semi_sync_*")
}

// statusRule gives unit and kind of status variables, which the server does not report.
type statusRule struct {
	pattern match.List // of names in lower case
	unit    telemetry.Unit
	kind    telemetry.Kind
}

// statusRules returns the rules; the first that matches applies. Variables that match none are counters, as most are
// (documentation of MariaDB and of MySQL, "Server Status Variables"). The rules list gauges and not counters, because the
// mistakes differ: an unlisted gauge has a useless rate, but a counter taken for a gauge would have none.
func statusRules() []statusRule {
	none, bytes := telemetry.None, telemetry.Bytes
	return []statusRule{
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

// statusMetric returns the metric of a status variable.
func statusMetric(rules []statusRule, name string) sqlseries.Metric {
	m := sqlseries.Metric{Name: "mariadb_" + name, Kind: telemetry.Counter}
	for _, r := range rules {
		if r.pattern.Match(name) {
			m.Unit, m.Kind = r.unit, r.kind
			break
		}
	}
	return m
}

// variableSet holds the series of status variables or system variables.
type variableSet struct {
	sets  *telemetry.Vec[string, *sqlseries.Set]
	value [1][]byte
}

func newVariableSet(f *telemetry.Factory, server telemetry.Label, wanted func(string) (sqlseries.Metric, bool)) *variableSet {
	return &variableSet{sets: telemetry.NewVec(f, func(f *telemetry.Factory, name string) *sqlseries.Set {
		m, ok := wanted(name)
		if !ok {
			return nil
		}
		return sqlseries.NewSet(f, []telemetry.Label{server}, nil, []sqlseries.Metric{m}, nil)
	})}
}

// unsetValue is -1 as Galera prints it, for a value that does not exist yet.
const unsetValue = "18446744073709551615"

// addVariable adds the sample of a variable. A text that is neither a number nor a switch is left out.
func (n *variableSet) addVariable(out *telemetry.Batch, name, text []byte) {
	set := *telemetry.GetBytes(n.sets, name)
	if set == nil {
		return
	}
	if string(text) == unsetValue {
		return
	}
	if _, ok := sqlseries.ParseNumber(text); !ok {
		if text = parseSwitch(text); text == nil {
			return
		}
	}
	n.value[0] = text
	set.Add(out, nil, n.value[:])
	_ = set.End(out) // no problems: it is a number, and each name appears once
}

// parseSwitch returns the number of a switch, or nil for any other text.
func parseSwitch(text []byte) []byte {
	switch strings.ToLower(string(text)) {
	case "on", "yes", "primary":
		return []byte("1")
	case "off", "no", "non-primary", "disconnected":
		return []byte("0")
	}
	return nil
}

func newStatusVariables(f *telemetry.Factory, server telemetry.Label, wanted match.List) *variableSet {
	rules := statusRules()
	return newVariableSet(f, server, func(name string) (sqlseries.Metric, bool) {
		lower := strings.ToLower(name)
		return statusMetric(rules, lower), wanted.Match(name) || wanted.Match(lower)
	})
}

func newSystemVariables(f *telemetry.Factory, server telemetry.Label, wanted match.List) *variableSet {
	return newVariableSet(f, server, func(name string) (sqlseries.Metric, bool) {
		return sqlseries.Metric{Name: "mariadb_variable_" + strings.ToLower(name)}, wanted.Match(name)
	})
}
