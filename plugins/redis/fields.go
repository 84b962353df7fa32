package redisinput

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// kibibytesPerSecond is the unit that Redis calls kbps: bytes divided by 1024 (redis/src/server.c, genRedisInfoString).
const kibibytesPerSecond telemetry.Unit = "kibibytes_per_second"

// fieldSpec describes a field of INFO.
type fieldSpec struct {
	isCounter bool
	unit      telemetry.Unit
	isIgnored bool // the number is not a measurement
}

// knownFields returns the fields of INFO that are not plain gauges without a unit, of Redis 2.8 to 8 and of Valkey.
// Sources: redis.io/docs/latest/commands/info; genRedisInfoString in redis/src/server.c for fields that are missing there;
// RediSearch/src/info/info_redis/info_redis.c for Search. TimeSeries adds no fields.
func knownFields() map[string]fieldSpec {
	all := map[string]fieldSpec{}
	set := func(m fieldSpec, names string) {
		for _, name := range strings.Fields(names) {
			all[name] = m
		}
	}
	set(fieldSpec{isIgnored: true}, `arch_bits process_id tcp_port run_id server_time_usec uptime_in_days lru_clock redis_git_sha1 redis_git_dirty
		redis_build_id redis_version valkey_version gcc_version master_replid master_replid2 master_port second_repl_offset master_host
		config_file executable os`)
	setGauges(func(unit telemetry.Unit, names string) { set(fieldSpec{unit: unit}, names) })
	setCounters(func(unit telemetry.Unit, names string) { set(fieldSpec{isCounter: true, unit: unit}, names) })
	return all
}

func setGauges(set func(telemetry.Unit, string)) {
	set(telemetry.Bytes, `used_memory used_memory_rss used_memory_peak used_memory_overhead used_memory_startup used_memory_dataset
		allocator_allocated allocator_active allocator_resident allocator_muzzy total_system_memory used_memory_lua used_memory_vm_eval
		used_memory_scripts_eval used_memory_vm_functions used_memory_vm_total used_memory_functions used_memory_scripts maxmemory
		allocator_frag_bytes allocator_rss_bytes rss_overhead_bytes mem_fragmentation_bytes mem_not_counted_for_evict
		mem_replication_backlog mem_total_replication_buffers mem_replica_full_sync_buffer mem_clients_slaves mem_clients_normal
		mem_cluster_links mem_aof_buffer mem_overhead_db_hashtable_rehashing client_recent_max_input_buffer
		client_recent_max_output_buffer current_cow_peak current_cow_size rdb_last_cow_size aof_last_cow_size module_fork_last_cow_size
		aof_current_size aof_base_size aof_buffer_length aof_rewrite_buffer_length loading_total_bytes loading_loaded_bytes
		loading_rdb_used_mem repl_backlog_size repl_backlog_histlen repl_backlog_first_byte_offset replicas_repl_buffer_size
		replicas_repl_buffer_peak master_sync_total_bytes master_sync_read_bytes master_sync_left_bytes search_used_memory_indexes
		search_smallest_memory_index search_largest_memory_index search_used_memory_vector_index`)
	set(telemetry.Percent, `used_memory_peak_perc used_memory_dataset_perc current_fork_perc expired_stale_perc loading_loaded_perc
		master_sync_perc`)
	set(telemetry.Seconds, `uptime_in_seconds current_cow_size_age rdb_last_save_time rdb_last_bgsave_time_sec
		rdb_current_bgsave_time_sec aof_last_rewrite_time_sec aof_current_rewrite_time_sec loading_start_time loading_eta_seconds
		used_memory_peak_time master_last_io_seconds_ago master_sync_last_io_seconds_ago master_link_down_since_seconds
		master_link_up_since_seconds`)
	set(telemetry.Milliseconds, `current_eviction_exceeded_time current_active_defrag_time shutdown_in_milliseconds`)
	set(telemetry.Microseconds, `latest_fork_usec instantaneous_eventloop_duration_usec`)
	set(telemetry.Hertz, `hz configured_hz`)
	set(telemetry.Operations.PerSecond(), `instantaneous_ops_per_sec`)
	set(telemetry.None.PerSecond(), `instantaneous_eventloop_cycles_per_sec`)
	set(kibibytesPerSecond, `instantaneous_input_kbps instantaneous_output_kbps instantaneous_input_repl_kbps instantaneous_output_repl_kbps`)
}

