package main

// dashboards are all dashboards. Windows of rates are $__rate_interval, which is at least four times the interval of the data source,
// because a window needs two samples.
var dashboards = []dashboard{fleet, linux, processes, agents, docker, postgres, mariadb, redis, web}

var (
	hosts = variable{"host", "Host", "label_values(system_uptime, host)", true}
	host  = variable{"host", "Host", "label_values(system_uptime, host)", false}
)

var fleet = dashboard{"rtcollector-fleet", "rtcollector: all hosts", []variable{hosts}, []row{
	{"Now", []panel{
		{title: "Hosts", kind: number, unit: "short", queries: []query{{`count(rtcollector_up{host=~"$host"})`, ""}}},
		{title: "Highest CPU", kind: number, unit: "percent", queries: []query{{`max(cpu_usage_active{host=~"$host",core="cpu-total"})`, ""}}},
		{title: "Highest memory", kind: number, unit: "percent", queries: []query{{`max(mem_used_percent{host=~"$host"})`, ""}}},
		{title: "Fullest disk", kind: number, unit: "percent", queries: []query{{`max(disk_used_percent{host=~"$host"})`, ""}}},
		{title: "Received", kind: number, unit: "Bps", queries: []query{{`sum(net_rx_bytes_rate{host=~"$host",iface!="lo"})`, ""}}},
		{title: "Sent", kind: number, unit: "Bps", queries: []query{{`sum(net_tx_bytes_rate{host=~"$host",iface!="lo"})`, ""}}},
	}},
	{"Hosts", []panel{
		{title: "Hosts", kind: table, unit: "short", queries: []query{
			{`sum by (host) (cpu_usage_active{host=~"$host",core="cpu-total"})`, ""}, {`sum by (host) (mem_used_percent{host=~"$host"})`, ""},
			{`max by (host) (disk_used_percent{host=~"$host"})`, ""}, {`sum by (host) (system_load1{host=~"$host"})`, ""}, {`sum by (host) (system_uptime{host=~"$host"})`, ""},
		}},
	}},
	{"History", []panel{
		{title: "CPU", unit: "percent", max: 100, queries: []query{{`cpu_usage_active{host=~"$host",core="cpu-total"}`, "{{host}}"}}},
		{title: "Memory", unit: "percent", max: 100, queries: []query{{`mem_used_percent{host=~"$host"}`, "{{host}}"}}},
		{title: "Load per CPU", unit: "short", queries: []query{{`system_load1{host=~"$host"} / on (host) system_n_cpus`, "{{host}}"}}},
		{title: "Fullest disk", unit: "percent", max: 100, queries: []query{{`max by (host) (disk_used_percent{host=~"$host"})`, "{{host}}"}}},
		{title: "Received", unit: "Bps", queries: []query{{`sum by (host) (rate(net_rx_bytes{host=~"$host",iface!="lo"}[$__rate_interval]))`, "{{host}}"}}},
		{title: "Sent", unit: "Bps", queries: []query{{`sum by (host) (rate(net_tx_bytes{host=~"$host",iface!="lo"}[$__rate_interval]))`, "{{host}}"}}},
	}},
}}

