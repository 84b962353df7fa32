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
	credentials map[string]string // values by the names that stand for them
}

// note adds a note. Texts of the file in it are redacted.
func (t *translation) note(line int, kind Kind, format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = redact(text)
		}
	}
	t.notes = append(t.notes, Note{line, kind, fmt.Sprintf(format, args...)})
}

func (t *translation) finish() (Result, error) {
	t.hideAll()
	slices.SortStableFunc(t.notes, func(a, b Note) int { return cmp.Compare(a.Line, b.Line) })
	config, err := t.document.encode()
	return Result{Config: config, Notes: t.notes}, err
}
