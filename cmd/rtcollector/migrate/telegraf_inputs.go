package migrate

import (
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/lazy"
)

// inputRule says what becomes of an input of Telegraf.
type inputRule struct {
	to   string // the input here; "": it is left out
	why  string // why it is left out, or what is different
	keys map[string]keyRule
	each string // a key with a list of servers, each of which becomes an input
	make func(t *translation, where string, server *yaml.Node, into *settings)
}

// commonKeys are the keys of every input.
func commonKeys() map[string]keyRule {
	filters := keyRule{why: "filters by names of Telegraf; use metrics: {include: [], exclude: []} with the names in docs/inputs.md"}
	byTag := keyRule{why: "has no equivalent; many inputs have settings that select devices, interfaces and the like"}
	keys := map[string]keyRule{
		"interval": {to: "interval"}, "alias": {to: "alias"}, "tags": {to: "tags"}, "name_prefix": {to: "name_prefix"},
		"name_override": {why: "names of metrics are fixed, apart from name_prefix"}, "name_suffix": {why: "names of metrics are fixed, apart from name_prefix"},
		"precision": {}, "collection_jitter": {}, "collection_offset": {}, "startup_error_behavior": {why: "an input that fails is tried again"},
		"log_level": {},
	}
	for _, key := range []string{"namepass", "namedrop", "fieldpass", "fielddrop", "fieldinclude", "fieldexclude", "metricpass"} {
		keys[key] = filters
	}
	for _, key := range []string{"tagpass", "tagdrop", "taginclude", "tagexclude"} {
		keys[key] = byTag
	}
	return keys
}

// httpKeys are the keys of the inputs that read pages.
func httpKeys(name string) map[string]keyRule {
	return map[string]keyRule{
		"urls": {to: "urls"}, "timeout": {to: "timeout"}, "response_timeout": {to: "timeout"},
		"username": {to: "username"}, "password": {to: "password", convert: credential(name + "/password")},
		"bearer_token_string": {to: "bearer_token", convert: credential(name + "/token")},
		"headers":             {to: "headers"}, "http_headers": {to: "headers"}, "http_proxy": {to: "proxy"}, "http_proxy_url": {to: "proxy"},
		"tls_ca": {to: "tls.ca"}, "tls_cert": {to: "tls.cert"}, "tls_key": {to: "tls.key"}, "tls_server_name": {to: "tls.server_name"},
		"insecure_skip_verify": {to: "tls.insecure_skip_verify"}, "follow_redirects": {to: "follow_redirects"},
	}
}

func with(base map[string]keyRule, more map[string]keyRule) map[string]keyRule {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}

