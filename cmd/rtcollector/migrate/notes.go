package migrate

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind says what became of a line.
type Kind string

// The kinds of notes.
const (
	Changed Kind = "changed"  // it means the same under another name or value
	LeftOut Kind = "left out" // it has no equivalent
	Todo    Kind = "to do"    // a person must add or check something
)

// Note is a line of the report.
type Note struct {
	Line int // in the file; 0: the whole file
	Kind Kind
	Text string
}

// translation is a file that is being translated.
type translation struct {
	document    document
	notes       []Note
	credentials map[string]string // by what stands for them
}

func (t *translation) note(line int, kind Kind, format string, args ...any) {
	t.notes = append(t.notes, Note{line, kind, fmt.Sprintf(format, args...)})
}

func (t *translation) finish() (Result, error) {
	slices.SortStableFunc(t.notes, func(a, b Note) int { return cmp.Compare(a.Line, b.Line) })
	config, err := t.document.encode()
	return Result{Config: config, Notes: t.notes}, err
}
