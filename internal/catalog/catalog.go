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
	elsewhere             []string // systems on which the component has its portable name
	replaced              string   // the component of another system that this one stands for
	documentedName        string   // the name in the README's samples
	onRequest             bool
	defaults              func() any
	decode                func(ps *conf.Problems, n *yaml.Node, path string) Built[E, O, L]
}

// Define makes a definition from a configuration type C. Build makes a live component from a decoded configuration.
func Define[C, E, O, L any](name, summary string, defaults func() C, options func() O, build func(E, C) (L, error)) Definition[E, O, L] {
	return Definition[E, O, L]{
		name:           name,
		documentedName: name,
		summary:        summary,
		defaults:       func() any { return defaults() },
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

// Elsewhere adds systems on which the definition runs under its portable name: the first alias, or the only name that it has. On("linux").
// As("cpu").Elsewhere("darwin") makes linux_cpu the input "cpu" of macOS, where linux_cpu does not exist.
func (d Definition[E, O, L]) Elsewhere(goos ...string) Definition[E, O, L] {
	d.elsewhere = goos
	return d
}

// InsteadOf names a component that does not exist on the systems of this one, and that this one stands for there, as it did in the Python
// rtcollector.
func (d Definition[E, O, L]) InsteadOf(name string) Definition[E, O, L] {
	d.replaced = name
	return d
}

// For returns the definition with the name that it has on a system.
func (d Definition[E, O, L]) For(goos string) Definition[E, O, L] {
	if slices.Contains(d.elsewhere, goos) && len(d.aliases) > 0 {
		d.name, d.aliases = d.aliases[0], d.aliases[1:]
	}
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

// Systems returns the systems that the component runs on, under any of its names; empty means all.
func (d Definition[E, O, L]) Systems() []string { return slices.Concat(d.systems, d.elsewhere) }

// IsElsewhere reports whether the component has its portable name on a system.
func (d Definition[E, O, L]) IsElsewhere(goos string) bool { return slices.Contains(d.elsewhere, goos) }

// Starts reports whether the component works on a system without a configuration of its own.
func (d Definition[E, O, L]) Starts(goos string) bool { return d.Runs(goos) && !d.onRequest }

// Defaults returns the default configuration.
func (d Definition[E, O, L]) Defaults() any { return d.defaults() }

// Runs reports whether the component exists on a system, under any of its names.
func (d Definition[E, O, L]) Runs(goos string) bool {
	return len(d.systems) == 0 || slices.Contains(d.Systems(), goos)
}

// Sample returns the first yaml block of the README, or "".
func (d Definition[E, O, L]) Sample() string {
	_, rest, ok := strings.Cut(d.readme, "```yaml\n")
	if !ok {
		return ""
	}
	sample, _, _ := strings.Cut(rest, "```")
	return d.renameItems(sample)
}

// renameItems replaces the name in a block of the README by the one that the definition has.
func (d Definition[E, O, L]) renameItems(block string) string {
	if d.name == d.documentedName {
		return block
	}
	var text strings.Builder
	for line := range strings.Lines(block) {
		if rest, ok := strings.CutPrefix(line, "- "+d.documentedName); ok {
			line = "- " + d.name + rest
		}
		text.WriteString(line)
	}
	return text.String()
}

// Settings returns an example with every setting: the "yaml settings" block of the README, or else the sample.
func (d Definition[E, O, L]) Settings() string {
	if _, rest, ok := strings.Cut(d.readme, "```yaml settings\n"); ok {
		block, _, _ := strings.Cut(rest, "```")
		return d.renameItems(block)
	}
	return d.Sample()
}

// Starter returns the component's item in a first configuration: the "yaml starter" block of the README, or else the name alone.
func (d Definition[E, O, L]) Starter() string {
	if _, rest, ok := strings.Cut(d.readme, "```yaml starter\n"); ok {
		block, _, _ := strings.Cut(rest, "```")
		return d.renameItems(block)
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

// For returns the definitions with the names that they have on a system, also of those that do not run there.
func (c Catalog[E, O, L]) For(goos string) Catalog[E, O, L] {
	all := make(Catalog[E, O, L], 0, len(c))
	for _, d := range c {
		all = append(all, d.For(goos))
	}
	return all
}

// UnavailableError is the error of a name that exists, but not on this system.
type UnavailableError struct {
	Name, GOOS  string
	Replacement string   // what stands for it on this system; "": nothing does
	Portable    string   // the name without its system, which selects something here; "": it does not
	Systems     []string // where the name exists
}

// Error implements error.
func (e *UnavailableError) Error() string {
	switch {
	case e.Replacement != "":
		return fmt.Sprintf("%s is not available on %s: %s is used, as the Python agent did; %s has the same names on every system",
			e.Name, e.GOOS, e.Replacement, e.Portable)
	case e.Portable != "":
		return fmt.Sprintf("%s is not available on %s: use %s, which works on every system", e.Name, e.GOOS, e.Portable)
	}
	return fmt.Sprintf("%s is not available on %s: it runs on %s", e.Name, e.GOOS, strings.Join(e.Systems, ", "))
}

// Find returns the definition that a name in a configuration selects on a system. Kind is "input" or "output", for errors. The error is an
// [*UnavailableError] if the name exists only on other systems.
func (c Catalog[E, O, L]) Find(kind, name, goos string) (Definition[E, O, L], error) {
	if d, ok := c.find(name, goos); ok {
		return d, nil
	}
	for _, d := range c {
		if d.name != name && !slices.Contains(d.aliases, name) {
			continue
		}
		err := &UnavailableError{Name: name, GOOS: goos, Systems: d.Systems()}
		if d.name == name && len(d.aliases) > 0 && len(d.elsewhere) > 0 {
			err.Systems = d.systems
		}
		_, portable, _ := strings.Cut(name, "_") // of linux_cpu, macos_cpu, windows_cpu
		if _, ok := c.find(portable, goos); ok {
			err.Portable = portable
		}
		for _, other := range c {
			if other.replaced == name && other.Runs(goos) {
				err.Replacement = other.name
			}
		}
		return d, err
	}
	return Definition[E, O, L]{}, fmt.Errorf("unknown %s %q%s", kind, name, conf.Suggest(name, c.For(goos).names()))
}

// find returns the definition that has a name on a system.
func (c Catalog[E, O, L]) find(name, goos string) (Definition[E, O, L], bool) {
	for _, d := range c.For(goos) {
		if d.Runs(goos) && (d.name == name || slices.Contains(d.aliases, name)) {
			return d, true
		}
	}
	return Definition[E, O, L]{}, false
}

func (c Catalog[E, O, L]) names() []string {
	var names []string
	for _, d := range c {
		names = append(names, d.name)
		names = append(names, d.aliases...)
	}
	return names
}
