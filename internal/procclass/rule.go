package procclass

import (
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
)

// Rule is an entry of a table: a class, and the conditions under which a process has it.
//
//	classes:
//	  - {group: db, subgroup: postgres, name: [postgres, postmaster]}
//	  - {group: db, subgroup: cassandra, exe: [java], cmdline: ['org\.apache\.cassandra']}
//	  - {group: web, subgroup: shop, unit: ["shop-*.service"]}
//	  - {group: web, subgroup: shop, container: [docker], cmdline: ['^/srv/shop/']}
//
// The keys of an entry are:
//
//	name       what the process is called: its program, its comm, or the script that an interpreter runs
//	exe        the base name of its program only; where that cannot be read, what its first argument says
//	comm       the name that the kernel has only, at most 15 bytes
//	cmdline    regular expressions (RE2), found anywhere in the first 4096 bytes of its arguments, joined by blanks
//	cgroup     the path of its control group
//	unit       its systemd service or scope, with or without systemd's escapes
//	container  the runtime of its container (docker, podman, containerd, cri-o, lxc, nspawn), the beginning of its id, or * for any
//
// Each key has a list, of which one item must match. Name, exe and comm together are one condition: one of their items must match. All
// conditions of an entry must be true. Names, paths and units may have globs, or be regular expressions after ~, as [match.Pattern]
// describes. A name longer than 15 bytes also matches the comm that is cut after 15.
//
// The entries are tried from the first to the last, and the first that matches decides. The entries of a user come before those that are
// built in. Several entries may have the same class. Threads of the kernel are system/kernel, whatever the table says. A process that no
// entry matches is other/unknown.
type Rule struct {
	Class
	Source string // where the entry is: "built-in", or the user's file and the number of the entry

	name, exe, comm names
	cmdline         []expression
	cgroup, unit    match.List
	container       []string
}

// names are the items of name, exe or comm.
type names struct {
	exact    []string
	patterns []pattern
}

// pattern is a glob or a regular expression, and how the texts that it matches begin and end, as far as is known.
type pattern struct {
	match.Pattern
	prefix, suffix string
	isSimple       bool // any text may be between the two, as in "python*"
}

func (p pattern) match(text string) bool {
	if !strings.HasPrefix(text, p.prefix) || !strings.HasSuffix(text, p.suffix) {
		return false
	}
	return p.isSimple && len(text) >= len(p.prefix)+len(p.suffix) || p.Match(text)
}

func newNames(list match.List) (n names) {
	for _, p := range list {
		if p.IsExact() {
			n.exact = append(n.exact, p.String())
			continue
		}
		n.patterns = append(n.patterns, newPattern(p))
	}
	return n
}

func newPattern(p match.Pattern) pattern {
	text := p.String()
	if strings.HasPrefix(text, "~") {
		return pattern{Pattern: p}
	}
	prefix, suffix := text[:strings.IndexAny(text, "*?[")], text[strings.LastIndexAny(text, "*?[]")+1:]
	return pattern{p, prefix, suffix, text == prefix+"*"+suffix}
}

func (n *names) isEmpty() bool { return len(n.exact)+len(n.patterns) == 0 }

// match reports whether an item matches a text that is known.
func (n *names) match(text string) bool {
	return text != "" && (slices.Contains(n.exact, text) || n.matchPattern(text))
}

func (n *names) matchPattern(text string) bool {
	return slices.ContainsFunc(n.patterns, func(p pattern) bool { return p.match(text) })
}

// matchComm is match for a name that the kernel may have cut.
func (n *names) matchComm(f *facts) bool {
	if n.match(f.comm) {
		return true
	}
	return f.isCut() && slices.ContainsFunc(n.exact, func(name string) bool { return len(name) > maxComm && name[:maxComm] == f.comm })
}

// isNamed reports whether the rule has a condition on names.
func (r *Rule) isNamed() bool { return !r.name.isEmpty() || !r.exe.isEmpty() || !r.comm.isEmpty() }

// isPlain reports whether the rule has no other condition than one on names.
func (r *Rule) isPlain() bool { return len(r.cmdline)+len(r.cgroup)+len(r.unit)+len(r.container) == 0 }

// matches reports whether all conditions are true.
func (r *Rule) matches(f *facts) bool {
	return (!r.isNamed() || r.matchesName(f)) && (r.isPlain() || r.matchesRest(f))
}

func (r *Rule) matchesName(f *facts) bool {
	return r.name.match(f.program) || r.name.match(f.script) || r.name.matchComm(f) || r.exe.match(f.program) || f.program == "" && r.exe.matchComm(f) ||
		r.comm.match(f.comm)
}

// matchesRest compares what needs regular expressions, the command line last.
func (r *Rule) matchesRest(f *facts) bool {
	return (len(r.container) == 0 || matchContainer(r.container, f.place.Container, f.place.Runtime)) &&
		(len(r.unit) == 0 || matchUnit(r.unit, f)) &&
		(len(r.cgroup) == 0 || r.cgroup.Match(f.place.Path)) &&
		(len(r.cmdline) == 0 || len(f.argv) > 0 && matchLine(r.cmdline, f.cmdline()))
}

func matchUnit(list match.List, f *facts) bool {
	return f.unit != "" && (list.Match(f.place.Unit) || list.Match(f.unit))
}

func matchContainer(list []string, id, runtime string) bool {
	return id != "" && slices.ContainsFunc(list, func(item string) bool { return item == "*" || item == runtime || strings.HasPrefix(id, item) })
}

// Conditions describes the conditions: "exe java; cmdline kafka\.Kafka".
func (r *Rule) Conditions() string {
	var parts []string
	add := func(key string, items []string) {
		if len(items) > 0 {
			parts = append(parts, key+" "+strings.Join(items, ", "))
		}
	}
	add("name", r.name.texts())
	add("exe", r.exe.texts())
	add("comm", r.comm.texts())
	var expressions []string
	for _, e := range r.cmdline {
		expressions = append(expressions, e.text())
	}
	add("cmdline", expressions)
	add("cgroup", listTexts(r.cgroup))
	add("unit", listTexts(r.unit))
	add("container", r.container)
	return strings.Join(parts, "; ")
}

func (n *names) texts() []string {
	texts := slices.Clone(n.exact)
	for _, p := range n.patterns {
		texts = append(texts, p.String())
	}
	return texts
}

func listTexts(list match.List) (texts []string) {
	for _, p := range list {
		texts = append(texts, p.String())
	}
	return texts
}
