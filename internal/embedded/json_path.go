package embedded

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

type stepKind uint8

const (
	stepName stepKind = iota
	stepIndex
	stepAll
)

// pathStep goes from a value to those in it.
type pathStep struct {
	kind  stepKind
	name  string // content, not escaped
	index int    // negative: from the end
}

// jsonPath is where in a document to look. Known are $, .name, ["name"], [n],
// [*] and .*, and the legacy form without $, which means one value.
type jsonPath struct {
	text   string // as given
	dollar string // the same, from $
	legacy bool
	steps  []pathStep
}

// single tells that a path leads to one value at most.
func (p *jsonPath) single() bool {
	for _, s := range p.steps {
		if s.kind == stepAll {
			return false
		}
	}
	return true
}

// parsePath reads a path. What RedisJSON knows and this server does not is an
// error too, and says so.
func parsePath(arg []byte) (jsonPath, resp.Error) {
	p := jsonPath{text: string(arg)}
	rest := p.text
	switch {
	case rest == "$" || strings.HasPrefix(rest, "$.") || strings.HasPrefix(rest, "$["):
		p.dollar, rest = rest, rest[1:]
	case rest == ".":
		p.legacy, p.dollar, rest = true, "$", ""
	default:
		p.legacy = true
		if !strings.HasPrefix(rest, ".") {
			rest = "." + rest
		}
		p.dollar = "$" + rest
	}
	for rest != "" {
		step, left, ok := parseStep(rest)
		if !ok {
			at := len(p.dollar) - len(rest)
			return p, resp.Error(fmt.Sprintf("ERR path '%.128s' at position %d: rtcollector's embedded server knows $, .name, [\"name\"], [n], [*] and .* only", p.text, at))
		}
		p.steps, rest = append(p.steps, step), left
	}
	return p, ""
}

func parseStep(s string) (step pathStep, rest string, ok bool) {
	if strings.HasPrefix(s, ".[") {
		s = s[1:]
	}
	switch {
	case strings.HasPrefix(s, ".*"):
		return pathStep{kind: stepAll}, s[2:], true
	case s[0] == '.':
		n := 1
		for n < len(s) && isPathByte(s[n]) {
			n++
		}
		return pathStep{name: s[1:n]}, s[n:], n > 1
	case s[0] == '[':
		return parseBracket(s)
	}
	return step, "", false
}

func isPathByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80 || strings.IndexByte("-_`~+#%$^/:", c) >= 0
}

func parseBracket(s string) (step pathStep, rest string, ok bool) {
	if strings.HasPrefix(s, "[*]") {
		return pathStep{kind: stepAll}, s[3:], true
	}
	if len(s) > 2 && (s[1] == '"' || s[1] == '\'') {
		return parseQuoted(s)
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return step, "", false
	}
	n, ok := resp.ParseInt([]byte(s[1:end]))
	if !ok || n != int64(int32(n)) {
		return step, "", false
	}
	return pathStep{kind: stepIndex, index: int(n)}, s[end+1:], true
}

func parseQuoted(s string) (step pathStep, rest string, ok bool) {
	quote := s[1]
	var name []byte
	for i := 2; i < len(s); i++ {
		switch {
		case s[i] == quote:
			if i+1 < len(s) && s[i+1] == ']' {
				return pathStep{name: string(name)}, s[i+2:], true
			}
			return step, "", false
		case s[i] == '\\' && i+1 < len(s):
			i++
			fallthrough
		default:
			name = append(name, s[i])
		}
	}
	return step, "", false
}

// textSpan is a part of a compact JSON text; key is where the member starts
// that it is the value of, or from.
type textSpan struct{ key, from, to int }

// find returns where the values are that a path leads to, in order.
func (p *jsonPath) find(text []byte) []textSpan {
	return appendFound(nil, text, textSpan{0, 0, len(text)}, p.steps)
}

func appendFound(found []textSpan, text []byte, at textSpan, steps []pathStep) []textSpan {
	if len(steps) == 0 {
		return append(found, at)
	}
	step := &steps[0]
	var it children
	if !it.open(text, at) {
		return found
	}
	index := step.index
	if step.kind == stepIndex && index < 0 {
		index += it.count()
	}
	for n := 0; it.next(); n++ {
		switch step.kind {
		case stepAll:
			found = appendFound(found, text, it.span, steps[1:])
		case stepIndex:
			if !it.object && n == index {
				return appendFound(found, text, it.span, steps[1:])
			}
		case stepName:
			if it.object && sameName(it.name(), step.name) {
				return appendFound(found, text, it.span, steps[1:])
			}
		}
	}
	return found
}

// sameName compares a compact JSON string with a plain name.
func sameName(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:len(raw)-1]) == name
	}
	return string(unquoteJSON(nil, raw)) == name
}

// children walks over the members of an object or the elements of an array in
// compact text.
type children struct {
	text   []byte
	at     int
	object bool
	keyEnd int
	span   textSpan // of the present one
}

// open is false for a value that has no children.
func (c *children) open(text []byte, at textSpan) bool {
	*c = children{text: text, at: at.from + 1, object: text[at.from] == '{'}
	return c.object || text[at.from] == '['
}

func (c *children) next() bool {
	if c.text[c.at] == ',' {
		c.at++
	}
	if c.text[c.at] == '}' || c.text[c.at] == ']' {
		return false
	}
	key := c.at
	if c.object {
		c.keyEnd = skipString(c.text, c.at)
		c.at = c.keyEnd + 1 // the colon
	}
	c.span = textSpan{key, c.at, skipValue(c.text, c.at)}
	c.at = c.span.to
	return true
}

// name is the present member's key with its quotes.
func (c *children) name() []byte { return c.text[c.span.key:c.keyEnd] }

func (c *children) count() int {
	n := 0
	for it := *c; it.next(); {
		n++
	}
	return n
}

func skipString(text []byte, at int) int {
	for at++; ; at += 2 {
		if at += plainPrefix(text[at:]); text[at] == '"' {
			return at + 1
		}
	}
}

// skipValue returns the end of the value that starts at a place of compact text.
func skipValue(text []byte, at int) int {
	switch text[at] {
	case '"':
		return skipString(text, at)
	case '{', '[':
		return skipNested(text, at)
	}
	for at < len(text) && text[at] != ',' && text[at] != '}' && text[at] != ']' {
		at++
	}
	return at
}

func skipNested(text []byte, at int) int {
	for depth := 0; ; at++ {
		switch text[at] {
		case '"':
			at = skipString(text, at) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
}
