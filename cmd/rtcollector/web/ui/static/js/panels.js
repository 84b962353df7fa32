// What a host's page can show: groups of panels, each with its queries. A panel appears if one of its metrics exists on the host, so that
// there are no empty ones. README.md tells how to add a panel.
import { selector } from "./promql.js";

// A query is {metric, rate, label, by, where, expr}:
//   metric  the metric. With rate, the gauge NAME_rate is used, or rate() of the counter if only that was written.
//   label   the text of the legend, or the name of the label that has it as "$name"; several are joined: "$chip $sensor".
//   where   more conditions for the selector. by: a sum by these labels.
//   plus    more metrics that a sum adds: {metric: "user", plus: ["system"], by: ["group"]}.
//   minus   a factor: bytes that were sent are drawn like those that were received, so this is not used for directions.
//   expr    the whole expression, made from pick(metric, where, rate); needs names the metrics that must exist.

const total = { core: "cpu-total" };
const some = (resource) => ({ resource, type: "some" });

// topMetrics are the metrics of the input process_top, with the names by which the page of processes chooses one.
export const topMetrics = [
  { id: "cpu", title: "CPU", unit: "percent" }, { id: "rss", title: "memory", unit: "bytes" }, { id: "pss", title: "PSS", unit: "bytes" }, { id: "read", title: "read", unit: "bytes/s" },
  { id: "write", title: "written", unit: "bytes/s" }, { id: "rx", title: "received", unit: "bytes/s" }, { id: "tx", title: "sent", unit: "bytes/s" },
];

// topPanel is the panel of one of topMetrics, by the name of the process.
export function topPanel({ id, title, unit }) {
  return { title: `Top processes: ${title}`, unit, min: 0, head: "max", most: 12, queries: [{ metric: `process_top_${id}`, by: ["name"], label: "$name" }] };
}

// processGroups returns the panels of the input process_groups, with an area for each value of a label: "group", or "subgroup" within a group.
// Panels of which others are parts come first.
export function processGroups(by, group) {
  const query = (metric, more) => ({ metric: `process_group_${metric}`, by: [by], where: group === undefined ? {} : { group }, label: `$${by}`, ...more });
  const counter = (metric, more) => query(metric, { rate: true, ...more });
  const both = (a, b) => [counter(a, { plus: [`process_group_${b}`] })];
  const stack = (title, unit, queries) => ({ title, unit, min: 0, head: "sum", stack: true, most: 10, queries });
  return [
    stack("CPU", "cores", both("cpu_user", "cpu_system")),
    stack("Memory (RSS)", "bytes", [query("rss")]),
    stack("Processes", "", [query("count")]),
    stack("Memory (PSS)", "bytes", [query("pss")]),
    stack("Memory (USS)", "bytes", [query("uss")]),
    stack("Swap", "bytes", [query("swap")]),
    stack("CPU, user", "cores", [counter("cpu_user")]),
    stack("CPU, system", "cores", [counter("cpu_system")]),
    stack("Threads", "", [query("threads")]),
    stack("Open descriptors", "", [query("fds")]),
    stack("Read", "bytes/s", [counter("read_bytes")]),
    stack("Written", "bytes/s", [counter("write_bytes")]),
    stack("Read and write calls", "/s", both("read_calls", "write_calls")),
    stack("Received", "bytes/s", [counter("net_rx_bytes")]),
    stack("Sent", "bytes/s", [counter("net_tx_bytes")]),
    stack("Block devices, read", "bytes/s", [counter("block_read_bytes", { by: [by, "device"], label: `$${by} $device` })]),
    stack("Block devices, written", "bytes/s", [counter("block_write_bytes", { by: [by, "device"], label: `$${by} $device` })]),
    stack("Connections", "", [query("connections", { by: [by, "state"], label: `$${by} $state` })]),
    stack("Context switches, voluntary", "/s", [counter("context_switches_voluntary")]),
    stack("Context switches, involuntary", "/s", [counter("context_switches_involuntary")]),
    stack("Page faults, minor", "/s", [counter("faults_minor")]),
    stack("Page faults, major", "/s", [counter("faults_major")]),
    stack("Starts", "/s", [counter("starts")]),
    stack("OOM kills", "/s", [counter("oom_kills")]),
  ];
}

