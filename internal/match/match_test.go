package match

import "testing"

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		matches []string
		others  []string
	}{
		{"eth0", []string{"eth0"}, []string{"eth01", "xeth0", "eth", ""}},
		{"eth*", []string{"eth0", "eth", "eth0:1"}, []string{"xeth0"}},
		{"*", []string{"", "a", "/mnt/x y\n"}, nil},
		{"/mnt/*", []string{"/mnt/a", "/mnt/a/b", "/mnt/*"}, []string{"/mnt", "/x/mnt/a"}},
		{"sd?", []string{"sda", "sdé"}, []string{"sd", "sda1"}},
		{"sd[a-c]", []string{"sda", "sdc", "sd[a-c]"}, []string{"sdd", "sda1"}},
		{"sd[!a-c]", []string{"sdd"}, []string{"sda"}},
		{"sd[^a-c]1", []string{"sdd1"}, []string{"sda1", "sdd"}},
		{"a.b*", []string{"a.b", "a.bc"}, []string{"axb"}},
		{`x[\d]`, []string{"xd", `x\`}, []string{"x1"}}, // a glob has no classes like \d
		{`[[]`, []string{"["}, []string{"a"}},
		{"veth", []string{"veth"}, []string{"veth0"}},
		{"~veth", []string{"veth0", "myveth"}, []string{"eth0"}},
		{"~^(en|wl)", []string{"enp3s0", "wlan0"}, []string{"eth0"}},
	} {
		l := NewList(tt.pattern)
		for _, name := range tt.matches {
			if !l.Match(name) {
				t.Errorf("%s does not match %q", tt.pattern, name)
			}
		}
		for _, name := range tt.others {
			if l.Match(name) {
				t.Errorf("%s matches %q", tt.pattern, name)
			}
		}
	}
	if (List{}).Match("") || (Regexps{}).Match("") {
		t.Error("an empty list matches")
	}
	if l := NewRegexps("veth", "^br-"); !l.Match("myveth") || !l.Match("br-1") || l.Match("xbr-1") {
		t.Error("regular expressions are not found anywhere in the name")
	}
	if got := NewList("~a")[0].String(); got != "~a" {
		t.Errorf("the pattern prints as %q", got)
	}
}

func TestBadPatterns(t *testing.T) {
	const glob = "must be a glob with characters or ranges in its [ ], such as sd[a-d]"
	for text, want := range map[string]string{
		"":        "must be a name or a pattern",
		"sd[a":    glob,
		"sd[]":    glob,
		"sd[z-a]": glob,
		"~[a":     "must be a regular expression (missing closing ] at [a)",
		"~(?!x)":  "must be a regular expression (invalid or unsupported Perl syntax at (?!)",
	} {
		var p Pattern
		if err := p.UnmarshalScalar(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, text := range []string{"eth0", "eth*", "sd[a-c]", "~^x", "[", "[]", "[!]", "*?[", `\`} {
		f.Add(text, "eth0")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		var p Pattern
		if err := p.UnmarshalScalar(text); err == nil && !p.Match(text) {
			t.Errorf("%q does not match itself", text)
		} else if err == nil {
			p.Match(name)
		}
	})
}
