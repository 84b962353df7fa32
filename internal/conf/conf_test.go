package conf

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func TestDuration(t *testing.T) {
	f := func(text string, want time.Duration, ok bool) {
		t.Helper()
		got, err := ParseDuration(text)
		if got != want || (err == nil) != ok {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	f("10", 10*time.Second, true)
	f("0.5", 500*time.Millisecond, true)
	f("0", 0, true)
	f("500ms", 500*time.Millisecond, true)
	f("1h30m", 90*time.Minute, true)
	f("7d", 7*24*time.Hour, true)
	f("1.5D", 36*time.Hour, true)
	f("2w", 14*24*time.Hour, true)
	f("1y", 365*24*time.Hour, true)
	f("-1", 0, false)
	f("-5s", 0, false)
	f("", 0, false)
	f("d", 0, false)
	f("soon", 0, false)
	f("NaN", 0, false)
	f("1e300", 0, false)
	f("999999y", 0, false)
}

func TestSize(t *testing.T) {
	f := func(text string, want Size, ok bool) {
		t.Helper()
		var got Size
		err := got.UnmarshalScalar(text)
		if got != want || (err == nil) != ok {
			t.Errorf("%q = %v, %v; want %v", text, got, err, want)
		}
	}
	f("4096", 4096, true)
	f("64KiB", 65536, true)
	f("1 MB", 1_000_000, true)
	f("1.5k", 1500, true)
	f("", 0, false)
	f("KiB", 0, false)
	f("-1", 0, false)
	f("3 apples", 0, false)
	f("1e99g", 0, false)
}

func TestSuggest(t *testing.T) {
	known := []string{"interval", "inputs", "outputs", "hostname"}
	f := func(word, want string) {
		t.Helper()
		if got := Suggest(word, known); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
	f("intervall", ` (did you mean "interval"?)`)
	f("Hostname", ` (did you mean "hostname"?)`)
	f("inptus", ` (did you mean "inputs"?)`)
	f("zzz", "")
	f("x", "")
	f("", "")
}

type inner struct {
	Deep map[string]int `yaml:"deep"`
}

type sample struct {
	inner   `yaml:",inline"`
	Name    string        `yaml:"name"`
	Port    int           `yaml:"port"`
	Small   int16         `yaml:"small"`
	Ratio   float64       `yaml:"ratio"`
	Every   Duration      `yaml:"every"`
	List    []inner       `yaml:"list"`
	Pointer *inner        `yaml:"pointer"`
	Raw     yaml.Node     `yaml:"raw"`
	Gone    string        `yaml:"gone" conf:"ignored"`
	hidden  time.Duration //nolint:unused // a field without a tag is not a key
}

func decodeSample(t *testing.T, text string) (sample, Problems) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	s, ps := sample{Port: 6379, Name: "default"}, Problems{}
	Decode(&ps, doc.Content[0], "", &s)
	return s, ps
}

func TestDecode(t *testing.T) {
	s, ps := decodeSample(t, `
name: 12
port: "7000"
small: 1_000
ratio: 2
every: 1m
deep: {a: 1}
list: [{deep: {b: 2}}, {}]
pointer: {deep: {c: 3}}
raw: [x]
gone: whatever
`)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	if s.Name != "12" || s.Port != 7000 || s.Small != 1000 || s.Ratio != 2 || s.Every.D() != time.Minute {
		t.Errorf("%+v", s)
	}
	if s.Deep["a"] != 1 || s.List[0].Deep["b"] != 2 || s.Pointer.Deep["c"] != 3 || s.Raw.Kind != yaml.SequenceNode {
		t.Errorf("%+v", s)
	}
	if w := ps.Warnings(); len(w) != 1 || !strings.Contains(w[0].Message, "no effect") {
		t.Errorf("warnings %v", w)
	}
}

// shortForm is a struct with a short form.
type shortForm struct {
	A string `yaml:"a"`
	B int    `yaml:"b"`
}

func (s *shortForm) UnmarshalScalar(text string) error {
	s.A = text
	return nil
}

func TestShortForm(t *testing.T) {
	for text, want := range map[string]string{
		"all: [x, {a: y, b: 2}]": "",
		"all: [{c: 1}]":          `:1:8: all[0]: unknown key "c"`,
		"all: [[x]]":             ":1:7: all[0]: must be a single value; this is a list",
	} {
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(text), &node); err != nil {
			t.Fatal(err)
		}
		var s struct {
			All []shortForm `yaml:"all"`
		}
		var ps Problems
		Decode(&ps, node.Content[0], "", &s)
		switch err := ps.Err(); {
		case want == "" && (err != nil || !slices.Equal(s.All, []shortForm{{A: "x"}, {A: "y", B: 2}})):
			t.Errorf("%s: %+v, %v", text, s, err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestNullKeepsDefault(t *testing.T) {
	s, ps := decodeSample(t, "port:\nname: ~\n")
	if s.Port != 6379 || s.Name != "default" || len(ps) != 0 {
		t.Errorf("%+v %v", s, ps)
	}
}

func TestScalarErrors(t *testing.T) {
	_, ps := decodeSample(t, "small: 70000\nport: 1.5\nratio: .inf\nname: [a]\nevery: {a: 1}\nlist: [1]\n")
	want := `:1:8: small: is out of range, not "70000"
:2:7: port: must be a whole number, not "1.5"
:3:8: ratio: must be a number, not ".inf"
:4:7: name: must be a single value; this is a list
:5:8: every: must be a single value; this is a map
:6:8: list[0]: must be a map (key: value), not "1"`
	if diff := cmp.Diff(want, ps.Err().Error()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestKeyErrors(t *testing.T) {
	want := []string{"deep", "every", "list", "name", "pointer", "port", "ratio", "raw", "small"}
	if diff := cmp.Diff(want, Keys(sample{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"10", "1.5h", "7d", "-1", "1e9y", "0x1p-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDuration(s); err == nil && d < 0 {
			t.Errorf("ParseDuration(%q) = %v", s, d)
		}
	})
}

type listForm struct {
	Names []string `yaml:"names"`
	List  []string `yaml:"-" conf:"list"`
}

// A struct may be written as a list.
func TestListForm(t *testing.T) {
	for text, want := range map[string]listForm{
		"x: [a, b]":          {List: []string{"a", "b"}},
		"x: {names: [a, b]}": {Names: []string{"a", "b"}},
	} {
		var into struct {
			X listForm `yaml:"x"`
		}
		var ps Problems
		Decode(&ps, parseTopMap(t, text), "", &into)
		if diff := cmp.Diff(want, into.X); diff != "" || len(ps) > 0 {
			t.Errorf("%s: %v, %s", text, ps, diff)
		}
	}
}

// A key that two inlined structs have is decoded into both. An error about it is reported once.
func TestSharedKeyIsDecodedIntoBothStructs(t *testing.T) {
	type a struct {
		Timeout Duration `yaml:"timeout"`
	}
	type b struct {
		a     `yaml:",inline"`
		Other string `yaml:"other"`
	}
	var first b
	var second a
	var ps Problems
	Decode(&ps, parseTopMap(t, "timeout: 3s"), "", &first, &second)
	if first.Timeout != second.Timeout || first.Timeout == 0 || len(ps) > 0 {
		t.Errorf("%v and %v, %v", first.Timeout, second.Timeout, ps)
	}
	Decode(&ps, parseTopMap(t, "timeout: never"), "", &first, &second)
	if len(ps) != 1 {
		t.Errorf("one mistake is reported as %v", ps)
	}
	defer func() {
		if recover() == nil {
			t.Error("a key of two types is accepted")
		}
	}()
	Decode(&ps, parseTopMap(t, "timeout: 3s"), "", &first, &struct {
		Timeout string `yaml:"timeout"`
	}{})
}
