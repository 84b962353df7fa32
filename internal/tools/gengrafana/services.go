package main

// serversOf returns a variable with the servers that an input observes, for the hosts that are selected.
func serversOf(metric string) variable {
	return variable{"server", "Server", `label_values(` + metric + `{host=~"$host"}, server)`, true}
}

// observers returns a variable with the hosts whose agents write a metric.
func observers(metric string) variable {
	return variable{"host", "Observed from", `label_values(` + metric + `, host)`, true}
}

// at is the matcher for the selected servers.
const at = `host=~"$host",server=~"$server"`

var docker = dashboard{"rtcollector-docker", "rtcollector: Docker", []variable{
	{"host", "Host", "label_values(docker_up, host)", true},
	{"container", "Container", `label_values(docker_container_state{host=~"$host"}, container_name)`, true},
}, []row{
	{"Engine", []panel{
		{title: "Running", kind: number, unit: "short", queries: []query{{`sum(docker_engine_containers_running{host=~"$host"})`, ""}}},
		{title: "Stopped", kind: number, unit: "short", queries: []query{{`sum(docker_engine_containers_stopped{host=~"$host"})`, ""}}},
		{title: "Images", kind: number, unit: "short", queries: []query{{`sum(docker_engine_images{host=~"$host"})`, ""}}},
	}},
	{"Containers", []panel{
		{title: "CPU, of one core", unit: "percent", queries: []query{{`docker_cpu_percent{host=~"$host",container_name=~"$container"}`, "{{container_name}}"}}},
		{title: "Memory", unit: "bytes", queries: []query{{`docker_mem_usage{host=~"$host",container_name=~"$container"}`, "{{container_name}}"}}},
		{title: "Processes and threads", unit: "short", queries: []query{{`docker_pids{host=~"$host",container_name=~"$container"}`, "{{container_name}}"}}},
		{title: "Received", unit: "Bps", queries: []query{{`sum by (container_name) (rate(docker_net_rx_bytes{host=~"$host",container_name=~"$container"}[$__rate_interval]))`, "{{container_name}}"}}},
		{title: "Sent", unit: "Bps", queries: []query{{`sum by (container_name) (rate(docker_net_tx_bytes{host=~"$host",container_name=~"$container"}[$__rate_interval]))`, "{{container_name}}"}}},
		{title: "Restarts", unit: "short", queries: []query{{`docker_container_restarts{host=~"$host",container_name=~"$container"}`, "{{container_name}}"}}},
	}},
}}

var postgres = dashboard{"rtcollector-postgres", "rtcollector: PostgreSQL", []variable{observers("postgres_up"), serversOf("postgres_up")}, []row{
	{"Server", []panel{
		{title: "Connections", unit: "short", queries: []query{{`postgres_connections{` + at + `}`, "{{server}} {{state}}"}, {`postgres_max_connections{` + at + `}`, "{{server}} limit"}}},
		{title: "Transactions", unit: "ops", queries: []query{
			{`sum by (server) (rate(postgres_xact_commit{` + at + `}[$__rate_interval]))`, "{{server}} commits"},
			{`sum by (server) (rate(postgres_xact_rollback{` + at + `}[$__rate_interval]))`, "{{server}} rollbacks"},
		}},
		{title: "Found in shared buffers", unit: "percentunit", max: 1, queries: []query{
			{`sum by (server) (increase(postgres_blks_hit{` + at + `}[$__rate_interval])) / sum by (server) (increase(postgres_blks_hit{` + at + `}[$__rate_interval]) + increase(postgres_blks_read{` + at + `}[$__rate_interval]))`, "{{server}}"},
		}},
		{title: "Rows", unit: "ops", queries: []query{
			{`sum by (server) (rate(postgres_tup_fetched{` + at + `}[$__rate_interval]))`, "{{server}} fetched"},
			{`sum by (server) (rate(postgres_tup_inserted{` + at + `}[$__rate_interval]))`, "{{server}} inserted"},
			{`sum by (server) (rate(postgres_tup_updated{` + at + `}[$__rate_interval]))`, "{{server}} updated"},
			{`sum by (server) (rate(postgres_tup_deleted{` + at + `}[$__rate_interval]))`, "{{server}} deleted"},
		}},
		{title: "Longest transaction", unit: "s", queries: []query{{`postgres_longest_transaction{` + at + `}`, "{{server}}"}}},
		{title: "WAL", unit: "Bps", queries: []query{{`rate(postgres_wal_position{` + at + `}[$__rate_interval])`, "{{server}}"}}},
	}},
	{"Databases", []panel{
		{title: "Size", unit: "bytes", queries: []query{{`postgres_database_size{` + at + `}`, "{{server}} {{database}}"}}},
		{title: "Deadlocks", unit: "short", queries: []query{{`increase(postgres_deadlocks{` + at + `}[$__rate_interval])`, "{{server}} {{database}}"}}},
		{title: "Age of transaction IDs", unit: "short", queries: []query{{`postgres_frozen_xid_age{` + at + `}`, "{{server}} {{database}}"}}},
	}},
}}

