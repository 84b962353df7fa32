package timeseries

import (
	"bytes"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errBadFilter = resp.Error("ERR TSDB: failed parsing labels")
	errNoMatcher = resp.Error("ERR TSDB: please provide at least one matcher")
)

// matcher is one condition on labels: l=v, l!=v, l=(a,b), l!=(a,b), l= (has no
// label l) or l!= (has one).
type matcher struct {
	name    string
	negated bool
	values  []string // nil for the conditions on the existence of the label
}

// isPositive reports whether the matcher selects series by a value. A query
// needs at least one such matcher.
func (m *matcher) isPositive() bool { return !m.negated && m.values != nil }

func (m *matcher) matches(s *series) bool {
	v, has := s.label(m.name)
	if m.values == nil {
		return has == m.negated
	}
	return (has && slices.Contains(m.values, v)) != m.negated
}

func parseMatchers(args [][]byte) ([]matcher, resp.Error) {
	ms := make([]matcher, 0, len(args))
	positive := false
	for _, a := range args {
		m, ok := parseMatcher(a)
		if !ok {
			return nil, errBadFilter
		}
		positive = positive || m.isPositive()
		ms = append(ms, m)
	}
	if !positive {
		return nil, errNoMatcher
	}
	return ms, ""
}

// parseMatcher splits a condition as Redis does: at every run of marks. It
// ignores what follows the second run.
func parseMatcher(b []byte) (matcher, bool) {
	m := matcher{negated: bytes.Contains(b, []byte("!="))}
	marks := "="
	if m.negated {
		marks = "!="
	} else if !bytes.ContainsRune(b, '=') {
		return matcher{}, false
	}
	words := strings.FieldsFunc(string(b), func(r rune) bool { return strings.ContainsRune(marks, r) })
	if len(words) == 0 {
		return matcher{}, false
	}
	m.name = words[0]
	if len(words) == 1 {
		return m, true
	}
	value := words[1]
	if value[0] != '(' {
		m.values = []string{value}
		return m, true
	}
	list, closed := strings.CutSuffix(value[1:], ")")
	if !closed || strings.ContainsAny(list, "()") {
		return matcher{}, false
	}
	var ok bool
	m.values, ok = splitList(list)
	return m, ok
}

// splitList splits "a,b" at its commas. The list may be empty, but its elements
// may not. Blanks and quotes belong to the values.
func splitList(s string) ([]string, bool) {
	if s == "" {
		return []string{}, true
	}
	values := strings.Split(s, ",")
	return values, !slices.Contains(values, "")
}
