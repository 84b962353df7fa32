package migrate

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/lazy"
)

// Telegraf replaces variables in the text before it parses it, so that they may stand where TOML wants a number.
var (
	bareVariable     = lazy.Regexp(`(?m)^(\s*[\w.-]+\s*=\s*)(\$\{?\w+(?::-[^}"\n]*)?\}?)(\s*(?:#.*)?)$`)
	shortVariable    = lazy.Regexp(`\$([A-Za-z_]\w*)`)
	secretOfTelegraf = lazy.Regexp(`^@\{(\w+):(\w+)\}$`)
)

// translateTelegraf translates a telegraf.conf (https://github.com/influxdata/telegraf/blob/master/docs/CONFIGURATION.md).
func (t *translation) translateTelegraf(data []byte) error {
	root, err := parseTOML(bareVariable().ReplaceAll(data, []byte(`$1"$2"$3`)))
	if err != nil {
		return err
	}
	braceVariables(root)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch key.Value {
		case "agent":
			t.translateKeys("agent", value, agentKeys(), &t.document.top)
		case "global_tags":
			if len(value.Content) > 0 {
				t.document.top.set("tags", value)
			}
		case "inputs":
			t.eachPlugin(value, t.translateTelegrafInput)
		case "outputs":
			t.eachPlugin(value, t.translateTelegrafOutput)
		case "secretstores":
			t.note(key.Line, Todo, "%s: set up secret_store or secret_stores; see \"rtcollector plugins list\"", key.Value)
		default: // processors, aggregators
			t.eachPlugin(value, func(name string, plugin *yaml.Node) {
				t.note(plugin.Line, LeftOut, "%s.%s: rtcollector does not change or combine samples on their way; Redis computes averages (compactions) and PromQL the rest", key.Value, name)
			})
		}
	}
	t.addMissingOutput("Telegraf's outputs")
	if len(t.document.inputs) > 0 {
		t.note(0, Changed, "metrics have the names of rtcollector: docs/inputs.md lists them")
	}
	return nil
}

// addMissingOutput adds an output if none was translated.
func (t *translation) addMissingOutput(instead string) {
	if len(t.document.outputs) > 0 {
		return
	}
	redis := component{name: "redistimeseries"}
	redis.settings.set("host", "127.0.0.1")
	t.document.outputs = append(t.document.outputs, redis)
	t.note(0, Todo, "outputs: redistimeseries on 127.0.0.1 stands in for %s: change the address", instead)
}

// braceVariables writes $NAME as ${NAME} in all values.
func braceVariables(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Value = shortVariable().ReplaceAllString(n.Value, "$${$1}")
	}
	for _, below := range n.Content {
		braceVariables(below)
	}
}

// eachPlugin calls f for each table below "inputs", "outputs", ….
func (t *translation) eachPlugin(group *yaml.Node, f func(name string, plugin *yaml.Node)) {
	for i := 0; i+1 < len(group.Content); i += 2 {
		tables := []*yaml.Node{group.Content[i+1]}
		if tables[0].Kind == yaml.SequenceNode {
			tables = tables[0].Content
		}
		for _, table := range tables {
			f(group.Content[i].Value, table)
		}
	}
}

// keyRule says what becomes of a key.
type keyRule struct {
	to      string                                                     // its name here; "": left out
	why     string                                                     // why it is left out, or what is different
	convert func(t *translation, where string, v *yaml.Node) yaml.Node // nil: the value stays
}

// translateKeys translates the keys of a table. Where is the name of the table, for notes.
func (t *translation) translateKeys(where string, table *yaml.Node, rules map[string]keyRule, into *settings) {
	defer t.dropUselessCA(where, table, into)
	for i := 0; i+1 < len(table.Content); i += 2 {
		key, value := table.Content[i], table.Content[i+1]
		path := where + "." + key.Value
		rule, isKnown := rules[key.Value]
		switch {
		case !isKnown:
			t.note(key.Line, LeftOut, "%s: has no equivalent", path)
		case rule.to == "" && (rule.why == "" || isZero(value)): // means nothing here, is read elsewhere, or is not set
		case rule.to == "":
			t.note(key.Line, LeftOut, "%s: %s", path, rule.why)
		default:
			converted := plain(value)
			if rule.convert != nil {
				converted = rule.convert(t, path, value)
			}
			if converted.Kind == 0 {
				continue
			}
			into.set(rule.to, &converted)
			if rule.to != key.Value || rule.why != "" {
				t.note(key.Line, Changed, "%s is %s%s", path, rule.to, strings.TrimSuffix("; "+rule.why, "; "))
			}
		}
	}
}

