package config

import (
	"bytes"
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// source is the file that a configuration was read from, if [Env.KeepSource] is set.
type source struct {
	top      *yaml.Node
	original map[*yaml.Node]yaml.Node // scalars with variables or references, as they are in the file
	settings map[string]*yaml.Node    // of components: "input linux_cpu"
}

// rememberReferences returns the scalars below n that are replaced while the file is read.
func rememberReferences(n *yaml.Node) map[*yaml.Node]yaml.Node {
	all := map[*yaml.Node]yaml.Node{}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && (strings.Contains(n.Value, "${") || strings.HasPrefix(n.Value, conf.SecretPrefix)) {
			all[n] = *n
		}
		for _, below := range n.Content { // not what aliases stand for: that is elsewhere in the file
			walk(below)
		}
	}
	walk(n)
	return all
}

// show returns a scalar of the file for people: variables and references stay, credentials are hidden.
func (s *source) show(key string, n *yaml.Node, isSecret bool) *yaml.Node {
	shown := yaml.Node{Kind: yaml.ScalarNode, Tag: n.Tag, Style: n.Style, Value: n.Value}
	original, hasReference := s.original[n]
	if hasReference {
		shown.Tag, shown.Style, shown.Value = original.Tag, original.Style, original.Value
	}
	switch {
	case shown.Tag == "!!bool", shown.Tag == "!!null", shown.Value == "", strings.HasPrefix(shown.Value, conf.SecretPrefix):
	case isSecret, secret.IsCredentialName(key) && !isPath(key, shown.Value):
		hidden := "[redacted]"
		if scheme, _, isURL := strings.Cut(shown.Value, "://"); isURL && !strings.ContainsAny(scheme, ":@/ ${") {
			hidden = scheme + "://redacted" // which is still a URL
		}
		if value := hideCredential(shown.Value, hidden); value != shown.Value {
			shown.Tag, shown.Style, shown.Value = "!!str", 0, value
		}
	default:
		value := secret.ReplaceCredentials(shown.Value, func(credential string) string {
			return hideCredential(credential, "redacted") // without brackets, which may not be in a URL
		})
		if value != shown.Value {
			shown.Tag, shown.Value = "!!str", value
		}
	}
	return &shown
}