// telegrafInputs are the inputs of Telegraf that exist here. Inputs with the same data in several plugins of Telegraf become one.
func telegrafInputs() map[string]inputRule {
	always := keyRule{}
	return map[string]inputRule{
		"cpu": {to: "cpu", keys: map[string]keyRule{
			"percpu": {to: "per_core"}, "totalcpu": always, "report_active": always, "core_tags": always,
			"collect_cpu_time": {why: "shares of time are written, not the seconds"},
		}},
		"mem":    {to: "mem"},
		"swap":   {to: "swap"},
		"system": {to: "system"},
		"disk": {to: "disk", keys: map[string]keyRule{
			"mount_points": {to: "include_mounts"}, "ignore_mount_points": {to: "exclude_mounts"},
			"ignore_fs":         {to: "exclude_types", why: "tmpfs, overlay and their like are left out without a setting"},
			"ignore_mount_opts": {why: "has no equivalent; see exclude_mounts"},
		}},
		"diskio": {to: "io", keys: map[string]keyRule{
			"devices": {to: "include_devices"}, "skip_serial_number": always,
			"device_tags": {why: "has no equivalent"}, "name_templates": {why: "has no equivalent"},
		}},
		"net": {to: "net", keys: map[string]keyRule{
			"interfaces":            {to: "include_interfaces"},
			"ignore_protocol_stats": {why: "protocols are the input nstat"},
		}},
		"netstat":         {to: "netstat"},
		"nstat":           {to: "nstat", keys: map[string]keyRule{"proc_net_netstat": always, "proc_net_snmp": always, "proc_net_snmp6": always, "dump_zeros": {why: "counters: moving, or all"}}},
		"processes":       {to: "processes", keys: map[string]keyRule{"use_sudo": always}},
		"kernel":          {to: "kernel", keys: map[string]keyRule{"collect": {why: "everything is collected"}}},
		"kernel_vmstat":   {to: "vmstat"},
		"linux_sysctl_fs": {to: "kernel", why: "open files are part of the input kernel"},
		"interrupts":      {to: "kernel", why: "the total of interrupts is part of the input kernel", keys: map[string]keyRule{"cpu_as_tag": always}},
		"conntrack":       {to: "linux_sockets", keys: map[string]keyRule{"files": always, "dirs": always, "collect": always}},
		"sensors":         {to: "sensors", keys: map[string]keyRule{"remove_numbers": always, "timeout": always}},
		"temp":            {to: "sensors", keys: map[string]keyRule{"metric_format": always, "add_device_tag": always}},
		"chrony":          {to: "time", why: "reads the kernel's clock, which chrony steers", keys: map[string]keyRule{"server": always, "timeout": always, "dns_lookup": always, "metrics": always}},
		"ntpq":            {to: "time", why: "reads the kernel's clock, which the NTP server steers", keys: map[string]keyRule{"dns_lookup": always, "options": always, "servers": always, "reach_format": always}},
		"internal":        {to: "internal", keys: map[string]keyRule{"collect_memstats": always, "collect_gostats": always, "per_instance": always}},
		"docker": {to: "docker", keys: map[string]keyRule{
			"endpoint": {to: "endpoint", convert: convertDockerEndpoint}, "timeout": {to: "timeout"}, "gather_services": {to: "swarm_enabled"},
			"container_name_include": {to: "container_name_include"}, "container_name_exclude": {to: "container_name_exclude"},
			"container_state_include": {to: "container_state_include"}, "container_state_exclude": {to: "container_state_exclude"},
			"docker_label_include": {to: "label_tags", why: "labels that become labels of series"}, "docker_label_exclude": {why: "no label is taken unless label_tags names it"},
			"tag_env": {to: "tag_env"}, "perdevice": always, "total": always, "perdevice_include": always, "total_include": always, "source_tag": always,
			"container_names": {to: "container_name_include"}, "storage_objects": always,
			"tls_ca": {to: "tls.ca"}, "tls_cert": {to: "tls.cert"}, "tls_key": {to: "tls.key"}, "insecure_skip_verify": {to: "tls.insecure_skip_verify"},
		}},
		"postgresql": {to: "postgres", make: makePostgres, each: "address", keys: map[string]keyRule{
			"address": always, "databases": {to: "databases"}, "ignored_databases": {why: "list the wanted ones with databases"},
			"outputaddress": always, "max_lifetime": always, "prepared_statements": always,
		}},
		"postgresql_extensible": {to: "postgres", make: makePostgres, each: "address", why: "write your queries below queries",
			keys: map[string]keyRule{"address": always, "databases": {to: "databases"}}},
		"mysql": {to: "mariadb", make: makeMariaDB, each: "servers", keys: map[string]keyRule{
			"servers": always, "gather_process_list": {to: "collect_processes"}, "gather_slave_status": {to: "collect_replication"},
			"gather_replica_status": {to: "collect_replication"}, "gather_user_statistics": {to: "user_statistics"}, "metric_version": always,
		}},
		"redis": {to: "redis", make: makeRedis, each: "servers", keys: map[string]keyRule{
			"servers": always, "username": {to: "username"}, "password": {to: "password", convert: credential("redis/password")},
			"tls_ca": {to: "tls.ca"}, "tls_cert": {to: "tls.cert"}, "tls_key": {to: "tls.key"}, "insecure_skip_verify": {to: "tls.insecure_skip_verify"},
			"tls_enable": {to: "ssl"},
		}},
		"nginx":  {to: "nginx", keys: httpKeys("nginx")},
		"apache": {to: "apache", keys: httpKeys("apache")},
		"prometheus": {to: "prometheus", keys: with(httpKeys("prometheus"), map[string]keyRule{
			"metric_version": always, "url_tag": always, "enable_request_metrics": always,
			"kubernetes_services": {why: "list the addresses in urls"}, "monitor_kubernetes_pods": {why: "list the addresses in urls"}, "bearer_token": {why: "is a file there; write bearer_token: secret:NAME"},
		})},
		"http_response": {to: "http_response", keys: with(httpKeys("http_response"), map[string]keyRule{
			"method": {to: "method"}, "body": {to: "body"}, "response_string_match": {to: "response_string_match"}, "response_status_code": {to: "response_status_code"},
			"response_body_field": {to: "response_body_field"}, "response_body_max_size": {to: "response_body_max_size"}, "interface": {to: "interface"}, "address": {to: "urls", convert: toList},
		})},
		"exec": {to: "exec", keys: map[string]keyRule{
			"commands": {to: "commands"}, "command": {to: "commands", convert: toList}, "timeout": {to: "timeout"}, "environment": {to: "environment"}, "ignore_error": {to: "ignore_error"},
			"data_format": {to: "data_format", convert: convertDataFormat}, "data_type": {why: "numbers are recognised"}, "tag_keys": {why: "texts in JSON become labels"}, "json_string_fields": {why: "texts in JSON become labels"},
		}},
		"syslog": {to: "syslog", keys: map[string]keyRule{
			"server": {to: "server"}, "tls_cert": {to: "tls_cert"}, "tls_key": {to: "tls_key"}, "tls_allowed_cacerts": {to: "tls_client_ca", convert: first}, "framing": {to: "framing"}, "trailer": {to: "trailer"},
			"best_effort": {to: "best_effort"}, "syslog_standard": {to: "syslog_standard"}, "sdparam_separator": {to: "sdparam_separator"}, "max_connections": {to: "max_connections"},
			"read_timeout": {to: "read_timeout"}, "keep_alive_period": {to: "keep_alive_period"}, "socket_mode": {to: "socket_mode"}, "content_encoding": {to: "content_encoding"}, "read_buffer_size": {to: "read_buffer_size"},
			"max_decompression_size": {to: "max_decompression_size"},
		}},
		"procstat": {to: "process_groups", why: "processes are in groups that are built in; a file of classes makes your own (docs/processes.md)", keys: map[string]keyRule{
			"pattern": {why: "write a class"}, "exe": {why: "write a class"}, "pid_file": {why: "write a class"}, "user": {why: "write a class"}, "systemd_unit": {why: "labels: [unit]"},
			"cgroup": {why: "labels: [cgroup]"}, "pid_tag": {why: "process_top has per_pid"}, "pid_finder": always, "prefix": always, "process_name": always, "properties": always, "tag_with": always,
		}},
		"win_perf_counters": {to: "windows_perf", why: "write the counters below paths: see \"rtcollector plugins show windows_perf\"", keys: map[string]keyRule{"object": {why: "write the counters anew"}}},
		"win_services":      {to: "windows_services", keys: map[string]keyRule{"service_names": {why: "select services anew: see \"rtcollector plugins show windows_services\""}}},
		"win_eventlog":      {to: "windows_eventlog", keys: map[string]keyRule{"xpath_query": {why: "select events anew: see \"rtcollector plugins show windows_eventlog\""}}},
	}
}

