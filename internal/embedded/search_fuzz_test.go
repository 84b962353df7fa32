package embedded

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzSearchQuery: whatever the text, parsing and evaluating it ends, and finds
// only documents that are there.
func FuzzSearchQuery(f *testing.F) {
	for _, s := range []string{
		"*", "(*)", "@t:{a|b\\-c}|x", "@n:[(0 +inf]", "-@a:(x y|z)", `"a phrase" 'another'`, "fail* *ure *ai*", "@n>=5 @n!=$p", "@a|b:x", "~x (y|(z -w))",
		"@t:{", "%x%", "x=>{$weight:2}", "@n:[1 2 3 km]", "\\", "@t:{\\", "@n:[-$p 5]", "inf -inf 1e5 .5 5. -", "\"", "@a:\"x y\"", "w'x*'", "@n>", "(((",
	} {
		f.Add(s)
	}
	ix := querySchema(f)
	for _, text := range []string{`{"a":"x disk failure","t":"a","n":5}`, `{"a":["y","z \"q\""],"b":"w","t":["b-c",null],"n":[1,7]}`, `{}`} {
		ix.put(&document{key: text, json: []byte(text)}, ix.gatherJSON([]byte(text)))
	}
	ix.remove(ix.slots[2])
	f.Fuzz(func(t *testing.T, query string) {
		for _, dialect := range []int{1, 2} {
			n, err := parseSearch(ix, query, dialect, map[string]string{"p": "5"})
			if err != "" {
				if n != nil || strings.ContainsRune(string(err), 0) && !strings.ContainsRune(query, 0) {
					t.Errorf("%q: node %v with error %q", query, n, err)
				}
				continue
			}
			for slot := range ix.newEvaluator().find(n).slots() {
				if ix.slots[slot] == nil {
					t.Errorf("%q found a document that is gone", query)
				}
			}
		}
	})
}

// FuzzJSONSet: what is taken is what encoding/json takes, means the same, and
// is told back unchanged when it is set again.
func FuzzJSONSet(f *testing.F) {
	for _, s := range []string{
		`{"a":{"b":[1,2.5,-0,1e3]},"s":"x\u00e9\n\/","t":true,"n":null}`, `[]`, `{"a":1,"a":2}`, "{oops", `"\ud83d\ude00"`, `"\ud800"`, `1e400`, `[1,`,
		`123456789012345678901`, " 1 ", `{"":{"":[{}]}}`, "\"\x7f\"", `{"a":1,"b":{"a":1,"a":{"x":2}},"a":[1]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w jsonWriter
		err := w.compact([]byte(text))
		var want any
		mayDiffer := !utf8.ValidString(text) || strings.Contains(text, `\u`) || err != "" &&
			(strings.HasPrefix(string(err), jsonBigNumber) || strings.HasPrefix(string(err), jsonTooDeep))
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

// FuzzJSONPath: reading, setting and removing at any path of any document
// leaves a document.
func FuzzJSONPath(f *testing.F) {
	const doc = `{"a":{"b":[1,{"c":null},"x"]},"s":"q\"","k]":[[]],"é":1}`
	for _, s := range []string{"$", ".", "$.a.b", "$.a.b[1].c", "$.*", "$.a.b[*]", `$["k]"][0]`, `$['s']`, "a.b[-1]", "$.é", "$..a", "$[", "$[?(@.x)]", "$.a.b[9]", "[0]", ".[0]"} {
		f.Add(s, doc)
		f.Add(s, `[1,[2,3],{"a":4}]`)
	}
	f.Fuzz(func(t *testing.T, path, text string) {
		var w jsonWriter
		if !utf8.ValidString(path) || !utf8.ValidString(text) || w.compact([]byte(text)) != "" {
			return
		}
		p, err := parsePath([]byte(path))
		if err != "" {
			return
		}
		doc := bytes.Clone(w.out)
		for _, span := range p.find(doc) {
			if !json.Valid(doc[span.from:span.to]) {
				t.Errorf("%q in %s is %s", path, doc, doc[span.from:span.to])
			}
		}
		if len(p.steps) == 0 {
			return
		}
		for _, mode := range []setMode{setAlways, setNew, setKnown} {
			if out, err := p.set(doc, []byte(`{"new":1}`), mode); err == "" && out != nil && !json.Valid(out) {
				t.Errorf("%q set in %s: %s", path, doc, out)
			}
		}
		if out, _ := p.remove(doc); !json.Valid(out) {
			t.Errorf("%q removed from %s: %s", path, doc, out)
		}
	})
}