// wholeVariable matches a text that is one environment variable, with its default as the second group.
var wholeVariable = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}$`)

// hideCredential returns what is shown instead of a credential: references to a store and variables stay, but not the default of a variable.
func hideCredential(text, hidden string) string {
	if strings.HasPrefix(text, conf.SecretPrefix) {
		return text
	}
	switch m := wholeVariable.FindStringSubmatch(text); {
	case m == nil:
		return hidden
	case m[2] != "":
		return "${" + m[1] + ":-redacted}"
	}
	return text
}

// isPath reports whether a setting names a file with a credential.
func isPath(key, value string) bool {
	return strings.HasSuffix(key, "_file") || strings.HasPrefix(value, "/")
}

// showValue returns a scalar as it is used. The result must not be printed.
func showValue(_ string, n *yaml.Node, _ bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}
}

// describeInput returns the settings of an input, with those that it inherits.
func (c *Config) describeInput(in *Input, show conf.ShowFunc) *yaml.Node {
	options := in.Built.Options
	options.Interval, options.Counters = cmp.Or(options.Interval, c.Interval), cmp.Or(options.Counters, c.Counters)
	options.WhenFull = cmp.Or(options.WhenFull, c.WhenFull)
	n := c.source.settings["input "+in.ID]
	return describeValid(n, show, func(ps *conf.Problems, n *yaml.Node) { in.Built.Definition.Decode(ps, n, "") }, in.Built.Config, &options)
}

func (c *Config) describeOutput(out *Output, show conf.ShowFunc) *yaml.Node {
	n, options := c.source.settings["output "+out.ID], out.Built.Options
	return describeValid(n, show, func(ps *conf.Problems, n *yaml.Node) { out.Built.Definition.Decode(ps, n, "") }, out.Built.Config, &options)
}

// describeValid describes settings. Defaults are left out if they cannot be written beside what is in the file, such as a host beside a URL.
func describeValid(n *yaml.Node, show conf.ShowFunc, decode func(*conf.Problems, *yaml.Node), targets ...any) *yaml.Node {
	whole := conf.Describe(n, show, targets...)
	var ps conf.Problems
	decode(&ps, whole)
	if dropReferences(ps).Err() != nil {
		return conf.DescribeWritten(n, show, targets...)
	}
	return whole
}

// describeTop returns everything but the inputs and outputs.
func (c *Config) describeTop(show conf.ShowFunc) *yaml.Node {
	rest := &yaml.Node{Kind: yaml.MappingNode}
	for key, value := range conf.Entries(&conf.Problems{}, c.source.top, "") {
		if key.Value != "inputs" && key.Value != "outputs" {
			rest.Content = append(rest.Content, key, value)
		}
	}
	layout := struct {
		Settings `yaml:",inline"`
		Buffer   *bufferLayout `yaml:"buffer"`
		Web      *Web          `yaml:"web"`
		Health   *Health       `yaml:"health"`
	}{Settings: c.Settings, Web: c.Web, Health: c.Health}
	if c.Disk != nil {
		layout.Buffer = &bufferLayout{Disk: c.Disk}
	}
	return conf.Describe(rest, show, &layout)
}

// Print returns the configuration as it is in effect, as YAML: with defaults, and with what inputs inherit. Variables and references to
// secrets stay, and credentials are hidden. [Env.KeepSource] must have been set.
func (c *Config) Print() ([]byte, error) {
	top := c.describeTop(c.source.show)
	list := func(key string, items []*yaml.Node) {
		top.Content = append(top.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &yaml.Node{Kind: yaml.SequenceNode, Content: items})
	}
	item := func(name string, settings *yaml.Node) *yaml.Node {
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: name}
		if len(settings.Content) == 0 {
			return key
		}
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, settings}}
	}
	var inputs, outputs []*yaml.Node
	for i := range c.Inputs {
		inputs = append(inputs, item(c.Inputs[i].Built.Definition.Name(), c.describeInput(&c.Inputs[i], c.source.show)))
	}
	for i := range c.Outputs {
		outputs = append(outputs, item(c.Outputs[i].Built.Definition.Name(), c.describeOutput(&c.Outputs[i], c.source.show)))
	}
	list("inputs", inputs)
	list("outputs", outputs)
	var text bytes.Buffer
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if err := e.Encode(top); err != nil {
		return nil, err
	}
	return text.Bytes(), e.Close()
}

// KeyChange is a key whose value differs between two configurations. The values are for people: credentials are hidden.
type KeyChange struct {
	Key         string // "tls.ca", "urls[1]"
	Before, Now string // "": the key does not exist
}

// TopChanges returns the keys outside of inputs and outputs that differ. [Env.KeepSource] must have been set for both.
func TopChanges(before, now *Config) []KeyChange {
	return changedKeys(before.describeTop(before.source.show), now.describeTop(now.source.show), before.describeTop(showValue), now.describeTop(showValue))
}

// InputChanges returns the keys of an input of both configurations that differ.
func InputChanges(before, now *Config, id string) []KeyChange {
	a, b := before.findInput(id), now.findInput(id)
	return changedKeys(before.describeInput(a, before.source.show), now.describeInput(b, now.source.show), before.describeInput(a, showValue), now.describeInput(b, showValue))
}

// OutputChanges returns the keys of an output of both configurations that differ.
func OutputChanges(before, now *Config, id string) []KeyChange {
	a, b := before.findOutput(id), now.findOutput(id)
	return changedKeys(before.describeOutput(a, before.source.show), now.describeOutput(b, now.source.show), before.describeOutput(a, showValue), now.describeOutput(b, showValue))
}

func (c *Config) findInput(id string) *Input {
	return &c.Inputs[slices.IndexFunc(c.Inputs, func(in Input) bool { return in.ID == id })]
}

func (c *Config) findOutput(id string) *Output {
	return &c.Outputs[slices.IndexFunc(c.Outputs, func(out Output) bool { return out.ID == id })]
}

// changedKeys compares two maps by their values, which may be credentials, and returns how those that differ are shown.
func changedKeys(shownBefore, shownNow, before, now *yaml.Node) (changes []KeyChange) {
	a, b := flatten(before), flatten(now)
	showA, showB := flatten(shownBefore), flatten(shownNow)
	keys := slices.Compact(slices.Sorted(maps.Keys(maps.Collect(func(yield func(string, bool) bool) {
		for _, m := range []map[string]string{a, b} {
			for key := range m {
				if !yield(key, true) {
					return
				}
			}
		}
	}))))
	for _, key := range keys {
		valueA, inA := a[key]
		valueB, inB := b[key]
		if valueA != valueB || inA != inB {
			changes = append(changes, KeyChange{key, showA[key], showB[key]})
		}
	}
	return changes
}

// flatten returns the scalars of a map by their paths.
func flatten(n *yaml.Node) map[string]string {
	all := map[string]string{}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(strings.TrimPrefix(path+"."+n.Content[i].Value, "."), n.Content[i+1])
			}
		case yaml.SequenceNode:
			for i, item := range n.Content {
				walk(path+"["+strconv.Itoa(i)+"]", item)
			}
		default:
			all[path] = n.Value
		}
	}
	walk("", n)
	return all
}
