package catalog

// Report holds the findings of a component about its service, for "check --connect". Each text is one line.
type Report struct {
	Notes    []string // facts
	Warnings []string // problems to expect, and what to do
	Faults   []string // problems that prevent the component from working, and what to do
}
