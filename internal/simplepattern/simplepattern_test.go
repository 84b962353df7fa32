package simplepattern_test

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/simplepattern"
)

// TestMatch has what Netdata 1.12 answers for these lists.
func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		list, name string
		want       bool
	}{
		{"*", "system.cpu", true},
		{"*", "", false},
		{"system.cpu", "System.CPU", false},
		{"system.cpu", "system.cpu", true},
		{"system.cpu", "system.cpu2", false},
		{"system.*", "system.cpu", true},
		{"*cpu", "system.cpu", true},
		{"*ste*", "system.cpu", true},
		{"!*reads apps.*", "apps.cpu", true},
		{"!*reads apps.*", "apps.lreads", false},
		{"apps.* !*reads", "apps.lreads", true},
		{"!*slave* *db*", "mydb", true},
		{"!*slave* *db*", "mydb-slave1", false},
		{"!*bad*", "good", false},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "ac", false},
		{"*a*b*c*", "zzazzbzzczz", true},
		{"a*b", "aXbXb", true},
		{"*ab*ab", "abXab", true},
		{"a*aab", "aaab", true},
		{"*ab*b", "ab", false},
		{"a**b", "aXXb", false},
		{"a**b", "aX*b", true},
		{"**", "x", true},
		{`foo\ bar`, "foo bar", true},
		{`foo\ bar`, "foo", false},
		{`\!x`, "!x", true},
		{"! x", "x", true},
		{"!", "x", false},
		{"", "x", false},
		{" \t\r\n\f\v", "x", false},
		{"a\tb\vc\fd\re\nf", "d", true},
		{`\*`, "x", false},
		{`\*`, "*", true},
		{`x\`, `x\`, true},
		{"***", "x", true},
		{"**a", "xa", true},
		{"a**", "ax", true},
	} {
		if got := simplepattern.Parse(tc.list).Match(tc.name); got != tc.want {
			t.Errorf("%q matches %q: %v", tc.list, tc.name, got)
		}
	}
}

func TestSeveralNames(t *testing.T) {
	list := simplepattern.Parse("!disk_ops.sda disk*")
	for _, tc := range []struct {
		names []string
		want  bool
	}{
		{[]string{"disk_ops.sda"}, false},
		{[]string{"disk_ops.sdb", "disk_ops.sda"}, false}, // one of its names is excluded
		{[]string{"disk_ops.sdb", "x"}, true},
		{[]string{"x", "disk"}, true},
		{nil, false},
	} {
		if got := list.Match(tc.names...); got != tc.want {
			t.Errorf("%q: %v", tc.names, got)
		}
	}
}

func TestIsEmpty(t *testing.T) {
	for text, want := range map[string]bool{"": true, " ! ": true, "!x": false, "*": false} {
		var l simplepattern.List
		if err := l.UnmarshalScalar(text); err != nil || l.IsEmpty() != want {
			t.Errorf("%q: %v %v", text, l.IsEmpty(), err)
		}
	}
}

// FuzzMatch checks what holds for every list: a name that is written with backslashes matches itself, and "!" before a word turns it round.
func FuzzMatch(f *testing.F) {
	f.Add("!*reads apps.*", "apps.cpu")
	f.Add(`a**b \* foo\ bar`, "aX*b")
	f.Fuzz(func(t *testing.T, list, name string) {
		l := simplepattern.Parse(list)
		_ = l.Match(name, list)
		if name == "" {
			return
		}
		var literal strings.Builder
		for i := range len(name) {
			literal.WriteByte('\\')
			literal.WriteByte(name[i])
		}
		if !simplepattern.Parse(literal.String()).Match(name) {
			t.Errorf("%q does not match itself", name)
		}
		if simplepattern.Parse("!" + literal.String() + " *").Match(name) {
			t.Errorf("%q is not excluded", name)
		}
		if !simplepattern.Parse("*").Match(name) {
			t.Errorf("* does not match %q", name)
		}
	})
}
