package catalog

// Report holds what a component found out about the service that it talks to, for "check --connect". Each text is one line.
type Report struct {
	Notes    []string // facts
	Warnings []string // what will cause trouble, and what to do
	Faults   []string // what keeps the component from working, and what to do
}