func (t *translation) translateTelegrafInput(name string, plugin *yaml.Node) {
	where := "inputs." + name
	rule, isKnown := telegrafInputs()[name]
	if !isKnown {
		t.note(plugin.Line, LeftOut, "%s: there is no such input; exec runs programs and prometheus reads exporters", where)
		return
	}
	var common settings
	t.translateKeys(where, plugin, with(commonKeys(), rule.keys), &common)
	switch {
	case rule.why != "":
		t.note(plugin.Line, Changed, "%s is the input %s: %s", where, rule.to, rule.why)
	case rule.to != name:
		t.note(plugin.Line, Changed, "%s is the input %s", where, rule.to)
	}
	servers := serversOf(plugin, rule.each)
	if len(servers) == 0 {
		t.addInput(rule.to, common)
	}
	for _, server := range servers {
		in := settings{plain(&common.node)}
		rule.make(t, where+"."+rule.each, server, &in)
		t.addInput(rule.to, in)
	}
}

// addInput adds an input, and gives it an alias if there is one of that name. An input without settings is there once.
func (t *translation) addInput(name string, s settings) {
	if len(s.node.Content) == 0 {
		t.document.addInput(name)
		return
	}
	same := 0
	for _, in := range t.document.inputs {
		if in.name == name {
			same++
		}
	}
	if same > 0 && !s.has("alias") {
		s.set("alias", name+strconv.Itoa(same+1))
	}
	t.document.inputs = append(t.document.inputs, component{name, s})
}

// serversOf returns the values of a key that is a list or a single value.
func serversOf(plugin *yaml.Node, key string) []*yaml.Node {
	switch v := find(plugin, key); {
	case key == "" || v == nil || v.Value == "" && v.Kind == yaml.ScalarNode:
		return nil
	case v.Kind == yaml.SequenceNode:
		return v.Content
	default:
		return []*yaml.Node{v}
	}
}

func toList(_ *translation, _ string, v *yaml.Node) yaml.Node {
	one := plain(v)
	if one.Kind == yaml.SequenceNode {
		return one
	}
	return yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{&one}}
}

func convertDockerEndpoint(t *translation, where string, v *yaml.Node) yaml.Node {
	if v.Value == "ENV" { // $DOCKER_HOST, which is the default here
		return yaml.Node{}
	}
	return dropEmpty(t, where, v)
}

func convertDataFormat(t *translation, where string, v *yaml.Node) yaml.Node {
	format := map[string]string{"json": "json", "json_v2": "json", "influx": "influx", "prometheus": "prometheus", "logfmt": "logfmt", "nagios": "nagios", "value": "metrics"}[v.Value]
	if format == "" {
		t.note(v.Line, LeftOut, "%s: %q has no equivalent: use json, influx, prometheus, logfmt, nagios or metrics", where, v.Value)
		return yaml.Node{}
	}
	if format != v.Value {
		t.note(v.Line, Changed, "%s: %q is %q", where, v.Value, format)
	}
	return *text(format)
}

