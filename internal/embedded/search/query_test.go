package search

import (
	"fmt"
	"strings"
	"testing"
)

func TestWordsOfAText(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"Hello, World":                  "hello world",
		"disk sda1 (failure) 10.0.0.1!": "disk sda1 failure 10 0 0 1",
		"snake_case kebab-case a\tb":    "snake_case kebab case a b",
		`esc\-aped back\\slash end\`:    `esc-aped back\slash end`,
		"Ärger ÜBER größe":              "ärger über größe",
		"line\nbreak\x01s":              "linebreaks",
		`a\ b`:                          "a b",
		"...":                           "",
	} {
		var got []string
		s := wordScanner{text: []byte(text)}
		for word, ok := s.next(); ok; word, ok = s.next() {
			got = append(got, string(word))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTagsOfAValue(t *testing.T) {
	for _, x := range []struct {
		text, want string
		separator  byte
		exact      bool
	}{
		{"Mini PC", "mini pc", 0, false}, {" a , B,,c ", "a|b|c", ',', false}, {"A,b", "A|b", ',', true}, {"", "", 0, false}, {"Ä;b", "ä|b", ';', false},
	} {
		var got []string
		s := tagScanner{text: []byte(x.text), separator: x.separator, caseSensitive: x.exact}
		for tag, ok := s.next(); ok; tag, ok = s.next() {
			got = append(got, string(tag))
		}
		if strings.Join(got, "|") != x.want {
			t.Errorf("%q: %q, want %q", x.text, got, x.want)
		}
	}
}

// String shows the shape of a parsed query.
func (n *node) String() string {
	if n == nil {
		return "nothing"
	}
	var list []string
	for _, w := range n.words {
		text := w.text
		if w.starBefore {
			text = "*" + text
		}
		if w.starAfter {
			text += "*"
		}
		list = append(list, text)
	}
	for _, kid := range n.children {
		list = append(list, kid.String())
	}
	in := ""
	if n.fields != nil {
		in = "@"
		for at, is := range n.fields {
			if is {
				in += fmt.Sprint(at)
			}
		}
	}
	switch n.kind {
	case nodeAll:
		return "all"
	case nodeWord:
		return in + list[0]
	case nodePhrase:
		return in + `"` + strings.Join(list, " ") + `"`
	case nodeTag:
		return fmt.Sprintf("%d{%s}", n.field, strings.Join(list, "|"))
	case nodeNumber:
		return fmt.Sprintf("%d[%v %v %v %v]", n.field, n.min.value, n.min.excluded, n.max.value, n.max.excluded)
	}
	return [...]string{nodeAnd: "and", nodeOr: "or", nodeNot: "not", nodeOptional: "maybe"}[n.kind] + "(" + strings.Join(list, " ") + ")"
}

// querySchema returns an index. Fields 0 and 1 are text, 2 is a tag, 3 a
// number.
func querySchema(t testing.TB) *index {
	t.Helper()
	r, err := parseCreate("i", encodeWords("ON JSON SCHEMA $.a AS a TEXT $.b AS b TEXT $.t AS t TAG $.n AS n NUMERIC"))
	if err != "" {
		t.Fatal(err)
	}
	return newIndex("i", r.definition, r.fields)
}

func encodeWords(s string) [][]byte {
	var list [][]byte
	for _, w := range strings.Fields(s) {
		list = append(list, []byte(w))
	}
	return list
}

func TestQueryShapes(t *testing.T) {
	ix := querySchema(t)
	for _, x := range []struct{ query, want string }{
		{"*", "all"},
		{"", "nothing"},
		{"(*)", "all"},
		{"hello World", "and(hello world)"},
		{"the", "nothing"},
		{"a b|c", "or(b c)"}, // "a" is a stop word
		{"x y|z", "or(and(x y) z)"},
		{"x (y)|z", "or(and(x y) z)"},
		{"-x y", "and(not(x) y)"},
		{"x -y", "and(x not(y))"},
		{"~x", "maybe(x)"},
		{"fail* *ure *ail*", "and(fail* *ure *ail*)"},
		{`"disk failure"`, `"disk failure"`},
		{`"the disk"`, `"disk"`},
		{"@a:x y", "and(@0x y)"},
		{"@a:(x|y) z", "and(or(@0x @0y) z)"},
		{"@a|b:x", "@01x"},
		{"@a:x @b:y", "and(@0x @1y)"},
		{`@t:{mini\-pc}`, "2{mini-pc}"},
		{"@t:{Xy b|C*}", "2{xy b|c*}"},
		{"@t:{a}|b", "or(2{a} b)"},
		{"@t:{a", "Syntax error at offset 4 near a"},
		{"@t:{", "Syntax error at offset 3 near t"},
		{"@t:{a} | @t:{b}", "or(2{a} 2{b})"},
		{"@n:[0 (5]", "3[0 false 5 true]"},
		{"@n:[-inf +inf]", "3[-Inf false +Inf false]"},
		{"@n:[-1.5e3 -5]", "3[-1500 false -5 false]"},
		{"@n:[5]", "3[5 false 5 false]"},
		{"@n>=5", "3[5 false +Inf false]"},
		{"@n!=5", "not(3[5 false 5 false])"},
		{"@nope:x", "Unknown field at offset 0 near nope"},
		{"@nope:{x}", "Unknown field at offset 0 near nope"},
		{"@a:{x}", "Expected a TAG field at offset 0 near a"},
		{"@t:x", "Expected a TEXT field at offset 0 near t"},
		{"(x", "Syntax error at offset 1 near x"},
		{"x)", "Syntax error at offset 1 near x"},
		{"%x%", "A fuzzy word (%word%) is not supported by rtcollector's embedded server"},
		{"10.0.0.1", "and(10.0 .0 .1)"},
		{"$p", "value"},
		{"@n:[$lo $hi]", "3[1 false 2 false]"},
		{strings.Repeat("(", 200), "Parser stack overflow. Try moving nested parentheses more to the left"},
	} {
		n, err := parseSearch(ix, x.query, map[string]string{"p": "Value", "lo": "1", "hi": "2"})
		got := n.String()
		if err != "" {
			got = string(err)
		}
		if got != x.want {
			t.Errorf("%s\n got %s\nwant %s", x.query, got, x.want)
		}
	}
}

func TestQueriesTooLong(t *testing.T) {
	ix := querySchema(t)
	for _, long := range []string{strings.Repeat("x", maxQueryBytes+1), strings.Repeat("xy*", 70)} {
		if _, err := parseSearch(ix, long, nil); err != errQueryLong {
			t.Errorf("a long query: %q", err)
		}
	}
}