// dropUselessCA drops an authority that nothing is checked against. Telegraf accepts both settings, and so do its examples.
func (t *translation) dropUselessCA(where string, table *yaml.Node, into *settings) {
	tls := find(&into.node, "tls")
	if skips := find(tls, "insecure_skip_verify"); skips == nil || skips.Value != "true" || find(tls, "ca") == nil {
		return
	}
	for i := 0; i+1 < len(tls.Content); i += 2 {
		if tls.Content[i].Value == "ca" {
			tls.Content = append(tls.Content[:i], tls.Content[i+2:]...)
			break
		}
	}
	t.note(table.Line, LeftOut, "%s.tls_ca: insecure_skip_verify is true, so that no certificate is checked", where)
}

func isZero(v *yaml.Node) bool {
	return v.Kind == yaml.ScalarNode && (v.Value == "" || v.Value == "0" || v.Value == "0s" || v.Value == "false") || v.Kind == yaml.SequenceNode && len(v.Content) == 0
}

func agentKeys() map[string]keyRule {
	ignored := keyRule{}
	return map[string]keyRule{
		"interval": {to: "interval"}, "flush_interval": {to: "flush_interval"}, "debug": {to: "debug"},
		"metric_buffer_limit": {to: "max_buffer_size", why: "it is per output, in samples"},
		"hostname":            {to: "hostname", convert: dropEmpty},
		"logformat":           {to: "log_format", convert: convertLogFormat},
		"collection_jitter":   {why: "inputs are spread over the interval without a setting"},
		"collection_offset":   {why: "has no equivalent"},
		"flush_jitter":        {why: "has no equivalent"},
		"precision":           {why: "times are in milliseconds"},
		"omit_hostname":       {why: "every series has the label host; key_format: bare keeps it out of the keys"},
		"logfile":             {why: "the log goes to stderr; the service manager keeps it"},
		"logtarget":           {why: "the log goes to stderr; the service manager keeps it"},
		"round_interval":      ignored, // samples always carry the scheduled time, a multiple of the interval
		"metric_batch_size":   ignored, "quiet": ignored, "logfile_rotation_interval": ignored, "logfile_rotation_max_size": ignored,
		"logfile_rotation_max_archives": ignored, "log_with_timezone": ignored, "skip_processors_after_aggregators": ignored,
		"buffer_strategy": {why: "the buffer is in memory"}, "buffer_directory": {why: "the buffer is in memory"},
	}
}

func dropEmpty(_ *translation, _ string, v *yaml.Node) yaml.Node {
	if v.Value == "" {
		return yaml.Node{}
	}
	return plain(v)
}

func convertLogFormat(_ *translation, _ string, v *yaml.Node) yaml.Node {
	if v.Value == "structured" || v.Value == "json" {
		return *text("json")
	}
	return *text("text")
}

// credential returns a conversion that hides a value. id is what the secret store knows it as.
func credential(id string) func(*translation, string, *yaml.Node) yaml.Node {
	return func(t *translation, where string, v *yaml.Node) yaml.Node {
		if named := secretOfTelegraf().FindStringSubmatch(v.Value); named != nil {
			return *text("secret:" + named[1] + "/" + named[2])
		}
		return *text(t.hideCredential(v.Line, where, v.Value, id))
	}
}

// first returns the only value of a list; a note says what became of the others.
func first(t *translation, where string, v *yaml.Node) yaml.Node {
	if v.Kind != yaml.SequenceNode {
		return plain(v)
	}
	for _, other := range v.Content[min(1, len(v.Content)):] {
		t.note(v.Line, LeftOut, "%s: %q: only the first is used", where, other.Value)
	}
	if len(v.Content) == 0 {
		return yaml.Node{}
	}
	return plain(v.Content[0])
}
