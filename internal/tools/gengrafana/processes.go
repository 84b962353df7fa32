package main

// inGroup is the matcher for the selected host and groups of processes.
const inGroup = `host="$host",group=~"$group"`

// sumOf returns an expression that adds up a metric of process_groups by some labels.
func sumOf(metric, labels string) string {
	return `sum by (` + labels + `) (` + metric + `{` + inGroup + `})`
}

// perSecondOf returns an expression that adds up the rates of a counter of process_groups by some labels.
func perSecondOf(counter, labels string) string {
	return `sum by (` + labels + `) (rate(` + counter + `{` + inGroup + `}[$__rate_interval]))`
}

var processes = dashboard{"rtcollector-processes", "rtcollector: Processes", []variable{
	{"host", "Host", "label_values(process_group_count, host)", false},
	{"group", "Group", `label_values(process_group_count{host="$host"}, group)`, true},
}, []row{
	{"Groups", []panel{
		{title: "CPU", unit: "percentunit", stack: true, queries: []query{{perSecondOf("process_group_cpu_user", "group") + ` + ` + perSecondOf("process_group_cpu_system", "group"), "{{group}}"}}},
		{title: "Memory (RSS)", unit: "bytes", stack: true, queries: []query{{sumOf("process_group_rss", "group"), "{{group}}"}}},
		{title: "Processes", unit: "short", stack: true, queries: []query{{sumOf("process_group_count", "group"), "{{group}}"}}},
	}},
	{"Subgroups", []panel{
		{title: "CPU", unit: "percentunit", stack: true, queries: []query{{perSecondOf("process_group_cpu_user", "group, subgroup") + ` + ` + perSecondOf("process_group_cpu_system", "group, subgroup"), "{{group}} {{subgroup}}"}}},
		{title: "Memory (RSS)", unit: "bytes", stack: true, queries: []query{{sumOf("process_group_rss", "group, subgroup"), "{{group}} {{subgroup}}"}}},
		{title: "Threads", unit: "short", stack: true, queries: []query{{sumOf("process_group_threads", "group, subgroup"), "{{group}} {{subgroup}}"}}},
		{title: "Context switches", unit: "ops", queries: []query{
			{perSecondOf("process_group_context_switches_voluntary", "group, subgroup"), "{{group}} {{subgroup}} voluntary"},
			{perSecondOf("process_group_context_switches_involuntary", "group, subgroup"), "{{group}} {{subgroup}} involuntary"},
		}},
		{title: "Page faults", unit: "ops", queries: []query{
			{perSecondOf("process_group_faults_minor", "group, subgroup"), "{{group}} {{subgroup}} minor"}, {perSecondOf("process_group_faults_major", "group, subgroup"), "{{group}} {{subgroup}} major"},
		}},
		{title: "Read and written", unit: "Bps", queries: []query{
			{perSecondOf("process_group_read_bytes", "group, subgroup"), "{{group}} {{subgroup}} read"}, {perSecondOf("process_group_write_bytes", "group, subgroup"), "{{group}} {{subgroup}} written"},
		}},
	}},
	{"Top processes", []panel{
		{title: "CPU, of one core", unit: "percent", queries: []query{{`process_top_cpu{` + inGroup + `}`, "{{name}}"}}},
		{title: "Memory (RSS)", unit: "bytes", queries: []query{{`process_top_rss{` + inGroup + `}`, "{{name}}"}}},
		{title: "Read and written", unit: "Bps", queries: []query{{`process_top_read{` + inGroup + `}`, "{{name}} read"}, {`process_top_write{` + inGroup + `}`, "{{name}} written"}}},
	}},
}}
