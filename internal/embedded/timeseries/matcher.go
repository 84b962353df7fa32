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

// matcher is one of l=v, l!=v, l=(a,b), l!=(a,b), l= (has no label l) and
// l!= (has one).
type matcher struct {
	name   string
	not    bool
	values []string // nil: about the label's existence
}

// positive matchers name series; a query needs one.
func (m *matcher) positive() bool { return !m.not && m.values != nil }

func (m *matcher) matches(s *series) bool {
	v, has := s.label(m.name)
	if m.values == nil {
		return has == m.not
	}
	return (has && slices.Contains(m.values, v)) != m.not
}

func parseMatchers(args [][]byte) ([]matcher, resp.Error) {
	ms := make([]matcher, 0, len(args))
	positive := false
	for _, a := range args {
		m, ok := parseMatcher(a)
		if !ok {
			return nil, errBadFilter
		}
		positive = positive || m.positive()
		ms = append(ms, m)
	}
	if !positive {
		return nil, errNoMatcher
	}
	return ms, ""
}

// parseMatcher splits as Redis does: at every mark, doubled ones being one, and what follows a second one is dropped.
func parseMatcher(b []byte) (matcher, bool) {
	m := matcher{not: bytes.Contains(b, []byte("!="))}
	marks := "="
	if m.not {
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

// splitList cuts "a,b" at its commas. There may be nothing at all, but no nothing between commas; and blanks and quotes
// belong to the value.
func splitList(s string) ([]string, bool) {
	if s == "" {
		return []string{}, true
	}
	values := strings.Split(s, ",")
	return values, !slices.Contains(values, "")
}
