package keyspace

import "strings"

// maxPatternBytes bounds patterns, because matching takes time in proportion to
// their length.
const maxPatternBytes = 256

// AcceptPattern reports whether a pattern is short enough. Otherwise it answers
// an error.
func (s *Session) AcceptPattern(pattern string) bool {
	return len(pattern) <= maxPatternBytes || !s.Fail("ERR pattern is too long")
}

// MatchPattern reports whether a name matches a pattern of Redis: * ? [a-c] [^a]
// and \x. It backtracks to the last star only, so its time is bounded by the
// product of both lengths.
func MatchPattern(pattern, name string) bool {
	if pattern == "*" {
		return true
	}
	p, i, star, mark := 0, 0, -1, 0
	for i < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, i
			p++
			continue
		}
		if n, ok := matchByte(pattern[p:], name[i]); ok {
			p += n
			i++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchByte matches one byte and returns how much of the pattern that used.
func matchByte(pattern string, c byte) (used int, ok bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	case '[':
		return matchSet(pattern, c)
	}
	return 1, pattern[0] == c
}

// matchSet matches a byte with "[…]". The closing bracket may be missing.
func matchSet(pattern string, c byte) (used int, ok bool) {
	i, negated, found := 1, false, false
	if i < len(pattern) && pattern[i] == '^' {
		negated = true
		i++
	}
	for ; i < len(pattern) && pattern[i] != ']'; i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			low, high := min(pattern[i], pattern[i+2]), max(pattern[i], pattern[i+2])
			found = found || c >= low && c <= high
			i += 2
			continue
		}
		found = found || pattern[i] == c
	}
	return min(i+1, len(pattern)), found != negated
}