export const groups = [
  {
    id: "overview", title: "Overview", panels: [
      { title: "CPU", unit: "percent", min: 0, max: 100, fill: true, head: "sum", queries: [
        { metric: "cpu_usage_user", where: total, label: "user" }, { metric: "cpu_usage_system", where: total, label: "system" },
        { metric: "cpu_usage_iowait", where: total, label: "iowait" }, { metric: "cpu_usage_steal", where: total, label: "steal", optional: true }] },
      { title: "Memory", unit: "bytes", min: 0, fill: true, queries: [
        { metric: "mem_used", label: "used" }, { metric: "mem_cached", label: "cached" }, { metric: "mem_total", label: "total" }] },
      { title: "Pressure, 10 s", unit: "percent", min: 0, head: "max", queries: [
        { metric: "kernel_pressure_avg10", where: some("cpu"), label: "cpu" }, { metric: "kernel_pressure_avg10", where: some("memory"), label: "memory" },
        { metric: "kernel_pressure_avg10", where: some("io"), label: "io" }] },
      { title: "Load", min: 0, queries: [
        { metric: "system_load1", label: "1 min" }, { metric: "system_load5", label: "5 min" }, { metric: "system_load15", label: "15 min" }] },
      { title: "Disk throughput", unit: "bytes/s", min: 0, fill: true, head: "sum", queries: [
        { metric: "diskio_read_bytes_rate", wholeDisks: true, sum: true, label: "read" }, { metric: "diskio_write_bytes_rate", wholeDisks: true, sum: true, label: "write" }] },
      { title: "Network", unit: "bytes/s", min: 0, fill: true, head: "sum", queries: [
        { metric: "net_rx_bytes", rate: true, not: { iface: "lo" }, sum: true, label: "in" }, { metric: "net_tx_bytes", rate: true, not: { iface: "lo" }, sum: true, label: "out" }] },
      { title: "File systems, used", unit: "percent", min: 0, max: 100, head: "max", queries: [{ metric: "disk_used_percent", label: "$mount" }] },
      { title: "Temperature", unit: "celsius", min: 0, head: "max", queries: [
        { metric: "sensor_temperature", label: "$chip $sensor" }, { metric: "sensor_zone_temperature", label: "$type" }] },
      { title: "TCP connections", min: 0, queries: [
        { metric: "tcp_curr_estab", label: "established" }, { metric: "tcp_time_wait", label: "time wait" }, { metric: "sockets_used", label: "sockets" }] },
      { title: "Processes", min: 0, queries: [
        { metric: "processes_running", label: "running" }, { metric: "processes_blocked", label: "blocked" }, { metric: "processes_zombie", label: "zombie" }] },
      { title: "Swap", unit: "bytes", min: 0, queries: [{ metric: "swap_used", label: "used" }, { metric: "swap_total", label: "total" }] },
      { title: "Clock offset", unit: "seconds", queries: [{ metric: "time_offset_seconds", label: "offset" }] },
    ],
  },
  {
    id: "cpu", title: "CPU", panels: [
      { title: "CPU per core", unit: "percent", min: 0, max: 100, head: "max", queries: [{ metric: "cpu_usage_active", not: total, label: "core $core" }] },
      { title: "States", unit: "percent", min: 0, head: "none", queries: ["user", "system", "nice", "iowait", "irq", "softirq", "steal", "guest"].map((state) => ({ metric: `cpu_usage_${state}`, where: total, label: state })) },
      { title: "Context switches and interrupts", unit: "/s", min: 0, queries: [
        { metric: "kernel_context_switches", rate: true, label: "context switches" }, { metric: "kernel_interrupts", rate: true, label: "interrupts" }] },
      { title: "Soft interrupts", unit: "/s", min: 0, head: "sum", queries: [{ metric: "kernel_softirqs", rate: true, label: "$softirq" }] },
      { title: "New processes", unit: "/s", min: 0, queries: [{ metric: "kernel_processes_forked", rate: true, label: "forks" }] },
      { title: "Running and blocked threads", min: 0, queries: [{ metric: "kernel_procs_running", label: "running" }, { metric: "kernel_procs_blocked", label: "blocked" }] },
      { title: "CPU pressure", unit: "percent", min: 0, queries: pressure("cpu") },
      { title: "CPU clocks", unit: "hertz", min: 0, head: "max", queries: [{ metric: "cpu_frequency", label: "core $core" }] },
    ],
  },
  {
    id: "memory", title: "Memory", panels: [
      { title: "Memory", unit: "bytes", min: 0, fill: true, queries: ["used", "cached", "buffers", "available", "free", "total"].map((part) => ({ metric: `mem_${part}`, label: part })) },
      { title: "Available", unit: "percent", min: 0, max: 100, queries: [{ metric: "mem_available_percent", label: "available" }] },
      { title: "Memory pressure", unit: "percent", min: 0, queries: pressure("memory") },
      { title: "Swap", unit: "bytes", min: 0, queries: [{ metric: "swap_used", label: "used" }, { metric: "swap_free", label: "free" }] },
      { title: "Swap traffic", unit: "bytes/s", min: 0, head: "sum", queries: [{ metric: "swap_in", rate: true, label: "in" }, { metric: "swap_out", rate: true, label: "out" }] },
      { title: "Page faults", unit: "/s", min: 0, queries: [{ metric: "vmstat_pgfault", rate: true, label: "faults" }, { metric: "vmstat_pgmajfault", rate: true, label: "major faults" }] },
      { title: "Out of memory", unit: "/s", min: 0, queries: [{ metric: "vmstat_oom_kill", rate: true, label: "kills" }] },
    ],
  },
  {
    id: "disks", title: "Disks", panels: [
      { title: "File systems, used", unit: "percent", min: 0, max: 100, head: "max", queries: [{ metric: "disk_used_percent", label: "$mount" }] },
      { title: "Space available", unit: "bytes", min: 0, head: "none", queries: [{ metric: "disk_available", label: "$mount" }] },
      { title: "Inodes, used", unit: "percent", min: 0, max: 100, head: "max", queries: [{ metric: "disk_inodes_percent", label: "$mount" }] },
      { title: "Read", unit: "bytes/s", min: 0, head: "max", queries: [{ metric: "diskio_read_bytes_rate", label: "$device" }] },
      { title: "Written", unit: "bytes/s", min: 0, head: "max", queries: [{ metric: "diskio_write_bytes_rate", label: "$device" }] },
      { title: "Operations", unit: "/s", min: 0, head: "max", queries: [{ metric: "diskio_reads_rate", label: "$device reads" }, { metric: "diskio_writes_rate", label: "$device writes" }] },
      { title: "Busy", unit: "percent", min: 0, max: 100, head: "max", queries: [{ metric: "diskio_util_percent", label: "$device" }] },
      { title: "Time of an operation", unit: "seconds", min: 0, head: "max", factor: 1e-3, queries: [{ metric: "diskio_read_await", label: "$device read" }, { metric: "diskio_write_await", label: "$device write" }] },
      { title: "Queue", min: 0, head: "max", queries: [{ metric: "diskio_queue_length", label: "$device" }] },
      { title: "I/O pressure", unit: "percent", min: 0, queries: pressure("io") },
      { title: "File system errors", unit: "/s", min: 0, head: "max", queries: [{ metric: "disk_fs_errors", rate: true, label: "$mount" }] },
    ],
  },
  {
    id: "network", title: "Network", panels: [
      { title: "Received", unit: "bytes/s", min: 0, head: "max", queries: [{ metric: "net_rx_bytes", rate: true, label: "$iface" }] },
      { title: "Sent", unit: "bytes/s", min: 0, head: "max", queries: [{ metric: "net_tx_bytes", rate: true, label: "$iface" }] },
      { title: "Packets", unit: "/s", min: 0, head: "max", queries: [{ metric: "net_rx_packets", rate: true, label: "$iface in" }, { metric: "net_tx_packets", rate: true, label: "$iface out" }] },
      { title: "Errors and drops", unit: "/s", min: 0, head: "max", queries: [
        { metric: "net_rx_errs", rate: true, label: "$iface errors in" }, { metric: "net_tx_errs", rate: true, label: "$iface errors out" },
        { metric: "net_rx_drop", rate: true, label: "$iface drops in" }, { metric: "net_tx_drop", rate: true, label: "$iface drops out" }] },
      { title: "TCP connections", min: 0, queries: ["curr_estab", "established", "time_wait", "close_wait", "syn_recv", "fin_wait1", "listen"].map((state) => ({ metric: `tcp_${state}`, label: state === "curr_estab" ? "established or close wait" : state.replace("_", " ") })) },
      { title: "TCP opened", unit: "/s", min: 0, queries: [{ metric: "tcp_active_opens", rate: true, label: "by this host" }, { metric: "tcp_passive_opens", rate: true, label: "by others" }] },
      { title: "TCP trouble", unit: "/s", min: 0, head: "sum", queries: [
        { metric: "tcp_retrans_segs", rate: true, label: "retransmitted" }, { metric: "tcp_listen_drops", rate: true, label: "listen drops" },
        { metric: "tcp_attempt_fails", rate: true, label: "failed attempts" }, { metric: "tcp_in_errs", rate: true, label: "bad segments" }] },
      { title: "Sockets", min: 0, queries: [{ metric: "sockets_used", label: "all" }, { metric: "sockets_tcp_inuse", label: "TCP" }, { metric: "sockets_tcp6_inuse", label: "TCP 6" }, { metric: "sockets_udp_inuse", label: "UDP" }, { metric: "sockets_tcp_orphan", label: "orphans" }] },
      { title: "TCP memory", unit: "bytes", min: 0, queries: [{ metric: "sockets_tcp_mem", label: "used" }, { metric: "sockets_tcp_mem_max", label: "limit" }] },
      { title: "Connection tracking", unit: "percent", min: 0, max: 100, queries: [{ metric: "conntrack_used_percent", label: "table" }] },
      { title: "Packet queue drops", unit: "/s", min: 0, head: "sum", queries: [{ metric: "softnet_dropped", rate: true, label: "core $core" }] },
    ],
  },
  {
    id: "sensors", title: "Sensors", panels: [
      { title: "Temperatures", unit: "celsius", min: 0, head: "max", queries: [{ metric: "sensor_temperature", label: "$chip $sensor" }, { metric: "sensor_zone_temperature", label: "$type" }] },
      { title: "Fans", unit: "rpm", min: 0, head: "max", queries: [{ metric: "sensor_fan", label: "$chip $sensor" }] },
      { title: "Voltages", unit: "volts", min: 0, head: "none", queries: [{ metric: "sensor_voltage", label: "$chip $sensor" }] },
      { title: "Power", unit: "watts", min: 0, head: "sum", queries: [{ metric: "sensor_power", label: "$chip $sensor" }, { metric: "power_energy", rate: true, label: "$domain" }] },
      { title: "Batteries", unit: "percent", min: 0, max: 100, queries: [{ metric: "power_supply_capacity", label: "$supply" }] },
    ],
  },
  {
    id: "processes", title: "Processes", panels: [
      ...processGroups("group").slice(0, 2).map((panel) => ({ ...panel, title: `${panel.title} by group` })),
      ...topMetrics.slice(0, 2).map(topPanel),
      { title: "Processes", min: 0, queries: ["total", "running", "sleeping", "blocked", "zombie", "stopped", "idle"].map((state) => ({ metric: `processes_${state}`, label: state })) },
      { title: "Threads", min: 0, queries: [{ metric: "processes_total_threads", label: "threads" }] },
      { title: "Open files", min: 0, queries: [{ metric: "kernel_fd_used", label: "open files" }] },
      { title: "Users", min: 0, queries: [{ metric: "system_n_users", label: "sessions" }, { metric: "system_n_unique_users", label: "users" }] },
    ],
  },
  {
    id: "containers", title: "Containers", count: "docker_container_running", panels: [
      { title: "CPU", unit: "percent", min: 0, head: "sum", queries: [{ metric: "docker_cpu_percent", label: "$container_name" }] },
      { title: "Memory", unit: "bytes", min: 0, head: "sum", queries: [{ metric: "docker_mem_usage", label: "$container_name" }] },
      { title: "Received", unit: "bytes/s", min: 0, head: "sum", queries: [{ metric: "docker_net_rx_bytes", rate: true, by: ["container_name"], label: "$container_name" }] },
      { title: "Sent", unit: "bytes/s", min: 0, head: "sum", queries: [{ metric: "docker_net_tx_bytes", rate: true, by: ["container_name"], label: "$container_name" }] },
      { title: "Read", unit: "bytes/s", min: 0, head: "sum", queries: [{ metric: "docker_blkio_read_bytes", rate: true, label: "$container_name" }] },
      { title: "Written", unit: "bytes/s", min: 0, head: "sum", queries: [{ metric: "docker_blkio_write_bytes", rate: true, label: "$container_name" }] },
      { title: "Running", min: 0, head: "sum", queries: [{ metric: "docker_container_running", label: "$container_name" }] },
      { title: "Health", min: 0, head: "none", queries: [{ metric: "docker_container_health", label: "$container_name" }] },
      { title: "Restarts", unit: "/s", min: 0, head: "sum", queries: [{ metric: "docker_container_restarts", rate: true, label: "$container_name" }] },
      { title: "Throttled periods", unit: "/s", min: 0, head: "sum", queries: [{ metric: "docker_cpu_throttled_periods", rate: true, label: "$container_name" }] },
      { title: "Processes", min: 0, head: "sum", queries: [{ metric: "docker_pids", label: "$container_name" }] },
    ],
  },
  {
    id: "postgres", title: "PostgreSQL", panels: [
      { title: "Connections", min: 0, head: "sum", queries: [{ metric: "postgres_connections", label: "$state" }] },
      { title: "Transactions", unit: "/s", min: 0, head: "sum", queries: [{ metric: "postgres_xact_commit", rate: true, by: ["database"], label: "$database commits" }, { metric: "postgres_xact_rollback", rate: true, by: ["database"], label: "$database rollbacks" }] },
      { title: "Rows", unit: "/s", min: 0, head: "none", queries: ["returned", "fetched", "inserted", "updated", "deleted"].map((what) => ({ metric: `postgres_tup_${what}`, rate: true, sum: true, label: what })) },
      { title: "Blocks", unit: "/s", min: 0, head: "none", queries: [{ metric: "postgres_blks_hit", rate: true, sum: true, label: "from memory" }, { metric: "postgres_blks_read", rate: true, sum: true, label: "read" }] },
      { title: "Size", unit: "bytes", min: 0, head: "sum", queries: [{ metric: "postgres_database_size", label: "$database" }] },
      { title: "Longest", unit: "seconds", min: 0, head: "max", queries: [{ metric: "postgres_longest_transaction", label: "transaction" }, { metric: "postgres_longest_query", label: "query" }, { metric: "postgres_longest_idle_in_transaction", label: "idle in transaction" }] },
      { title: "Locks", min: 0, head: "sum", queries: [{ metric: "postgres_locks", label: "$mode" }, { metric: "postgres_locks_waiting", label: "$mode waiting" }] },
      { title: "Deadlocks and temporary files", unit: "/s", min: 0, head: "sum", queries: [{ metric: "postgres_deadlocks", rate: true, sum: true, label: "deadlocks" }, { metric: "postgres_temp_files", rate: true, sum: true, label: "temporary files" }] },
      { title: "WAL", unit: "bytes/s", min: 0, queries: [{ metric: "postgres_wal_bytes", rate: true, label: "$server" }] },
      { title: "Replication lag", unit: "seconds", min: 0, head: "max", queries: [{ metric: "postgres_replication_lag_seconds", label: "$application_name $client" }, { metric: "postgres_replay_lag_seconds", label: "replay" }] },
    ],
  },
  {
    id: "mariadb", title: "MariaDB", panels: [
      { title: "Queries", unit: "/s", min: 0, head: "sum", queries: [{ metric: "mariadb_queries", rate: true, label: "$server" }] },
      { title: "Threads", min: 0, queries: [{ metric: "mariadb_threads_connected", label: "connected" }, { metric: "mariadb_threads_running", label: "running" }] },
      { title: "Statements", unit: "/s", min: 0, head: "none", queries: ["select", "insert", "update", "delete"].map((what) => ({ metric: `mariadb_com_${what}`, rate: true, label: what })) },
      { title: "Slow queries", unit: "/s", min: 0, head: "sum", queries: [{ metric: "mariadb_slow_queries", rate: true, label: "slow" }] },
      { title: "Traffic", unit: "bytes/s", min: 0, head: "sum", queries: [{ metric: "mariadb_bytes_received", rate: true, label: "in" }, { metric: "mariadb_bytes_sent", rate: true, label: "out" }] },
      { title: "Buffer pool reads", unit: "/s", min: 0, head: "none", queries: [{ metric: "mariadb_innodb_buffer_pool_read_requests", rate: true, label: "from memory" }, { metric: "mariadb_innodb_buffer_pool_reads", rate: true, label: "from disk" }] },
      { title: "Longest query", unit: "seconds", min: 0, queries: [{ metric: "mariadb_longest_query", label: "$server" }] },
      { title: "Replication lag", unit: "seconds", min: 0, head: "max", queries: [{ metric: "mariadb_replica_lag_seconds", label: "$server $channel" }] },
    ],
  },
  {
    id: "redis", title: "Redis", panels: [
      { title: "Commands", unit: "/s", min: 0, head: "sum", queries: [{ metric: "redis_total_commands_processed", rate: true, label: "$server" }] },
      { title: "Memory", unit: "bytes", min: 0, queries: [{ metric: "redis_used_memory", label: "$server used" }, { metric: "redis_used_memory_rss", label: "$server resident" }] },
      { title: "Clients", min: 0, head: "sum", queries: [{ metric: "redis_connected_clients", label: "$server connected" }, { metric: "redis_blocked_clients", label: "$server blocked" }] },
      { title: "Traffic", unit: "bytes/s", min: 0, head: "sum", queries: [{ metric: "redis_total_net_input_bytes", rate: true, label: "$server in" }, { metric: "redis_total_net_output_bytes", rate: true, label: "$server out" }] },
      { title: "Keys", min: 0, head: "sum", queries: [{ metric: "redis_keyspace_keys", label: "$server $db" }] },
      { title: "Hits and misses", unit: "/s", min: 0, head: "none", queries: [{ metric: "redis_keyspace_hits", rate: true, label: "$server hits" }, { metric: "redis_keyspace_misses", rate: true, label: "$server misses" }] },
      { title: "Evicted and expired keys", unit: "/s", min: 0, head: "sum", queries: [{ metric: "redis_evicted_keys", rate: true, label: "$server evicted" }, { metric: "redis_expired_keys", rate: true, label: "$server expired" }] },
      { title: "CPU", unit: "cores", min: 0, head: "sum", queries: [{ metric: "redis_used_cpu_user", rate: true, label: "$server user" }, { metric: "redis_used_cpu_sys", rate: true, label: "$server system" }] },
      { title: "Replica lag", unit: "seconds", min: 0, head: "max", queries: [{ metric: "redis_replica_lag", label: "$replica" }] },
    ],
  },
  {
    id: "nginx", title: "nginx", panels: [
      { title: "Requests", unit: "/s", min: 0, head: "sum", queries: [{ metric: "nginx_requests", rate: true, label: "$server" }] },
      { title: "Connections", min: 0, queries: [{ metric: "nginx_active", label: "active" }, { metric: "nginx_reading", label: "reading" }, { metric: "nginx_writing", label: "writing" }, { metric: "nginx_waiting", label: "waiting" }] },
      { title: "New connections", unit: "/s", min: 0, queries: [{ metric: "nginx_accepts", rate: true, label: "accepted" }, { metric: "nginx_dropped", rate: true, label: "dropped" }] },
    ],
  },
  {
    id: "apache", title: "Apache", panels: [
      { title: "Requests", unit: "/s", min: 0, head: "sum", queries: [{ metric: "apache_TotalAccesses", rate: true, label: "$server" }] },
      { title: "Traffic", unit: "bytes/s", min: 0, head: "sum", factor: 1024, queries: [{ metric: "apache_TotalkBytes", rate: true, label: "$server" }] },
      { title: "Workers", min: 0, queries: [{ metric: "apache_BusyWorkers", label: "busy" }, { metric: "apache_IdleWorkers", label: "idle" }] },
      { title: "Connections", min: 0, queries: [{ metric: "apache_ConnsTotal", label: "all" }] },
    ],
  },
  {
    id: "checks", title: "Checks", panels: [
      { title: "Answer time", unit: "seconds", min: 0, head: "max", queries: [{ metric: "http_response_response_time", label: "$url" }] },
      { title: "Result (0 is good)", min: 0, head: "max", queries: [{ metric: "http_response_result_code", label: "$url" }] },
      { title: "Certificate expires in", unit: "seconds", head: (values) => "", queries: [{ metric: "http_response_cert_expiry", label: "$url" }] },
      { title: "Status of commands", min: 0, head: "max", queries: [{ metric: "exec_exit_status", label: "$cmd" }] },
      { title: "Time of commands", unit: "seconds", min: 0, head: "max", queries: [{ metric: "exec_execution_time", label: "$cmd" }] },
      { title: "Nagios state (0 is good)", min: 0, head: "max", queries: [{ metric: "nagios_state", label: "$cmd" }] },
      { title: "Scraped pages, up", min: 0, head: "none", queries: [{ metric: "up", label: "$instance" }] },
      { title: "Time of scrapes", unit: "seconds", min: 0, head: "max", queries: [{ metric: "scrape_duration_seconds", label: "$instance" }] },
    ],
  },
];

function pressure(resource) {
  return ["avg10", "avg60", "avg300"].map((window) => ({ metric: `kernel_pressure_${window}`, where: some(resource), label: `some, ${window.slice(3)} s` }));
}
