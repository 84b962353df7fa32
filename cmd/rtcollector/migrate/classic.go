package migrate

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/lazy"
)

// classicType is what a backend of Netdata, or an instance of its exporting engine, is here.
type classicType struct {
	output string // graphite, opentsdb or json
	scheme string // "http" or "https"; "": lines over TCP
}

// exportingSection splits the name of a section of exporting.conf: [TYPE:NAME], where the type may end in :http or :https.
var exportingSection = lazy.Regexp(`^(graphite|opentsdb|json)(?::(plaintext|telnet|https?))?(?::|$)`)

// classicOf returns the type of a section. Ok is false if no output of ours corresponds.
func classicOf(name string, section *yaml.Node) (c classicType, ok bool) {
	if name == "backend" {
		name = "graphite"
		if named := find(section, "type"); named != nil {
			name = named.Value
		}
	}
	parts := exportingSection().FindStringSubmatch(name)
	if parts == nil || parts[1] == "graphite" && strings.HasPrefix(parts[2], "http") {
		return c, false
	}
	c.output = parts[1]
	if strings.HasPrefix(parts[2], "http") {
		c.scheme = parts[2]
	}
	return c, true
}

// translateClassic translates a backend that sends lines. The series of Netdata's plugins keep their names.
func (t *translation) translateClassic(c classicType, name, section *yaml.Node) {
	if on := find(section, "enabled"); on != nil && !slices.Contains([]string{"yes", "true", "on"}, on.Value) {
		t.note(name.Line, LeftOut, "[%s]: is not enabled", name.Value)
		return
	}
	out := component{name: c.output}
	if c.scheme != "" {
		out.settings.set("protocol", c.scheme)
	}
	out.settings.set("prefix", "netdata")
	out.settings.set("names", "netdata")
	out.settings.set("data_source", "average")
	for i := 0; i+1 < len(section.Content); i += 2 {
		t.translateClassicKey(c, name.Value, section.Content[i], section.Content[i+1], &out.settings)
	}
	t.document.outputs = append(t.document.outputs, out)
	t.note(name.Line, Changed, "[%s] is the output %s; names: netdata concerns the series of Netdata's plugins, all others have the names of docs/inputs.md", name.Value, c.output)
}

func (t *translation) translateClassicKey(c classicType, section string, key, value *yaml.Node, out *settings) {
	switch key.Value {
	case "enabled", "type":
	case "destination":
		out.set("destination", splitDestinations(c, value.Value))
	case "prefix", "hostname":
		out.set(key.Value, value.Value)
	case "data source":
		t.setDataSource(key, value, out)
	case "update every":
		t.setUpdateEvery(section, key, value, out)
	case "timeout ms":
		if ms, err := strconv.Atoi(value.Value); err == nil && ms > 0 {
			out.set("timeout", value.Value+"ms")
		}
	case "send names instead of ids":
		if value.Value == "no" {
			out.set("names", "netdata_ids")
		}
	case "send hosts matching":
		out.set("send_hosts_matching", value.Value)
	case "send charts matching":
		if value.Value != "*" {
			t.note(key.Line, Todo, "%s: %s: write send_charts_matching with the metrics of docs/inputs.md; charts of Netdata match only the series of its plugins", key.Value, value.Value)
		}
	case "username", "password":
		if c.scheme == "" {
			t.note(key.Line, LeftOut, "[%s] %s: there is no login over TCP", section, key.Value)
			return
		}
		out.set(key.Value, t.hideCredential(key.Line, "["+section+"] "+key.Value, value.Value, c.output+"/"+key.Value))
	case "host tags":
		t.translateHostTags(key, value.Value)
	case "buffer on failures":
		t.note(key.Line, LeftOut, "%s: max_buffer_size is in samples; the default is a million for each output", key.Value)
	default:
		t.note(key.Line, LeftOut, "[%s] %s: has no equivalent", section, key.Value)
	}
}

func (t *translation) setDataSource(key, value *yaml.Node, out *settings) {
	switch strings.NewReplacer("_", " ", "-", " ").Replace(value.Value) {
	case "average":
	case "sum", "volume":
		out.set("data_source", "sum")
	case "as collected", "raw", "ascollected":
		out.set("data_source", "as_collected")
	default:
		t.note(key.Line, LeftOut, "%s: %q is not average, sum or as collected", key.Value, value.Value)
	}
}

