package migrate

import (
	"errors"
	"slices"
	"strings"
)

// collector says what becomes of a collector of node_exporter.
type collector struct {
	inputs    []string // "": it has no equivalent
	isDefault bool     // it runs without a flag
	full      bool     // the input needs full: true for everything
}

// collectors are those of node_exporter 1.9 (https://github.com/prometheus/node_exporter#collectors) that exist here.
func collectors() map[string]collector {
	standard := func(inputs ...string) collector { return collector{inputs: inputs, isDefault: true} }
	return map[string]collector{
		"cpu": standard("cpu"), "meminfo": {inputs: []string{"mem"}, isDefault: true, full: true}, "diskstats": standard("io"), "filesystem": standard("disk"),
		"netdev": standard("net"), "netclass": standard("net"), "netstat": standard("netstat", "nstat"), "loadavg": standard("system"), "uname": standard("system"),
		"os": standard("system"), "stat": standard("kernel"), "pressure": standard("kernel"), "filefd": standard("kernel"), "entropy": standard("kernel"),
		"vmstat": standard("vmstat"), "sockstat": standard("linux_sockets"), "softnet": standard("linux_sockets"), "conntrack": standard("linux_sockets"),
		"hwmon": standard("sensors"), "thermal_zone": standard("sensors"), "powersupplyclass": standard("sensors"), "cpufreq": standard("sensors"), "rapl": standard("sensors"),
		"time": standard("time"), "timex": standard("time"), "udp_queues": standard("linux_sockets"), "selinux": standard(), "schedstat": standard(), "arp": standard(),
		"bcache": standard(), "bonding": standard(), "btrfs": standard(), "dmi": standard(), "edac": standard(), "fibrechannel": standard(), "infiniband": standard(), "ipvs": standard(),
		"mdadm": standard(), "nfs": standard(), "nfsd": standard(), "nvme": standard(), "tapestats": standard(), "textfile": standard(), "watchdog": standard(), "xfs": standard(), "zfs": standard(),
		"processes": {inputs: []string{"processes"}}, "tcpstat": {inputs: []string{"netstat"}}, "ksmd": {inputs: []string{"kernel"}}, "interrupts": {inputs: []string{"kernel"}},
		"softirqs": {inputs: []string{"kernel"}}, "meminfo_numa": {}, "logind": {inputs: []string{"system"}}, "ntp": {inputs: []string{"time"}},
	}
}

// exporterOption is a flag of the command line.
type exporterOption struct {
	name, value string
	line        int
}

// webConfig is the flag with the file that has node_exporter's certificate and passwords.
const webConfig = "web.config.file"

// translateNodeExporter translates the flags of node_exporter, wherever they stand: a unit of systemd, /etc/default, a script, a line of a
// shell. Everything that is no flag is skipped.
func (t *translation) translateNodeExporter(data []byte) error {
	flags := parseFlags(data)
	on := map[string]bool{}
	for name, c := range collectors() {
		on[name] = c.isDefault
	}
	for _, f := range flags {
		if f.name == "collector.disable-defaults" && f.value != "false" {
			clear(on)
		}
	}
	var left []exporterOption
	for _, f := range flags {
		if name, isOff := cutCollector(f.name); name != "" {
			on[name] = !isOff
			if c := collectors()[name]; !isOff && len(c.inputs) == 0 {
				t.note(f.line, LeftOut, "--%s: has no equivalent", f.name)
			}
			continue
		}
		left = append(left, f)
	}
	t.addCollectors(on)
	endpoint := component{name: "prometheus_endpoint"}
	endpoint.settings.set("listen", ":9100") // the default of node_exporter
	t.document.outputs = append(t.document.outputs, endpoint)
	for _, f := range left {
		t.translateFlag(f)
	}
	if len(t.document.inputs) == 0 {
		return errors.New("no collector is left")
	}
	if !slices.ContainsFunc(flags, func(f exporterOption) bool { return f.name == webConfig }) { // otherwise the page may need a password
		t.openToAll("--web.listen-address", 0, &t.document.outputs[0].settings)
	}
	t.note(0, Changed, "metrics have the names of rtcollector: docs/inputs.md lists them. The output prometheus_endpoint serves them to Prometheus")
	t.note(0, Todo, "node_exporter runs when Prometheus asks; rtcollector gathers every 10 s: change interval to that of the scrapes")
	return nil
}

// addCollectors adds the inputs of the collectors that are on, in the usual order.
func (t *translation) addCollectors(on map[string]bool) {
	known := collectors()
	for _, name := range slices.Concat(hostInputs(), []string{"vmstat"}) {
		for of, c := range known {
			if !on[of] || !slices.Contains(c.inputs, name) || slices.ContainsFunc(t.document.inputs, func(in component) bool { return in.name == name }) {
				continue
			}
			in := component{name: name}
			if c.full {
				in.settings.set("full", true)
			}
			t.document.inputs = append(t.document.inputs, in)
		}
	}
}

