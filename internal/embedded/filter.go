package embedded

import (
	"bytes"
	"slices"
	"strings"
)

// replyError is the text of an error reply, code first.
type replyError string

func (e replyError) Error() string { return string(e) }

const (
	errBadFilter = replyError("ERR TSDB: failed parsing labels")
	errNoMatcher = replyError("ERR TSDB: please provide at least one matcher")
)

// matcher is one of l=v, l!=v, l=(a,b), l!=(a,b), l= (has no label l) and
// l!= (has one).
type matcher struct {
	name   string
	not    bool
	values []string // none: about the label's existence
}

// positive matchers name series; a query needs one.
func (m *matcher) positive() bool { return !m.not && len(m.values) > 0 }

func (m *matcher) matches(s *series) bool {
	v, has := s.label(m.name)
	if len(m.values) == 0 {
		return has == m.not
	}
	return (has && slices.Contains(m.values, v)) != m.not
}

func parseMatchers(args [][]byte) ([]matcher, replyError) {
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

func parseMatcher(b []byte) (matcher, bool) {
	i := bytes.IndexByte(b, '=')
	if i <= 0 {
		return matcher{}, false
	}
	m := matcher{}
	name, value := b[:i], b[i+1:]
	if name[len(name)-1] == '!' {
		m.not, name = true, name[:len(name)-1]
	}
	if len(name) == 0 {
		return matcher{}, false
	}
	m.name = string(name)
	if len(value) == 0 {
		return m, true
	}
	if value[0] != '(' {
		m.values = []string{string(value)}
		return m, true
	}
	if len(value) < 2 || value[len(value)-1] != ')' {
		return matcher{}, false
	}
	m.values = splitList(string(value[1 : len(value)-1]))
	return m, len(m.values) > 0
}

// splitList cuts "a,b" at its commas; "quoted, words" may contain them.
func splitList(s string) []string {
	var values []string
	for s != "" {
		var v string
		if s[0] == '"' {
			end := strings.IndexByte(s[1:], '"')
			if end < 0 {
				return nil
			}
			v, s = s[1:1+end], strings.TrimPrefix(s[2+end:], ",")
		} else {
			v, s, _ = strings.Cut(s, ",")
		}
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}