func setCounters(set func(telemetry.Unit, string)) {
	set(telemetry.None, `total_connections_received rejected_connections total_commands_processed total_error_replies
		unexpected_error_replies expired_keys expired_subkeys expired_keys_active expired_subkeys_active expired_time_cap_reached_count
		evicted_keys evicted_clients evicted_scripts keyspace_hits keyspace_misses lazyfreed_objects sync_full sync_partial_ok
		sync_partial_err total_forks rdb_saves aof_rewrites aof_delayed_fsync active_defrag_hits active_defrag_misses
		active_defrag_key_hits active_defrag_key_misses dump_payload_sanitizations total_reads_processed total_writes_processed
		io_threaded_reads_processed io_threaded_writes_processed io_threaded_total_prefetch_batches io_threaded_total_prefetch_entries
		io_threaded_freed_objects io_threaded_poll_processed
		client_query_buffer_limit_disconnections client_output_buffer_limit_disconnections reply_buffer_shrinks reply_buffer_expands
		eventloop_cycles acl_access_denied_auth acl_access_denied_cmd acl_access_denied_key acl_access_denied_channel
		cluster_incompatible_ops master_total_sync_attempts search_total_cycles search_total_queries_processed
		search_total_query_commands cluster_stats_messages_sent cluster_stats_messages_received total_cluster_links_buffer_limit_exceeded
		search_gc_total_cycles search_total_indexing_ops_text_fields search_total_indexing_ops_tag_fields
		search_total_indexing_ops_numeric_fields search_total_indexing_ops_geo_fields
		search_total_indexing_ops_geoshape_fields search_total_indexing_ops_vector_fields
		search_shard_total_query_errors_syntax search_shard_total_query_errors_arguments
		search_shard_total_query_errors_timeout search_shard_total_query_errors_oom
		search_shard_total_query_warnings_timeout search_shard_total_query_warnings_oom
		search_shard_total_query_warnings_max_prefix_expansions search_coord_total_query_errors_syntax
		search_coord_total_query_errors_arguments search_coord_total_query_errors_timeout
		search_coord_total_query_errors_oom search_coord_total_query_warnings_timeout search_coord_total_query_warnings_oom
		search_coord_total_query_warnings_max_prefix_expansions`)
	set(telemetry.Bytes, `total_net_input_bytes total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes
		master_repl_offset slave_repl_offset slave_read_repl_offset search_bytes_collected search_gc_bytes_collected`)
	set(telemetry.Seconds, `used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread
		used_cpu_user_main_thread`)
	set(telemetry.Milliseconds, `expire_cycle_cpu_milliseconds total_eviction_exceeded_time total_active_defrag_time
		search_total_query_execution_time_ms search_total_ms_run search_gc_total_ms_run search_total_indexing_time`)
	set(telemetry.Microseconds, `eventloop_duration_sum eventloop_duration_cmd_sum`)
}

// pairLineKinds returns the kinds of lines of INFO that hold pairs about one entity. Pairs that are not listed are left
// out: usec_per_call of cmdstat is an average since the server started, and the quotient of two rates is more useful.
func pairLineKinds() []lineKind {
	return []lineKind{
		{prefix: "cmdstat_", label: "cmd", counters: []pair{
			{"calls", telemetry.None}, {"usec", telemetry.Microseconds}, {"rejected_calls", telemetry.None}, {"failed_calls", telemetry.None},
		}},
		{prefix: "errorstat_", label: "error", counters: []pair{{"count", telemetry.None}}},
		{prefix: "io_thread_", label: "thread", gauges: []pair{{"clients", telemetry.None}},
			counters: []pair{{"reads", telemetry.None}, {"writes", telemetry.None}}},
	}
}

// keyspaceKind returns the kind of lines such as "db0:keys=1,expires=1,avg_ttl=999846,subexpiry=0". The label is the whole
// name of the line.
func keyspaceKind() lineKind {
	return lineKind{prefix: "keyspace_", label: "db", gauges: []pair{
		{"keys", telemetry.None}, {"expires", telemetry.None}, {"avg_ttl", telemetry.Milliseconds}, {"subexpiry", telemetry.None},
	}}
}

// isDifference reports whether a field is the difference of two sizes, which may be negative: the allocator, the system
// and Redis count differently (getMemoryOverheadData in redis/src/object.c).
func isDifference(name string) bool {
	switch name {
	case "allocator_frag_bytes", "allocator_rss_bytes", "rss_overhead_bytes", "mem_fragmentation_bytes":
		return true
	}
	return false
}
