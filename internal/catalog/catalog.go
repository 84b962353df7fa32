// Package catalog defines what inputs, outputs and secret stores have in common: a name, a summary, a README, the systems they
// run on, and the decoding of a YAML node into a validated configuration. Package catalogtest checks it for each component.
//
//   - catalog.go: [Definition] is a kind of component, [Built] its decoded configuration, [Catalog] a list of definitions.
//   - report.go: [Report] is the result of "check --connect" for a component.
//   - privilege.go: [Privilege] is what a component needs to be permitted.
//
// The type parameters are E, the environment that a component is built with; O, the options that all components of its kind have;
// L, the live component.
package catalog

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// Sharer is implemented by common options that pass some of their values to the component's own configuration.
type Sharer interface{ Share(config any) }

// Definition defines one kind of component. Explicit lists contain the definitions; nothing registers itself.
type Definition[E, O, L any] struct {
	name, summary, readme string
	aliases, systems      []string
	onRequest             bool
	defaults              func() any
	decode                func(ps *conf.Problems, n *yaml.Node, path string) Built[E, O, L]
}

// Define makes a definition from a configuration type C. Build makes a live component from a decoded configuration.
func Define[C, E, O, L any](name, summary string, defaults func() C, options func() O, build func(E, C) (L, error)) Definition[E, O, L] {
	return Definition[E, O, L]{
		name:     name,
		summary:  summary,
		defaults: func() any { return defaults() },
		decode: func(ps *conf.Problems, n *yaml.Node, path string) Built[E, O, L] {
			o, c := options(), defaults()
			conf.Decode(ps, n, path, &c, &o)
			if s, ok := any(&o).(Sharer); ok {
				s.Share(&c)
			}
			return Built[E, O, L]{Options: o, Config: &c, build: func(e E) (L, error) { return build(e, c) }}
		},
	}
}

// On restricts the definition to systems, named as in GOOS. On other systems [Catalog.Find] returns an error that names them.
func (d Definition[E, O, L]) On(goos ...string) Definition[E, O, L] {
	d.systems = goos
	return d
}

// As adds names that select the definition on the systems it runs on: "cpu" for linux_cpu.
func (d Definition[E, O, L]) As(aliases ...string) Definition[E, O, L] {
	d.aliases = aliases
	return d
}

// OnRequest marks a component that needs settings or a service. It is not part of a first configuration.
func (d Definition[E, O, L]) OnRequest() Definition[E, O, L] {
	d.onRequest = true
	return d
}

// Doc sets the README, in Markdown; its first yaml block is the sample configuration.
func (d Definition[E, O, L]) Doc(readme string) Definition[E, O, L] {
	d.readme = readme
	return d
}

// Name returns the canonical name.
func (d Definition[E, O, L]) Name() string { return d.name }

// Summary returns a line about what the component does.
func (d Definition[E, O, L]) Summary() string { return d.summary }

// Readme returns the documentation, in Markdown.
func (d Definition[E, O, L]) Readme() string { return d.readme }

// Aliases returns the other names that select the definition.
func (d Definition[E, O, L]) Aliases() []string { return d.aliases }

// Systems returns the systems that the component runs on; empty means all.
func (d Definition[E, O, L]) Systems() []string { return d.systems }

// Starts reports whether the component works on a system without a configuration of its own.
func (d Definition[E, O, L]) Starts(goos string) bool { return d.Runs(goos) && !d.onRequest }

// Defaults returns the default configuration.
func (d Definition[E, O, L]) Defaults() any { return d.defaults() }

// Runs reports whether the component exists on a system.
func (d Definition[E, O, L]) Runs(goos string) bool {
	return len(d.systems) == 0 || slices.Contains(d.systems, goos)
}

// Sample returns the first yaml block of the README, or "".
func (d Definition[E, O, L]) Sample() string {
	_, rest, ok := strings.Cut(d.readme, "```yaml\n")
	if !ok {
		return ""
	}
	sample, _, _ := strings.Cut(rest, "```")
	return sample
}

// Settings returns an example with every setting: the "yaml settings" block of the README, or else the sample.
func (d Definition[E, O, L]) Settings() string {
	if _, rest, ok := strings.Cut(d.readme, "```yaml settings\n"); ok {
		block, _, _ := strings.Cut(rest, "```")
		return block
	}
	return d.Sample()
}

// Starter returns the component's item in a first configuration: the "yaml starter" block of the README, or else the name alone.
func (d Definition[E, O, L]) Starter() string {
	if _, rest, ok := strings.Cut(d.readme, "```yaml starter\n"); ok {
		block, _, _ := strings.Cut(rest, "```")
		return block
	}
	return "- " + d.name + "\n"
}

// Decode decodes a component's YAML. It adds problems to ps; if there are errors among them, the result must not be built.
func (d Definition[E, O, L]) Decode(ps *conf.Problems, n *yaml.Node, path string) Built[E, O, L] {
	b := d.decode(ps, n, path)
	b.Definition = d
	return b
}

// Built is a decoded and validated configuration.
type Built[E, O, L any] struct {
	Definition Definition[E, O, L]
	Options    O
	Config     any // a pointer to the decoded configuration
	build      func(E) (L, error)
}

// New makes the live component.
func (b Built[E, O, L]) New(e E) (L, error) { return b.build(e) }

// Catalog is the list of the definitions of one kind.
type Catalog[E, O, L any] []Definition[E, O, L]

// Find returns the definition that a name in a configuration selects on a system. Kind is "input" or "output", for errors. If the
// component does not run on the system, another one with the same alias replaces it: linux_cpu selects macos_cpu on a Mac, as in the
// Python rtcollector.
func (c Catalog[E, O, L]) Find(kind, name, goos string) (Definition[E, O, L], error) {
	var named *Definition[E, O, L]
	for i, d := range c {
		if d.name != name && !slices.Contains(d.aliases, name) {
			continue
		}
		if d.Runs(goos) {
			return d, nil
		}
		named = &c[i]
	}
	if named == nil {
		return Definition[E, O, L]{}, fmt.Errorf("unknown %s %q%s", kind, name, conf.Suggest(name, c.names()))
	}
	for _, alias := range named.aliases {
		for _, d := range c {
			if slices.Contains(d.aliases, alias) && d.Runs(goos) {
				return d, nil
			}
		}
	}
	return *named, fmt.Errorf("%s %q runs on %s, this is %s", kind, name, strings.Join(named.systems, ", "), goos)
}

func (c Catalog[E, O, L]) names() []string {
	var names []string
	for _, d := range c {
		names = append(names, d.name)
		names = append(names, d.aliases...)
	}
	return names
}