func (t *translation) setUpdateEvery(section string, key, value *yaml.Node, out *settings) {
	if seconds, err := strconv.Atoi(strings.TrimSuffix(value.Value, "s")); err != nil || seconds < 1 {
		t.note(key.Line, LeftOut, "[%s] %s: %q is not a number of seconds", section, key.Value, value.Value)
		return
	}
	out.set("update_every", strings.TrimSuffix(value.Value, "s")+"s")
}

// splitDestinations splits a list that is separated by blanks or commas.
func splitDestinations(c classicType, text string) (list []string) {
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		if c.scheme != "" {
			one = strings.TrimPrefix(one, "tcp:") // the protocol is set for all
		}
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// translateTelegrafGraphite translates outputs.graphite of Telegraf.
func (t *translation) translateTelegrafGraphite(where string, plugin *yaml.Node) {
	out := component{name: "graphite"}
	for _, key := range []string{"tls_ca", "tls_cert", "tls_server_name", "insecure_skip_verify", "tls_enable"} {
		if v := find(plugin, key); v != nil && !isZero(v) {
			out.settings.set("protocol", "tls")
		}
	}
	naming := keyRule{why: "names are those of the output graphite, which has no templates (rtcollector plugins show graphite)"}
	always := keyRule{}
	t.translateKeys(where, plugin, with(commonKeys(), map[string]keyRule{
		"servers": {to: "destination", why: "the first one is preferred, where Telegraf takes any"}, "prefix": {to: "prefix", convert: trimDots}, "timeout": {to: "timeout"},
		"graphite_tag_support": {to: "format", convert: convertTagSupport}, "tls_enable": always,
		"tls_ca": {to: "tls.ca"}, "tls_cert": {to: "tls.cert"}, "tls_key": {to: "tls.key"}, "tls_server_name": {to: "tls.server_name"}, "insecure_skip_verify": {to: "tls.insecure_skip_verify"},
		"template": naming, "templates": naming, "graphite_tag_sanitize_mode": naming, "graphite_separator": naming, "graphite_strict_sanitize_regex": naming,
		"metric_batch_size": always, "flush_interval": {why: "flush_interval is one for all outputs"}, "metric_buffer_limit": {why: "max_buffer_size is one for all outputs"},
		"flush_jitter": {to: "jitter"},
	}), &out.settings)
	t.document.outputs = append(t.document.outputs, out)
}

func convertTagSupport(_ *translation, _ string, v *yaml.Node) yaml.Node {
	if v.Value == "true" {
		return *text("tagged")
	}
	return *text("plain")
}

func trimDots(_ *translation, _ string, v *yaml.Node) yaml.Node {
	return *text(strings.Trim(v.Value, "."))
}

// translateTelegrafOpenTSDB translates outputs.opentsdb of Telegraf.
func (t *translation) translateTelegrafOpenTSDB(where string, plugin *yaml.Node) {
	out := component{name: "opentsdb"}
	always := keyRule{}
	rules := with(commonKeys(), map[string]keyRule{
		"prefix": {to: "prefix", convert: trimDots}, "host": always, "port": always, "http_path": always, "http_batch_size": {to: "batch_size"}, "debug": always,
		"separator":         {why: "a metric has one name here"},
		"metric_batch_size": always, "flush_interval": {why: "flush_interval is one for all outputs"}, "metric_buffer_limit": {why: "max_buffer_size is one for all outputs"},
		"flush_jitter": {to: "jitter"},
	})
	value := func(key, other string) string {
		if v := find(plugin, key); v != nil {
			return v.Value
		}
		return other
	}
	address := strings.TrimPrefix(value("host", "localhost"), "tcp://") + ":" + value("port", "4242")
	if strings.Contains(address, "://") {
		if path := value("http_path", "/api/put"); path != "/api/put" {
			address += path
		}
	}
	out.settings.set("destination", []string{address})
	t.translateKeys(where, plugin, rules, &out.settings)
	t.document.outputs = append(t.document.outputs, out)
}
