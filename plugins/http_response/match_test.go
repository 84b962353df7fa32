package httpresponse

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatchesJSON(t *testing.T) {
	const document = `{"a": {"b": [1, {"c": null}]}, "t": "x", "f": false, "big": 12345678901234567890}`
	got := map[string]string{}
	for _, want := range []map[string]string{
		{"a.b.0": "1"}, {"a.b.1.c": "null"}, {"t": "x"}, {"f": "false"}, {"big": "12345678901234567890"}, {"a.b.2": "1"}, {"a.b.-1": "1"}, {"a.b.x": "1"}, {"t.x": "1"}, {"": "1"}, {"t": "x", "f": "true"},
	} {
		for path := range want {
			got[path] = map[bool]string{true: "yes", false: "no"}[matchesJSON([]byte(document), want)]
		}
	}
	want := map[string]string{"a.b.0": "yes", "a.b.1.c": "yes", "t": "no", "f": "no", "big": "yes", "a.b.2": "no", "a.b.-1": "no", "a.b.x": "no", "t.x": "no", "": "no"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if matchesJSON([]byte("<html>"), map[string]string{"a": "1"}) {
		t.Error("HTML")
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a": [1, "x"]}`), "a.1", "x")
	f.Fuzz(func(_ *testing.T, document []byte, path, value string) {
		matchesJSON(document, map[string]string{path: value})
	})
}