var mariadb = dashboard{"rtcollector-mariadb", "rtcollector: MariaDB and MySQL", []variable{observers("mariadb_up"), serversOf("mariadb_up")}, []row{
	{"Server", []panel{
		{title: "Queries", unit: "ops", queries: []query{{`rate(mariadb_questions{` + at + `}[$__rate_interval])`, "{{server}}"}}},
		{title: "Connections", unit: "short", queries: []query{{`mariadb_threads_connected{` + at + `}`, "{{server}} connected"}, {`mariadb_threads_running{` + at + `}`, "{{server}} running"}}},
		{title: "Slow queries", unit: "ops", queries: []query{{`rate(mariadb_slow_queries{` + at + `}[$__rate_interval])`, "{{server}}"}}},
		{title: "Traffic", unit: "Bps", queries: []query{{`rate(mariadb_bytes_received{` + at + `}[$__rate_interval])`, "{{server}} in"}, {`rate(mariadb_bytes_sent{` + at + `}[$__rate_interval])`, "{{server}} out"}}},
		{title: "Statements", unit: "ops", queries: []query{
			{`rate(mariadb_com_select{` + at + `}[$__rate_interval])`, "{{server}} select"}, {`rate(mariadb_com_insert{` + at + `}[$__rate_interval])`, "{{server}} insert"},
			{`rate(mariadb_com_update{` + at + `}[$__rate_interval])`, "{{server}} update"}, {`rate(mariadb_com_delete{` + at + `}[$__rate_interval])`, "{{server}} delete"},
		}},
		{title: "Longest query", unit: "s", queries: []query{{`mariadb_longest_query{` + at + `}`, "{{server}}"}}},
	}},
	{"InnoDB", []panel{
		{title: "Buffer pool", unit: "bytes", queries: []query{{`mariadb_innodb_buffer_pool_bytes_data{` + at + `}`, "{{server}} data"}, {`mariadb_innodb_buffer_pool_bytes_dirty{` + at + `}`, "{{server}} dirty"}}},
		{title: "Reads from disk", unit: "percentunit", queries: []query{
			{`increase(mariadb_innodb_buffer_pool_reads{` + at + `}[$__rate_interval]) / increase(mariadb_innodb_buffer_pool_read_requests{` + at + `}[$__rate_interval])`, "{{server}}"},
		}},
		{title: "Waiting for row locks", unit: "short", queries: []query{{`mariadb_innodb_row_lock_current_waits{` + at + `}`, "{{server}}"}}},
	}},
}}