// addressWithVariables is host and port, of which at least one is a variable, so that it is no URL.
var addressWithVariables = lazy.Regexp(`^\w+://(\$\{\w+\}|[\w.-]+)(?::(\$\{\w+\}|\d+))?$`)

// makeRedis translates an address such as tcp://:password@host:6379 or unix:///path.
func makeRedis(t *translation, where string, server *yaml.Node, into *settings) {
	t.setRedisAddress(where, server, into)
}

// setRedisAddress sets the connection of a Redis: host and port, or url.
func (t *translation) setRedisAddress(where string, server *yaml.Node, into *settings) {
	address := server.Value
	if !strings.Contains(address, "://") {
		address = "tcp://" + address
	}
	u, err := url.Parse(address)
	switch {
	case strings.Contains(address, "${") && addressWithVariables().MatchString(address):
		found := addressWithVariables().FindStringSubmatch(address)
		into.set("host", found[1])
		if found[2] != "" {
			into.set("port", yaml.Node{Kind: yaml.ScalarNode, Value: found[2]})
		}
		return
	case err != nil:
		t.note(server.Line, Todo, "%s: write this address as host and port", where)
		return
	case u.Scheme == "unix":
		into.set("url", "unix://"+u.Path)
	default:
		if u.Scheme == "rediss" {
			into.set("ssl", true)
		}
		into.set("host", hostOr(u.Hostname(), "127.0.0.1"))
		if port, err := strconv.Atoi(u.Port()); err == nil {
			into.set("port", port)
		}
		if db, err := strconv.Atoi(strings.Trim(u.Path, "/")); err == nil {
			into.set("db", db)
		}
	}
	if u.User.Username() != "" {
		into.set("username", u.User.Username())
	}
	if password, ok := u.User.Password(); ok {
		into.set("password", t.hideCredential(server.Line, where, password, "redis/password"))
	}
}

func hostOr(host, otherwise string) string {
	if host == "" {
		return otherwise
	}
	return host
}

// libpqWord is key and value; a value with blanks is in single quotes, in which a backslash protects a quote.
var libpqWord = lazy.Regexp(`(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s']+))`)

// makePostgres translates an address of libpq: a URL, or words "key=value".
func makePostgres(t *translation, where string, server *yaml.Node, into *settings) {
	if u, err := url.Parse(server.Value); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		if password, ok := u.User.Password(); ok {
			into.set("password", t.hideCredential(server.Line, where, password, "postgres/password"))
			u.User = url.User(u.User.Username())
		}
		into.set("url", u.String())
		return
	}
	for _, found := range libpqWord().FindAllStringSubmatch(server.Value, -1) {
		key, value := found[1], strings.NewReplacer(`\'`, "'", `\\`, `\`).Replace(found[2]+found[3])
		switch key {
		case "host", "user", "dbname", "sslmode":
			into.set(key, value)
		case "port":
			if port, err := strconv.Atoi(value); err == nil {
				into.set(key, port)
			}
		case "password":
			into.set(key, t.hideCredential(server.Line, where, value, "postgres/password"))
		default:
			t.note(server.Line, LeftOut, "%s: %s has no equivalent", where, key)
		}
	}
}

// makeMariaDB translates a data source name of go-sql-driver/mysql, which Telegraf uses as well.
func makeMariaDB(t *translation, where string, server *yaml.Node, into *settings) {
	dsn := server.Value
	if !strings.Contains(dsn, "/") { // Telegraf accepts an address alone
		dsn = "tcp(" + dsn + ")/"
	}
	c, err := mysql.ParseDSN(dsn)
	host, port := "", ""
	if err == nil && c.Net != "unix" {
		host, port, err = net.SplitHostPort(c.Addr)
	}
	if err != nil { // its message may quote a password
		t.note(server.Line, Todo, "%s: this data source name cannot be read; write host, port, user and password", where)
		return
	}
	if c.Net == "unix" {
		into.set("socket", c.Addr)
	} else {
		into.set("host", hostOr(host, "127.0.0.1"))
		if n, err := strconv.Atoi(port); err == nil && n != 3306 {
			into.set("port", n)
		}
	}
	if c.User != "" {
		into.set("user", c.User)
	}
	if c.Passwd != "" {
		into.set("password", t.hideCredential(server.Line, where, c.Passwd, "mariadb/password"))
	}
	if c.DBName != "" {
		into.set("database", c.DBName)
	}
	if c.TLSConfig != "" && c.TLSConfig != "false" {
		into.set("tls", map[string]any{})
	}
}