// cutCollector returns the collector that a flag switches on or off, or "".
func cutCollector(flag string) (name string, isOff bool) {
	rest, isOff := strings.CutPrefix(flag, "no-")
	name, ok := strings.CutPrefix(rest, "collector.")
	if !ok || strings.Contains(name, ".") || name == "disable-defaults" {
		return "", false
	}
	return name, isOff
}

// translateFlag translates a flag that is no collector.
func (t *translation) translateFlag(f exporterOption) {
	pattern := func(input, setting string) {
		for i, in := range t.document.inputs {
			if in.name == input {
				t.document.inputs[i].settings.set(setting, []string{"~" + f.value})
				t.note(f.line, Changed, "--%s is %s of the input %s", f.name, setting, input)
			}
		}
	}
	switch f.name {
	case "collector.disable-defaults":
	case "path.procfs":
		t.note(f.line, Changed, "--path.procfs is the environment variable HOST_PROC=%s", f.value)
	case "path.sysfs":
		t.note(f.line, Changed, "--path.sysfs is the environment variable HOST_SYS=%s", f.value)
	case "path.rootfs":
		t.note(f.line, Changed, "--path.rootfs is the environment variable HOST_ROOT=%s", f.value)
	case "collector.filesystem.mount-points-exclude", "collector.filesystem.ignored-mount-points":
		pattern("disk", "exclude_mounts")
	case "collector.filesystem.mount-points-include":
		pattern("disk", "include_mounts")
	case "collector.filesystem.fs-types-exclude", "collector.filesystem.ignored-fs-types":
		pattern("disk", "exclude_types")
	case "collector.netdev.device-exclude", "collector.netdev.device-blacklist":
		pattern("net", "exclude_interfaces")
	case "collector.netdev.device-include", "collector.netdev.device-whitelist":
		pattern("net", "include_interfaces")
	case "collector.diskstats.device-exclude", "collector.diskstats.ignored-devices":
		pattern("io", "exclude_devices")
	case "collector.diskstats.device-include":
		pattern("io", "include_devices")
	case "collector.hwmon.chip-exclude":
		pattern("sensors", "exclude")
	case "collector.textfile.directory":
		t.note(f.line, LeftOut, "--%s: use the input exec with data_format: prometheus and the command \"cat %s/*.prom\"", f.name, f.value)
	case "web.listen-address":
		t.document.outputs[0].settings.set("listen", f.value)
		t.note(f.line, Changed, "--%s is listen of the output prometheus_endpoint", f.name)
	case "web.telemetry-path":
		t.document.outputs[0].settings.set("path", f.value)
		t.note(f.line, Changed, "--%s is path of the output prometheus_endpoint", f.name)
	case webConfig:
		t.note(f.line, Todo, "--%s: set tls_cert, tls_key and auth of the output prometheus_endpoint to what %s has", f.name, f.value)
	case "web.max-requests", "web.disable-exporter-metrics": // max_clients bounds connections; metrics about the agent are those of the input internal
	case "web.systemd-socket":
		t.note(f.line, LeftOut, "--%s: the output prometheus_endpoint listens itself", f.name)
	case "log.level":
		t.document.top.set("debug", f.value == "debug")
	case "log.format":
		t.document.top.set("log_format", map[bool]string{true: "json", false: "text"}[f.value == "json"])
	default:
		t.note(f.line, LeftOut, "--%s: has no equivalent", f.name)
	}
}

// parseFlags returns the words that begin with "--", with their values after "=" or in the next word, as far as quotes of a shell allow.
func parseFlags(data []byte) []exporterOption {
	var flags []exporterOption
	needsValue := false
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range splitWords(line) {
			if at := strings.Index(word, "--"); at >= 0 && (at == 0 || strings.ContainsAny(word[at-1:at], `"'=`)) { // ARGS="--collector…
				name, value, hasValue := strings.Cut(word[at+2:], "=")
				flags = append(flags, exporterOption{strings.Trim(name, `"'`), strings.Trim(value, `"'`), number})
				collector, _ := cutCollector(name)
				needsValue = !hasValue && collector == ""
				continue
			}
			if needsValue && word != `\` {
				flags[len(flags)-1].value = strings.Trim(word, `"'`)
			}
			needsValue = needsValue && word == `\`
		}
	}
	return slices.DeleteFunc(flags, func(f exporterOption) bool { return !strings.Contains(f.name, ".") })
}

// splitWords splits a line at blanks that are not in single quotes. Double quotes often enclose all flags.
func splitWords(line string) []string {
	var words []string
	var word strings.Builder
	quoted := false
	for _, c := range line {
		switch {
		case c == '\'':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(c)
		}
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}