var redis = dashboard{"rtcollector-redis", "rtcollector: Redis", []variable{observers("redis_up"), serversOf("redis_up")}, []row{
	{"Server", []panel{
		{title: "Commands", unit: "ops", queries: []query{{`rate(redis_total_commands_processed{` + at + `}[$__rate_interval])`, "{{server}}"}}},
		{title: "Memory", unit: "bytes", queries: []query{{`redis_used_memory{` + at + `}`, "{{server}} used"}, {`redis_used_memory_rss{` + at + `}`, "{{server}} resident"}}},
		{title: "Clients", unit: "short", queries: []query{{`redis_connected_clients{` + at + `}`, "{{server}} connected"}, {`redis_blocked_clients{` + at + `}`, "{{server}} blocked"}}},
		{title: "Traffic", unit: "Bps", queries: []query{{`rate(redis_total_net_input_bytes{` + at + `}[$__rate_interval])`, "{{server}} in"}, {`rate(redis_total_net_output_bytes{` + at + `}[$__rate_interval])`, "{{server}} out"}}},
		{title: "CPU", unit: "percentunit", queries: []query{{`rate(redis_used_cpu_user{` + at + `}[$__rate_interval]) + rate(redis_used_cpu_sys{` + at + `}[$__rate_interval])`, "{{server}}"}}},
		{title: "Keys", unit: "short", queries: []query{{`redis_keyspace_keys{` + at + `}`, "{{server}} {{db}}"}}},
	}},
	{"Commands", []panel{
		{title: "Calls", unit: "ops", queries: []query{{`topk(10, rate(redis_cmdstat_calls{` + at + `}[$__rate_interval]))`, "{{server}} {{cmd}}"}}},
		{title: "Time per call", unit: "µs", queries: []query{{`topk(10, rate(redis_cmdstat_usec{` + at + `}[$__rate_interval]) / ignoring (unit) rate(redis_cmdstat_calls{` + at + `}[$__rate_interval]))`, "{{server}} {{cmd}}"}}},
		{title: "Evicted and expired keys", unit: "ops", queries: []query{{`rate(redis_evicted_keys{` + at + `}[$__rate_interval])`, "{{server}} evicted"}, {`rate(redis_expired_keys{` + at + `}[$__rate_interval])`, "{{server}} expired"}}},
	}},
}}

var webHosts = variable{"host", "Observed from", `label_values({__name__=~"nginx_active|apache_BusyWorkers|http_response_result_code"}, host)`, true}

var web = dashboard{"rtcollector-web", "rtcollector: web servers", []variable{webHosts}, []row{
	{"nginx", []panel{
		{title: "Requests", unit: "reqps", queries: []query{{`rate(nginx_requests{host=~"$host"}[$__rate_interval])`, "{{server}}"}}},
		{title: "Connections", unit: "short", queries: []query{{`nginx_active{host=~"$host"}`, "{{server}} active"}, {`nginx_waiting{host=~"$host"}`, "{{server}} waiting"}}},
		{title: "Dropped connections", unit: "ops", queries: []query{{`rate(nginx_dropped{host=~"$host"}[$__rate_interval])`, "{{server}}"}}},
	}},
	{"Apache", []panel{
		{title: "Requests", unit: "reqps", queries: []query{{`rate(apache_TotalAccesses{host=~"$host"}[$__rate_interval])`, "{{server}}"}}},
		{title: "Workers", unit: "short", queries: []query{{`apache_BusyWorkers{host=~"$host"}`, "{{server}} busy"}, {`apache_IdleWorkers{host=~"$host"}`, "{{server}} idle"}}},
		{title: "Traffic", unit: "Bps", queries: []query{{`rate(apache_TotalkBytes{host=~"$host"}[$__rate_interval]) * 1024`, "{{server}}"}}},
	}},
	{"Checks", []panel{
		{title: "Response time", unit: "s", queries: []query{{`http_response_response_time{host=~"$host"}`, "{{url}}"}}},
		{title: "Result (0: success)", unit: "short", queries: []query{{`http_response_result_code{host=~"$host"}`, "{{url}}"}}},
		{title: "Status code", unit: "none", queries: []query{{`http_response_status_code{host=~"$host"}`, "{{url}}"}}},
	}},
}}
