package search

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
)

// FuzzSearchQuery parses and evaluates any text. That must end and find
// existing keys only.
func FuzzSearchQuery(f *testing.F) {
	for _, s := range []string{
		"*", "(*)", "@t:{a|b\\-c}|x", "@n:[(0 +inf]", "-@a:(x y|z)", `"a phrase" 'another'`, "fail* *ure *ai*", "@n>=5 @n!=$p", "@a|b:x", "~x (y|(z -w))",
		"@t:{", "%x%", "x=>{$weight:2}", "@n:[1 2 3 km]", "\\", "@t:{\\", "@n:[-$p 5]", "inf -inf 1e5 .5 5. -", "\"", "@a:\"x y\"", "w'x*'", "@n>", "(((",
	} {
		f.Add(s)
	}
	ix := querySchema(f)
	for _, text := range []string{`{"a":"x disk failure","t":"a","n":5}`, `{"a":["y","z \"q\""],"b":"w","t":["b-c",null],"n":[1,7]}`, `{}`} {
		ix.put(&indexedKey{key: text, document: jsondoc.NewDocument([]byte(text))})
	}
	ix.remove(ix.slots[2])
	f.Fuzz(func(t *testing.T, query string) {
		n, err := parseSearch(ix, query, map[string]string{"p": "5"})
		if err != "" {
			if n != nil || strings.ContainsRune(string(err), 0) && !strings.ContainsRune(query, 0) {
				t.Errorf("%q: node %v with error %q", query, n, err)
			}
			return
		}
		for slot := range ix.newEvaluator().findSlots(n).slots() {
			if ix.slots[slot] == nil {
				t.Errorf("%q found a document that is gone", query)
			}
		}
	})
}
