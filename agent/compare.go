package agent

import "slices"

// Changes says what [Agent.Apply] does to an agent with another description.
type Changes struct{ Inputs, Outputs Difference }

// Difference has the IDs of inputs or outputs, in the order of the descriptions.
type Difference struct{ Added, Changed, Removed, Kept []string }

// IsEmpty reports whether nothing is added, changed or removed.
func (d Difference) IsEmpty() bool { return len(d.Added)+len(d.Changed)+len(d.Removed) == 0 }

// IsEmpty reports whether nothing is added, changed or removed.
func (c Changes) IsEmpty() bool { return c.Inputs.IsEmpty() && c.Outputs.IsEmpty() }

// Compare returns what [Agent.Apply] does with the description now to an agent that was described by before.
func Compare(before, now Config) Changes {
	return Changes{
		Inputs: compare(before.Inputs, now.Inputs, func(i Input) string { return i.ID }, Input.equals),
		Outputs: compare(before.Outputs, now.Outputs, func(o Output) string { return o.ID }, func(a, b Output) bool {
			return sameOutput(a, b, before.Limits, now.Limits)
		}),
	}
}

func compare[T any](before, now []T, id func(T) string, equal func(a, b T) bool) (d Difference) {
	find := func(list []T, wanted string) int {
		return slices.IndexFunc(list, func(item T) bool { return id(item) == wanted })
	}
	for _, item := range now {
		switch at := find(before, id(item)); {
		case at < 0:
			d.Added = append(d.Added, id(item))
		case equal(before[at], item):
			d.Kept = append(d.Kept, id(item))
		default:
			d.Changed = append(d.Changed, id(item))
		}
	}
	for _, item := range before {
		if find(now, id(item)) < 0 {
			d.Removed = append(d.Removed, id(item))
		}
	}
	return d
}

// equals reports whether two descriptions are of the same input with the same settings.
func (i Input) equals(other Input) bool {
	return i.ID == other.ID && i.Settings == other.Settings && i.Interval == other.Interval && i.Timeout == other.Timeout &&
		i.WhenFull == other.WhenFull
}

// sameOutput reports whether two descriptions are of the same output with the same settings and limits.
func sameOutput(a, b Output, limitsA, limitsB Limits) bool {
	return a.ID == b.ID && a.Settings == b.Settings && limitsA == limitsB
}
