package conf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// parseTopMap returns the top-level map of a document, or nil.
func parseTopMap(t testing.TB, text string) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	return doc.Content[0]
}

// flattenEntries returns the entries of a map as texts. It flattens nested maps as well.
func flattenEntries(ps *Problems, n *yaml.Node, depth int) map[string]string {
	all := map[string]string{}
	for key, value := range Entries(ps, n, "") {
		switch {
		case value.Kind == yaml.MappingNode && depth < 2:
			all[key.Value] = fmt.Sprint(flattenEntries(ps, value, depth+1))
		default:
			all[key.Value] = value.Value
		}
	}
	return all
}

func TestMerges(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a merged map merges another": {"x: &x {a: 1, b: 1}\ny: &y {<<: *x, b: 2, c: 2}\nz: {<<: *y, c: 3}", "a:1 b:2 c:3"},
		"the first of a list counts":  {"x: &x {a: 1, b: 1}\ny: &y {a: 2, c: 2}\nz: {<<: [*x, *y]}", "a:1 b:1 c:2"},
		"its own key counts":          {"x: &x {a: 1}\nz: {a: 3, <<: *x}", "a:3"},
		"three deep, in a list":       {"x: &x {a: 1}\ny: &y {<<: [*x], b: 2}\nw: &w {<<: [*y]}\nz: {<<: *w}", "a:1 b:2"},
	} {
		var ps Problems
		var z *yaml.Node
		for key, value := range Entries(&ps, parseTopMap(t, tc.text), "") {
			if key.Value == "z" {
				z = value
			}
		}
		if got := fmt.Sprint(flattenEntries(&ps, z, 0)); got != "map["+tc.want+"]" || len(ps) > 0 {
			t.Errorf("%s: %s, %v", name, got, ps)
		}
	}
}

// A loop that stops within a merged map, or within a map that is merged there, is not called again.
func TestEntriesStopsWithTheLoop(t *testing.T) {
	n := parseTopMap(t, "a: 1\n<<: [{b: 1, <<: {c: 1}}, {d: 1}]\n")
	for stop := range 5 {
		var got []string
		for key := range Entries(&Problems{}, n, "") {
			if got = append(got, key.Value); len(got) > stop {
				break
			}
		}
		if want := []string{"a", "b", "c", "d"}[:min(stop+1, 4)]; !cmp.Equal(got, want) {
			t.Errorf("stopped after %d: %v", stop+1, got)
		}
	}
}

// A small file whose nested merges multiply is refused instead of expanded.
func TestMultiplyingMergesAreRefused(t *testing.T) {
	text := "m0: &m0 {a: 1}\n"
	for i := 1; i < 20; i++ {
		text += fmt.Sprintf("m%d: &m%d {<<: [%s]}\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*m%d, ", i-1), 10), ", "))
	}
	text += "z: {<<: *m19}\n"
	var ps Problems
	for key, value := range Entries(&ps, parseTopMap(t, text), "") {
		if key.Value == "z" {
			flattenEntries(&ps, value, 0)
		}
	}
	if !strings.Contains(ps.Error(), "nested too deeply") {
		t.Errorf("%v", ps)
	}
	self := parseTopMap(t, "a: 1\nb: {c: 1}\n")
	self.Content = append(self.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!merge", Value: "<<"}, self)
	ps = nil
	if flattenEntries(&ps, self, 0); !strings.Contains(ps.Error(), "nested too deeply") {
		t.Errorf("a map that merges itself: %v", ps)
	}
}

// FuzzEntries compares Entries with the YAML library's decoding of the same map.
func FuzzEntries(f *testing.F) {
	for _, text := range []string{
		"x: &x {a: 1}\nz: {<<: *x, b: 2}", "x: &x {a: 1}\ny: &y {<<: *x}\nz: {<<: [*y, {c: 3}], a: 9}",
		"a: 1\n<<: {b: 2, <<: [{c: 3, b: 4}]}", "a: {b: {<<: {c: 1}}}", "<<: {}\n", "a: &a [1]\nb: *a\n", "<<: 3", "? [a]\n: 1\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := parseTopMap(t, text)
		if n == nil || strings.Contains(text, "!") { // tags change the meaning of merges and values
			return
		}
		var ps Problems
		got := flattenEntries(&ps, n, 0)
		var want map[string]yaml.Node
		if err := n.Decode(&want); err != nil || len(ps) > 0 {
			return // the library or conf refuses it
		}
		if _, null := got[""]; null {
			return // the library leaves out a key without a name; for conf it is an unknown key
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %v, the library returns %v", text, got, want)
		}
		for key, value := range want {
			if at := Resolve(&value); at.Kind == yaml.ScalarNode && got[key] != at.Value {
				t.Errorf("%q: %s is %q, the library returns %q", text, key, got[key], at.Value)
			}
		}
	})
}
