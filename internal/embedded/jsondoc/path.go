package jsondoc

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

type stepKind uint8

const (
	stepName stepKind = iota
	stepIndex
	stepAll
)

// pathStep leads from a value to values inside of it.
type pathStep struct {
	kind  stepKind
	name  string // without escapes
	index int    // a negative index counts from the end
}

// Path selects values of a document. It supports $, .name, ["name"], [n], [*]
// and .*, and the legacy form without $, which selects one value.
type Path struct {
	text   string // as the client wrote it
	dollar string // the same with a leading $
	legacy bool
	steps  []pathStep
}

// isSingle reports whether the path leads to at most one value.
func (p *Path) isSingle() bool {
	for _, s := range p.steps {
		if s.kind == stepAll {
			return false
		}
	}
	return true
}

// ParsePath parses a path. The error for parts that only RedisJSON supports
// says so.
func ParsePath(arg []byte) (Path, resp.Error) {
	p := Path{text: string(arg)}
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

// Span is the part of a compact text that holds a value. For a member of an
// object, member is where its key starts.
type Span struct {
	From, To int
	member   int
}

// Find returns the values that the path leads to, in order.
func (p *Path) Find(text []byte) []Span {
	return appendSelected(nil, text, Whole(text), p.steps)
}

func appendSelected(found []Span, text []byte, at Span, steps []pathStep) []Span {
	if len(steps) == 0 {
		return append(found, at)
	}
	step := &steps[0]
	var it Children
	if !it.Open(text, at) {
		return found
	}
	index := step.index
	if step.kind == stepIndex && index < 0 {
		index += it.count()
	}
	for n := 0; it.Next(); n++ {
		switch step.kind {
		case stepAll:
			found = appendSelected(found, text, it.Span, steps[1:])
		case stepIndex:
			if !it.IsObject && n == index {
				return appendSelected(found, text, it.Span, steps[1:])
			}
		case stepName:
			if it.IsObject && isName(it.Name(), step.name) {
				return appendSelected(found, text, it.Span, steps[1:])
			}
		}
	}
	return found
}

// isName compares a compact JSON string with a plain name.
func isName(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:len(raw)-1]) == name
	}
	return string(Unquote(nil, raw)) == name
}

// IsLegacy reports whether the path has no "$", which means one value.
func (p *Path) IsLegacy() bool { return p.legacy }

// Names returns the names of a path like $.a.b. It returns false for a path with
// other steps.
func (p *Path) Names() (names []string, ok bool) {
	for _, s := range p.steps {
		if s.kind != stepName {
			return nil, false
		}
		names = append(names, s.name)
	}
	return names, true
}

// Nowhere returns a path that leads to no value in any document.
func Nowhere() Path { return Path{steps: []pathStep{{kind: stepIndex, index: math.MaxInt32}}} }

// Whole returns the span of a whole text.
func Whole(text []byte) Span { return Span{From: 0, To: len(text)} }
