package keyspace

import "testing"

func TestMatchPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"a*c", "abbc", true}, {"a*c", "abb", false}, {"h?llo", "hello", true}, {"h[ae]llo", "hallo", true},
		{"h[^e]llo", "hello", false}, {"h[a-c]llo", "hbllo", true}, {`a\*b`, "a*b", true}, {`a\*b`, "axb", false},
		{"**a", "bba", true}, {"[", "[", false}, {"a", "ab", false}, {"*a*b*", "xaxbx", true},
	} {
		if MatchPattern(c.pattern, c.s) != c.want {
			t.Errorf("MatchPattern(%q, %q) is not %v", c.pattern, c.s, c.want)
		}
	}
}
