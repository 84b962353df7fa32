package migrate

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/lazy"
)

// parseINI parses sections of "key = value" as Netdata has them; "#" begins a comment at the start of a line.
func parseINI(data []byte) (*yaml.Node, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	var section *yaml.Node
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, ok = strings.CutSuffix(name, "]")
			if !ok {
				return nil, fmt.Errorf("%d:1: a section has no closing bracket", number)
			}
			name = strings.TrimSpace(name)
			if section = find(root, name); section == nil {
				section = &yaml.Node{Kind: yaml.MappingNode, Line: number}
				key := text(name)
				key.Line = number
				root.Content = append(root.Content, key, section)
			}
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || section == nil {
			return nil, fmt.Errorf("%d:1: neither a section nor \"key = value\" in one", number)
		}
		key, v := text(strings.TrimSpace(name)), text(strings.TrimSpace(value))
		key.Line, v.Line = number, number
		section.Content = append(section.Content, key, v)
	}
	return root, nil
}

// hostInputs are what Netdata and node_exporter collect without settings.
func hostInputs() []string {
	return []string{"cpu", "mem", "swap", "disk", "net", "io", "system", "processes", "kernel", "netstat", "nstat", "linux_sockets", "sensors", "time"}
}

var exportingInstance = lazy.Regexp(`^(graphite|opentsdb|json|prometheus_remote_write|kinesis|pubsub|mongodb)\S*:`)

// translateNetdata translates netdata.conf and exporting.conf (Netdata's documentation of the daemon, backends and exporting).
func (t *translation) translateNetdata(data []byte) error {
	root, err := parseINI(data)
	if err != nil {
		return err
	}
	without := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, section := root.Content[i], root.Content[i+1]
		switch {
		case name.Value == "global" || name.Value == "db" || name.Value == "exporting:global":
			t.translateNetdataGlobal(name.Value, section)
		case name.Value == "host labels":
			for i := 0; i+1 < len(section.Content); i += 2 {
				t.document.top.set("tags."+strings.ReplaceAll(section.Content[i].Value, ".", "_"), section.Content[i+1].Value)
			}
		case name.Value == "plugin:proc":
			t.translateNetdataProc(section, without)
		case name.Value == "plugins":
			t.translateNetdataPlugins(section, without)
		case name.Value == "backend" || exportingInstance().MatchString(name.Value):
			t.translateNetdataBackend(name, section)
		default:
			t.note(name.Line, LeftOut, "[%s]: has no equivalent", name.Value)
		}
	}
	var inputs []component
	for _, name := range hostInputs() {
		if !without[name] {
			inputs = append(inputs, component{name: name})
		}
	}
	t.document.inputs = append(inputs, t.document.inputs...)
	t.addMissingOutput("Netdata's backend")
	t.note(0, Changed, "charts and dimensions are metrics with labels: docs/inputs.md lists them")
	return nil
}

func (t *translation) translateNetdataGlobal(name string, section *yaml.Node) {
	for i := 0; i+1 < len(section.Content); i += 2 {
		key, value := section.Content[i], section.Content[i+1]
		switch key.Value {
		case "hostname":
			t.document.top.set("hostname", value.Value)
		case "update every":
			t.setSeconds(name, key, value, "interval")
		case "history", "page cache size", "dbengine disk space", "dbengine multihost disk space":
			t.note(key.Line, LeftOut, "%s: Redis keeps the samples: see retention and compactions of redistimeseries", key.Value)
		default:
			t.note(key.Line, LeftOut, "[%s] %s: has no equivalent", name, key.Value)
		}
	}
}

// setSeconds sets a top-level setting to a number of seconds.
func (t *translation) setSeconds(section string, key, value *yaml.Node, setting string) {
	seconds, err := strconv.Atoi(strings.TrimSuffix(value.Value, "s"))
	if err != nil || seconds < 1 {
		t.note(key.Line, LeftOut, "[%s] %s: %q is not a number of seconds", section, key.Value, value.Value)
		return
	}
	t.document.top.set(setting, strconv.Itoa(seconds)+"s")
	t.note(key.Line, Changed, "[%s] %s is %s", section, key.Value, setting)
}