var linux = dashboard{"rtcollector-linux", "rtcollector: Linux host", []variable{host}, []row{
	{"Now", []panel{
		{title: "Up", kind: number, unit: "s", queries: []query{{`system_uptime{host="$host"}`, ""}}},
		{title: "CPUs", kind: number, unit: "short", queries: []query{{`system_n_cpus{host="$host"}`, ""}}},
		{title: "Memory", kind: number, unit: "bytes", queries: []query{{`mem_total{host="$host"}`, ""}}},
		{title: "CPU", kind: number, unit: "percent", queries: []query{{`cpu_usage_active{host="$host",core="cpu-total"}`, ""}}},
		{title: "Memory used", kind: number, unit: "percent", queries: []query{{`mem_used_percent{host="$host"}`, ""}}},
		{title: "Fullest disk", kind: number, unit: "percent", queries: []query{{`max(disk_used_percent{host="$host"})`, ""}}},
	}},
	{"CPU and memory", []panel{
		{title: "CPU", unit: "percent", max: 100, stack: true, queries: []query{
			{`cpu_usage_user{host="$host",core="cpu-total"}`, "user"}, {`cpu_usage_system{host="$host",core="cpu-total"}`, "system"},
			{`cpu_usage_iowait{host="$host",core="cpu-total"}`, "iowait"}, {`cpu_usage_steal{host="$host",core="cpu-total"}`, "steal"},
		}},
		{title: "CPU by core", unit: "percent", max: 100, queries: []query{{`cpu_usage_active{host="$host",core!="cpu-total"}`, "{{core}}"}}},
		{title: "Load", unit: "short", queries: []query{{`system_load1{host="$host"}`, "1 min"}, {`system_load5{host="$host"}`, "5 min"}, {`system_load15{host="$host"}`, "15 min"}}},
		{title: "Memory", unit: "bytes", queries: []query{{`mem_used{host="$host"}`, "used"}, {`mem_cached{host="$host"}`, "cached"}, {`mem_total{host="$host"}`, "total"}}},
		{title: "Swap", unit: "bytes", queries: []query{{`swap_used{host="$host"}`, "used"}, {`swap_total{host="$host"}`, "total"}}},
		{title: "Pressure", unit: "percent", queries: []query{{`kernel_pressure_avg10{host="$host",type="some"}`, "{{resource}}"}}},
	}},
	{"Disks", []panel{
		{title: "File systems", unit: "percent", max: 100, queries: []query{{`disk_used_percent{host="$host"}`, "{{mount}}"}}},
		{title: "Throughput", unit: "Bps", queries: []query{{`diskio_read_bytes_rate{host="$host"}`, "{{device}} read"}, {`diskio_write_bytes_rate{host="$host"}`, "{{device}} write"}}},
		{title: "Busy", unit: "percent", max: 100, queries: []query{{`diskio_util_percent{host="$host"}`, "{{device}}"}}},
	}},
	{"Network", []panel{
		{title: "Traffic", unit: "Bps", queries: []query{{`rate(net_rx_bytes{host="$host"}[$__rate_interval])`, "{{iface}} in"}, {`rate(net_tx_bytes{host="$host"}[$__rate_interval])`, "{{iface}} out"}}},
		{title: "Errors and drops", unit: "pps", queries: []query{
			{`sum by (iface) (rate(net_rx_errs{host="$host"}[$__rate_interval]) + rate(net_tx_errs{host="$host"}[$__rate_interval]))`, "{{iface}} errors"},
			{`sum by (iface) (rate(net_rx_drop{host="$host"}[$__rate_interval]) + rate(net_tx_drop{host="$host"}[$__rate_interval]))`, "{{iface}} drops"},
		}},
		{title: "TCP connections", unit: "short", queries: []query{{`tcp_established{host="$host"}`, "established"}, {`tcp_time_wait{host="$host"}`, "time wait"}, {`tcp_listen{host="$host"}`, "listening"}}},
	}},
	{"System", []panel{
		{title: "Processes", unit: "short", queries: []query{{`processes_total{host="$host"}`, "processes"}, {`processes_total_threads{host="$host"}`, "threads"}}},
		{title: "Context switches and interrupts", unit: "ops", queries: []query{
			{`rate(kernel_context_switches{host="$host"}[$__rate_interval])`, "context switches"}, {`rate(kernel_interrupts{host="$host"}[$__rate_interval])`, "interrupts"},
		}},
		{title: "Open files", unit: "short", queries: []query{{`kernel_fd_used{host="$host"}`, "open files"}}},
	}},
}}

var agents = dashboard{"rtcollector-agents", "rtcollector: agents", []variable{hosts}, []row{
	{"All agents", []panel{
		{title: "Samples written", unit: "ops", queries: []query{{`rate(internal_agent_metrics_written{host=~"$host"}[$__rate_interval])`, "{{host}}"}}},
		{title: "Samples dropped", unit: "short", queries: []query{{`increase(internal_agent_metrics_dropped{host=~"$host"}[$__rate_interval])`, "{{host}}"}}},
		{title: "Failed gathers", unit: "short", queries: []query{{`increase(internal_agent_gather_errors{host=~"$host"}[$__rate_interval])`, "{{host}}"}}},
		{title: "CPU", unit: "percentunit", queries: []query{{`rate(internal_process_cpu_seconds_total{host=~"$host"}[$__rate_interval])`, "{{host}}"}}},
		{title: "Memory", unit: "bytes", queries: []query{{`internal_process_resident_memory_bytes{host=~"$host"}`, "{{host}}"}}},
		{title: "Time since the last write", unit: "s", queries: []query{{`max by (host, output) (internal_write_last_success_age{host=~"$host"})`, "{{host}} {{output}}"}}},
	}},
	{"Inputs and outputs", []panel{
		{title: "Slowest gathers", unit: "ns", queries: []query{{`topk(10, internal_gather_max_gather_time_ns{host=~"$host"})`, "{{host}} {{input}}"}}},
		{title: "Failures by input", unit: "short", queries: []query{{`sum by (host, input) (increase(internal_gather_errors{host=~"$host"}[$__rate_interval]))`, "{{host}} {{input}}"}}},
		{title: "Queue", unit: "short", queries: []query{{`internal_write_buffer_size{host=~"$host"}`, "{{host}} {{output}}"}}},
	}},
}}
