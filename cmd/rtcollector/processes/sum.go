package processes

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/procclass"
)

// Summary is what processes are together.
type Summary struct {
	Classes  []ClassSum // by group and subgroup
	Unknown  []NameSum  // processes that no class matches, the most frequent name first
	Failures []FailureSum
}

// ClassSum are the processes of a class.
type ClassSum struct {
	procclass.Class
	Sum
}

// NameSum are the processes of a name.
type NameSum struct {
	Name string
	Sum
}

// FailureSum says of how many processes a file could not be read.
type FailureSum struct {
	Failure
	Count int
}

// Sum is the number of processes, their memory in bytes, in which shared memory counts once per process, and their CPU time.
type Sum struct {
	Count int
	RSS   int64
	CPU   time.Duration
}

func (s *Sum) add(p *Process) {
	s.Count++
	s.RSS += p.RSS
	s.CPU += p.CPU
}

// Summarize adds up processes by their classes. Classes are those of the processes, in the same order.
func Summarize(list []Process, classes []procclass.Class) Summary {
	byClass, byName, byFailure := map[procclass.Class]*Sum{}, map[string]*Sum{}, map[Failure]int{}
	for i := range list {
		p := &list[i]
		addTo(byClass, classes[i], p)
		if classes[i].Group == procclass.Other {
			addTo(byName, p.Name(), p)
		}
		for _, f := range p.Failures {
			byFailure[f]++
		}
	}
	var s Summary
	for _, c := range slices.SortedFunc(maps.Keys(byClass), compareClasses) {
		s.Classes = append(s.Classes, ClassSum{c, *byClass[c]})
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		s.Unknown = append(s.Unknown, NameSum{name, *byName[name]})
	}
	slices.SortStableFunc(s.Unknown, func(a, b NameSum) int { return b.Count - a.Count })
	for f, n := range byFailure {
		s.Failures = append(s.Failures, FailureSum{f, n})
	}
	sortFailures(s.Failures)
	return s
}

func sortFailures(list []FailureSum) {
	slices.SortFunc(list, func(a, b FailureSum) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Reason, b.Reason)) })
}

func addTo[K comparable](sums map[K]*Sum, key K, p *Process) {
	if sums[key] == nil {
		sums[key] = &Sum{}
	}
	sums[key].add(p)
}

func compareClasses(a, b procclass.Class) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Subgroup, b.Subgroup))
}