// translateNetdataPlugins translates the switches of plugins. Every name that is not part of Netdata itself is an external plugin.
func (t *translation) translateNetdataPlugins(section *yaml.Node, without map[string]bool) {
	var external []string
	for i := 0; i+1 < len(section.Content); i += 2 {
		key, value := section.Content[i], section.Content[i+1]
		isOn := value.Value == "yes" || value.Value == "auto" || value.Value == "on"
		switch key.Value {
		case "proc":
			for _, name := range hostInputs() {
				without[name] = without[name] || !isOn && name != "disk"
			}
		case "diskspace":
			without["disk"] = !isOn
		case "apps":
			if isOn {
				t.document.addInput("process_groups")
				t.note(key.Line, Changed, "apps is the input process_groups; its groups are those of docs/processes.md")
			}
		case "cgroups":
			if isOn {
				t.note(key.Line, Todo, "cgroups: add the input docker if containers run here; process_groups has the labels cgroup and container")
			}
		case "python.d", "charts.d", "node.d", "go.d":
			if isOn {
				t.note(key.Line, Todo, "%s: add the inputs of your services: \"rtcollector plugins list\" has postgres, mariadb, redis, nginx, apache and others; netdata_plugins runs Netdata's own", key.Value)
			}
		case "tc", "idlejitter", "checks", "timex", "statsd", "loadaverage", "netdata monitoring", "enable running new plugins", "check for new plugins every", "profile":
			if isOn {
				t.note(key.Line, LeftOut, "[plugins] %s: has no equivalent", key.Value)
			}
		default:
			if isOn {
				external = append(external, key.Value)
				t.note(key.Line, Changed, "[plugins] %s: the input netdata_plugins runs it; name its folder with directories", key.Value)
			}
		}
	}
	if len(external) > 0 {
		in := component{name: "netdata_plugins"}
		in.settings.set("plugins", external)
		t.document.inputs = append(t.document.inputs, in)
	}
}

// translateNetdataProc leaves out the inputs for files that are off.
func (t *translation) translateNetdataProc(section *yaml.Node, without map[string]bool) {
	files := map[string]string{
		"/proc/diskstats": "io", "/proc/net/dev": "net", "/proc/meminfo": "mem", "/proc/stat": "cpu", "/proc/net/netstat": "netstat", "/proc/net/snmp": "nstat",
		"/proc/net/sockstat": "linux_sockets", "/proc/loadavg": "system",
	}
	for i := 0; i+1 < len(section.Content); i += 2 {
		key, value := section.Content[i], section.Content[i+1]
		name, isKnown := files[key.Value]
		switch {
		case isKnown && value.Value == "no":
			without[name] = true
			t.note(key.Line, Changed, "[plugin:proc] %s: the input %s is left out", key.Value, name)
		case !isKnown:
			t.note(key.Line, LeftOut, "[plugin:proc] %s: has no equivalent", key.Value)
		}
	}
}

func (t *translation) translateNetdataBackend(name, section *yaml.Node) {
	if c, ok := classicOf(name.Value, section); ok {
		t.translateClassic(c, name, section)
		return
	}
	if strings.HasPrefix(name.Value, "prometheus_remote_write:") {
		t.translateNetdataRemoteWrite(name, section)
		return
	}
	t.note(name.Line, Todo, "[%s]: there is no output for it: samples go to Redis, and what reads Prometheus reads them there (docs/web.md)", name.Value)
	for i := 0; i+1 < len(section.Content); i += 2 {
		key, value := section.Content[i], section.Content[i+1]
		switch key.Value {
		case "update every":
			t.setSeconds(name.Value, key, value, "flush_interval")
		case "hostname":
			t.document.top.set("hostname", value.Value)
		case "host tags":
			t.translateHostTags(key, value.Value)
		case "prefix":
			t.note(key.Line, LeftOut, "prefix: key_prefix of redistimeseries is for keys, name_prefix of an input for its metrics")
		case "buffer on failures":
			t.note(key.Line, LeftOut, "%s: max_buffer_size is in samples; the default is a million for each output", key.Value)
		case "send charts matching":
			if value.Value != "*" {
				t.note(key.Line, LeftOut, "%s: select metrics with metrics: {include: [], exclude: []} of each input", key.Value)
			}
		case "data source":
			if value.Value != "as collected" {
				t.note(key.Line, LeftOut, "%s: samples are as collected, and rates of counters are series of their own; Redis computes averages (compactions)", key.Value)
			}
		case "enabled", "type", "timeout ms", "send names instead of ids", "send hosts matching": // of the connection that is left out
		case "destination":
			t.note(key.Line, LeftOut, "destination: %s", value.Value)
		default:
			t.note(key.Line, LeftOut, "[%s] %s: has no equivalent", name.Value, key.Value)
		}
	}
}

// hostTag is one of the tags in the forms of the backends: a=1;b=2, a=1 b=2, a="1",b="2".
var hostTag = lazy.Regexp(`([A-Za-z_][\w.-]*)\s*=\s*(?:"([^"]*)"|([^\s;,"]+))`)

func (t *translation) translateHostTags(key *yaml.Node, tags string) {
	found := hostTag().FindAllStringSubmatch(tags, -1)
	if len(found) == 0 && tags != "" {
		t.note(key.Line, LeftOut, "host tags: no key=value in it")
	}
	for _, tag := range found {
		t.document.top.set("tags."+strings.ReplaceAll(tag[1], ".", "_"), tag[2]+tag[3])
	}
}
