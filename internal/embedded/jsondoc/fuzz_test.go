package jsondoc

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
)

// FuzzJSONSet compares the compactor with encoding/json: it must accept the
// same texts with the same meaning. It must not change its own output.
func FuzzJSONSet(f *testing.F) {
	for _, s := range []string{
		`{"a":{"b":[1,2.5,-0,1e3]},"s":"x\u00e9\n\/","t":true,"n":null}`, `[]`, `{"a":1,"a":2}`, "{oops", `"\ud83d\ude00"`, `"\ud800"`, `1e400`, `[1,`,
		`123456789012345678901`, " 1 ", `{"":{"":[{}]}}`, "\"\x7f\"", `{"a":1,"b":{"a":1,"a":{"x":2}},"a":[1]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w compactor
		err := w.compact([]byte(text))
		var want any
		mayDiffer := !utf8.ValidString(text) || strings.Contains(text, `\u`) || err != "" &&
			(strings.HasPrefix(string(err), msgNumberOutOfRange) || strings.HasPrefix(string(err), msgRecursionLimit))
		if mayDiffer && err != "" {
			return
		}
		if stdErr := json.Unmarshal([]byte(text), &want); (stdErr == nil) != (err == "") && !mayDiffer {
			t.Fatalf("%q: %q, encoding/json says %v", text, err, stdErr)
		}
		if err != "" || want == nil && mayDiffer {
			return
		}
		out := bytes.Clone(w.out)
		var got any
		if stdErr := json.Unmarshal(out, &got); stdErr != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %s: %v", text, out, stdErr)
		}
		if err := w.compact(out); err != "" || !bytes.Equal(w.out, out) {
			t.Errorf("%q became %s, then %s %s", text, out, w.out, err)
		}
	})
}

// FuzzJSONPath reads, sets and removes values at any path of any document. The
// result must be a document.
func FuzzJSONPath(f *testing.F) {
	const doc = `{"a":{"b":[1,{"c":null},"x"]},"s":"q\"","k]":[[]],"é":1}`
	for _, s := range []string{"$", ".", "$.a.b", "$.a.b[1].c", "$.*", "$.a.b[*]", `$["k]"][0]`, `$['s']`, "a.b[-1]", "$.é", "$..a", "$[", "$[?(@.x)]", "$.a.b[9]", "[0]", ".[0]"} {
		f.Add(s, doc)
		f.Add(s, `[1,[2,3],{"a":4}]`)
	}
	f.Fuzz(func(t *testing.T, path, text string) {
		var w compactor
		if !utf8.ValidString(path) || !utf8.ValidString(text) || w.compact([]byte(text)) != "" {
			return
		}
		p, err := ParsePath([]byte(path))
		if err != "" {
			return
		}
		doc := bytes.Clone(w.out)
		for _, span := range p.Find(doc) {
			if !json.Valid(doc[span.From:span.To]) {
				t.Errorf("%q in %s is %s", path, doc, doc[span.From:span.To])
			}
		}
		if len(p.steps) == 0 {
			return
		}
		for _, condition := range []keyspace.Condition{keyspace.Always, keyspace.OnlyNew, keyspace.OnlyExisting} {
			if out, err := p.replace(doc, []byte(`{"new":1}`), condition); err == "" && out != nil && !json.Valid(out) {
				t.Errorf("%q set in %s: %s", path, doc, out)
			}
		}
		if out, _ := p.remove(doc); !json.Valid(out) {
			t.Errorf("%q removed from %s: %s", path, doc, out)
		}
	})
}
