// Package procclass decides what a process is: each has a class, which is a group such as "db" and a subgroup such as "postgres". The table
// of classes is data. One is built in; a user's file adds to it or replaces it.
//
//   - procclass.go: [Subject], [Class] and [Rules], which classify. facts.go: the names by which a process is known.
//   - rule.go: what an entry of the table may say, and what that means. table.go: reads a table and finds its mistakes. index.go: finds the
//     entries that may match without trying all. expression.go: regular expressions that are skipped where a text is missing.
//   - config.go: [Config], the settings of inputs. classes.yaml: the table that is built in.
package procclass

import (
	"github.com/rtcollector/rtcollector/internal/cgroup"
	"github.com/rtcollector/rtcollector/internal/match"
)

// Subject is what is known about a process. Nothing of it is kept.
type Subject struct {
	Comm   string       // the name that the kernel has, at most 15 bytes
	Exe    string       // the path of the program, as the link /proc/PID/exe has it; "": unknown
	Argv   []string     // the arguments as they are, credentials included
	Place  cgroup.Place // the control group
	Kernel bool         // the process is part of the kernel
}

// Class is what a process is. Neither part is ever empty.
type Class struct{ Group, Subgroup string }

// Other is the group of processes that no entry matches, and Unknown their subgroup. An entry of a user may have the group too.
const (
	Other   = "other"
	Unknown = "unknown"
)

// kernel returns the class of what is part of the kernel. No entry decides on it.
func kernel() Class { return Class{"system", "kernel"} }

func unknown() Class { return Class{Other, Unknown} }

// String returns "group/subgroup".
func (c Class) String() string { return c.Group + "/" + c.Subgroup }

// Rules are a table that can be searched, and the filters of a [Config]. Several goroutines may use them.
type Rules struct {
	list  []Rule
	index index

	groups, subgroups               match.List
	excludeGroups, excludeSubgroups match.List
	others                          bool
}

// Classify returns the class of a process. It takes less than a microsecond where a name decides, and some ten µs for a Java program with a
// long command line. The caller keeps the result until the process runs another program.
func (r *Rules) Classify(s *Subject) Class {
	rule := r.Find(s)
	switch {
	case rule != nil:
		return rule.Class
	case s.Kernel:
		return kernel()
	}
	return unknown()
}

// Find returns the entry that decides on the class of a process, or nil if none matches.
func (r *Rules) Find(s *Subject) *Rule {
	if s.Kernel {
		return nil
	}
	f := newFacts(s)
	if i := r.index.find(r.list, &f); i >= 0 {
		return &r.list[i]
	}
	return nil
}

// Matches returns all entries that match a process, in their order; the first one decides. It tries every entry.
func (r *Rules) Matches(s *Subject) (rules []*Rule) {
	if s.Kernel {
		return nil
	}
	f := newFacts(s)
	for i := range r.list {
		if r.list[i].matches(&f) {
			rules = append(rules, &r.list[i])
		}
	}
	return rules
}

// Wants reports whether the filters of the configuration let a class pass.
func (r *Rules) Wants(c Class) bool {
	if c.Group == Other && !r.others {
		return false
	}
	if r.excludeGroups.Match(c.Group) || matchSubgroup(r.excludeSubgroups, c) {
		return false
	}
	return len(r.groups) == 0 && len(r.subgroups) == 0 || r.groups.Match(c.Group) || matchSubgroup(r.subgroups, c)
}

// matchSubgroup matches "postgres", or "db/postgres" if a pattern has a slash.
func matchSubgroup(list match.List, c Class) bool {
	return len(list) > 0 && (list.Match(c.Subgroup) || list.Match(c.String()))
}

// All returns the entries in their order. They must not be changed.
func (r *Rules) All() []Rule { return r.list }
