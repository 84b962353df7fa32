package conf

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Problem is a mistake in a configuration, or something worth a warning.
type Problem struct {
	File    string
	Line    int // from 1 on; 0 if unknown
	Column  int // from 1 on; 0 if unknown
	Path    string
	Message string
	Warning bool

	Reference *yaml.Node // the unresolved reference to a secret that is the problem; see [SecretTaker]
}

// Error returns the problem as "config.yaml:12:7: inputs[0].linux_cpu: unknown key …".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems are the problems of one configuration.
type Problems []Problem

// Add records an error at a node.
func (ps *Problems) Add(at *yaml.Node, path, format string, args ...any) {
	*ps = append(*ps, newProblem(at, path, fmt.Sprintf(format, args...)))
}

// Warn records something that works but is probably not intended.
func (ps *Problems) Warn(at *yaml.Node, path, format string, args ...any) {
	p := newProblem(at, path, fmt.Sprintf(format, args...))
	p.Warning = true
	*ps = append(*ps, p)
}

func newProblem(at *yaml.Node, path, message string) Problem {
	p := Problem{Path: path, Message: message}
	if at != nil {
		p.Line, p.Column = at.Line, at.Column
	}
	return p
}

// In sets the file of all problems and sorts them by position.
func (ps Problems) In(file string) Problems {
	for i := range ps {
		ps[i].File = file
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return ps
}

// Err returns the problems that are not warnings as one error, or nil if there are none.
func (ps Problems) Err() error {
	errs := slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.Warning })
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// Warnings returns the problems that are warnings.
func (ps Problems) Warnings() Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return !p.Warning })
}

// Error returns the problems, one per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// KeyError is an error of a Validate method about a key of its struct, or about an item of the list below the key: "urls[1]".
// Several are joined with errors.Join.
type KeyError struct {
	Key     string
	Message string
}

func (e *KeyError) Error() string { return e.Key + ": " + e.Message }

// Item returns a KeyError about an item of a list.
func Item(key string, index int, format string, args ...any) error {
	return Key(fmt.Sprintf("%s[%d]", key, index), format, args...)
}

// Key returns a KeyError.
func Key(key, format string, args ...any) error {
	return &KeyError{Key: key, Message: fmt.Sprintf(format, args...)}
}
