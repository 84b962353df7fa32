package embedded

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
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
		s := tagScanner{text: []byte(x.text), separator: x.separator, exact: x.exact}
		for tag, ok := s.next(); ok; tag, ok = s.next() {
			got = append(got, string(tag))
		}
		if strings.Join(got, "|") != x.want {
			t.Errorf("%q: %q, want %q", x.text, got, x.want)
		}
	}
}

// show writes a parsed query so that its shape can be seen.
func (n *node) String() string {
	if n == nil {
		return "nothing"
	}
	var list []string
	for _, w := range n.words {
		text := w.text
		if w.before {
			text = "*" + text
		}
		if w.after {
			text += "*"
		}
		list = append(list, text)
	}
	for _, kid := range n.kids {
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
		return fmt.Sprintf("%d[%v %v %v %v]", n.field, n.min.at, n.min.open, n.max.at, n.max.open)
	}
	return [...]string{nodeAnd: "and", nodeOr: "or", nodeNot: "not", nodeOptional: "maybe"}[n.kind] + "(" + strings.Join(list, " ") + ")"
}

// querySchema: fields 0 and 1 are text, 2 is a tag, 3 a number.
func querySchema(t testing.TB) *searchIndex {
	t.Helper()
	r, err := parseCreate("i", encodeWords("ON JSON SCHEMA $.a AS a TEXT $.b AS b TEXT $.t AS t TAG $.n AS n NUMERIC"))
	if err != "" {
		t.Fatal(err)
	}
	return newSearchIndex("i", r.def, r.fields)
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
	for _, x := range []struct{ query, one, two string }{
		{"*", "all", "all"},
		{"", "nothing", "nothing"},
		{"(*)", "Syntax error at offset 1 near ", "all"},
		{"hello World", "and(hello world)", "and(hello world)"},
		{"the", "nothing", "nothing"},
		{"a b|c", "or(b c)", "or(b c)"}, // "a" is a stop word
		{"x y|z", "or(and(x y) z)", "or(and(x y) z)"},
		{"x (y)|z", "and(x or(y z))", "or(and(x y) z)"},
		{"-x y", "not(and(x y))", "and(not(x) y)"},
		{"x -y", "and(x not(y))", "and(x not(y))"},
		{"~x", "maybe(x)", "maybe(x)"},
		{"fail* *ure *ail*", "and(fail* *ure *ail*)", "and(fail* *ure *ail*)"},
		{`"disk failure"`, `"disk failure"`, `"disk failure"`},
		{`"the disk"`, "Syntax error at offset 1 near the", `"disk"`},
		{"@a:x y", "and(@0x @0y)", "and(@0x y)"},
		{"@a:(x|y) z", "and(or(@0x @0y) z)", "and(or(@0x @0y) z)"},
		{"@a|b:x", "@01x", "@01x"},
		{"@a:x @b:y", "and(@0x @1y)", "and(@0x @1y)"},
		{`@t:{mini\-pc}`, "2{mini-pc}", "2{mini-pc}"},
		{"@t:{Xy b|C*}", "2{xy b|c*}", "2{xy b|c*}"},
		{"@t:{a}|b", "2{a|b}", "or(2{a} b)"},
		{"@t:{a", "2{a}", "Syntax error at offset 4 near a"},
		{"@t:{", "Syntax error at offset 3 near t", "Syntax error at offset 3 near t"},
		{"@t:{a} | @t:{b}", "Syntax error at offset 9 near t", "or(2{a} 2{b})"},
		{"@n:[0 (5]", "3[0 false 5 true]", "3[0 false 5 true]"},
		{"@n:[-inf +inf]", "3[-Inf false +Inf false]", "3[-Inf false +Inf false]"},
		{"@n:[-5 -1.5e3]", "3[-5 false -1500 false]", "3[-5 false -1500 false]"},
		{"@n:[5]", "Syntax error at offset 5 near 5", "3[5 false 5 false]"},
		{"@n>=5", "Syntax error at offset 4 near 5", "3[5 false +Inf false]"},
		{"@n!=5", "Syntax error at offset 4 near 5", "not(3[5 false 5 false])"},
		{"@nope:x", "@x", "Unknown field at offset 0 near nope"},
		{"@nope:{x}", "nothing", "Unknown field at offset 0 near nope"},
		{"@a:{x}", "-1{x}", "Expected a TAG field at offset 0 near a"},
		{"@t:x", "@x", "Expected a TEXT field at offset 0 near t"},
		{"(x", "Syntax error at offset 1 near x", "Syntax error at offset 1 near x"},
		{"x)", "Syntax error at offset 1 near x", "Syntax error at offset 1 near x"},
		{"%x%", "A fuzzy word (%word%) is not supported by rtcollector's embedded server", "A fuzzy word (%word%) is not supported by rtcollector's embedded server"},
		{"10.0.0.1", "and(10.0 0.1)", "and(10.0 .0 .1)"},
		{"$p", "Syntax error at offset 0 near p", "value"},
		{"@n:[$lo $hi]", "Syntax error at offset 4 near lo", "3[1 false 2 false]"},
		{strings.Repeat("(", 200), "Parser stack overflow. Try moving nested parentheses more to the left", "Parser stack overflow. Try moving nested parentheses more to the left"},
	} {
		for dialect, want := range map[int]string{1: x.one, 2: x.two} {
			n, err := parseSearch(ix, x.query, dialect, map[string]string{"p": "Value", "lo": "1", "hi": "2"})
			got := n.String()
			if err != "" {
				got = string(err)
			}
			if got != want {
				t.Errorf("dialect %d %s\n got %s\nwant %s", dialect, x.query, got, want)
			}
		}
	}
	if _, err := parseSearch(ix, strings.Repeat("x ", maxQueryTerms+1), 1, nil); err != errQueryTerms {
		t.Errorf("a long query: %q", err)
	}
}

// keys returns what an FT.SEARCH with NOCONTENT found, in order.
func (c *testClient) keys(args ...string) string {
	c.t.Helper()
	reply := c.do(append(args, "NOCONTENT", "LIMIT", "0", "100")...).(map[string]any)
	list, ok := reply["a"].([]any)
	if !ok {
		return show(c.t, reply)
	}
	var keys []string
	for _, v := range list[1:] {
		keys = append(keys, v.(map[string]any)["b"].(string))
	}
	return strings.Join(keys, " ")
}

func (c *testClient) finds(query, want string, options ...string) {
	c.t.Helper()
	if got := c.keys(append([]string{"FT.SEARCH", "i", query}, options...)...); got != want {
		c.t.Errorf("%s %v\n got %s\nwant %s", query, options, got, want)
	}
}

func TestSearchFindsAndSorts(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.line("JSON.SET d:0 $ {\"m\":\"before\",\"n\":0}") // there before the index
	c.expect("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT $.o.h AS h TAG SEPARATOR , $.n AS n NUMERIC SORTABLE $.x AS x TAG CASESENSITIVE NOINDEX", okReply)
	c.do("JSON.SET", "d:1", "$", `{"m":"disk failure imminent","o":{"h":"a, B"},"n":5}`)
	c.do("JSON.SET", "d:2", "$", `{"m":"failure of the disk","o":{"h":"c"},"n":[7,-3]}`)
	c.do("JSON.SET", "d:3", "$", `{"m":["say \"hello\"","bye"],"n":null,"x":"X"}`)
	c.do("JSON.SET", "other", "$", `{"m":"disk"}`)
	for _, x := range [][2]string{
		{"*", "d:0 d:1 d:2 d:3"}, {"disk", "d:1 d:2"}, {"fail*", "d:1 d:2"}, {"*ure", "d:1 d:2"}, {"f*", ""}, {`"disk failure"`, "d:1"}, {`"failure disk"`, "d:2"},
		{`"failure disk"`, "d:2"}, {`"hello bye"`, ""}, {"hello bye", "d:3"}, {"@h:{b}", "d:1"}, {"@h:{a|c}", "d:1 d:2"}, {"-@h:{a}", "d:0 d:2 d:3"},
		{"@n:[0 5]", "d:0 d:1"}, {"@n:[(0 5]", "d:1"}, {"@n:[-inf (0]", "d:2"}, {"@n:[7 7]", "d:2"}, {"disk -imminent", "d:2"}, {"@x:{X}", ""}, {"~disk", "d:0 d:1 d:2 d:3"},
	} {
		c.finds(x[0], x[1])
	}
	c.finds("*", "d:0 d:1 d:2 d:3", "SORTBY", "n")
	c.finds("*", "d:2 d:1 d:0 d:3", "SORTBY", "n", "DESC")
	c.finds("*", "d:2 d:1 d:3 d:0", "SORTBY", "h", "DESC")
	c.expect("FT.SEARCH i * SORTBY n DESC LIMIT 1 1 RETURN 4 n h AS host", `{"a":[{"i":4},{"b":"d:1"},{"a":[{"b":"n"},{"b":"5"},{"b":"host"},{"b":"a, B"}]}]}`)
	c.expect("FT.SEARCH i @h:{c} RETURN 1 $.m", `{"a":[{"i":1},{"b":"d:2"},{"a":[{"b":"$.m"},{"b":"failure of the disk"}]}]}`)
	c.expect("FT.SEARCH i @h:{a} RETURN 0", `{"a":[{"i":1},{"b":"d:1"}]}`)
	c.expect("FT.SEARCH i * SORTBY nope", errorReply("Property `nope` not loaded nor in schema"))
	c.expect("FT.SEARCH i * LIMIT 5 0", errorReply("The `offset` of the LIMIT must be 0 when `num` is 0"))
	c.expect("FT.SEARCH i * BOGUS", errorReply("Unknown argument `BOGUS` at position 1 for <main>"))
	c.expect("FT.SEARCH i * WITHSCORES", errorReply("WITHSCORES is not supported by rtcollector's embedded server"))
	c.expect("FT.SEARCH i * DIALECT 3", errorReply("DIALECT 3 is not supported by rtcollector's embedded server"))
	c.finds("@n:[$a $b]", "d:1 d:2", "PARAMS", "4", "a", "5", "b", "7", "DIALECT", "2")
	c.finds(`"failure of the disk"`, "d:2", "DIALECT", "2")
	c.expect("FT.TAGVALS i h", `{"a":[{"b":"a"},{"b":"b"},{"b":"c"}]}`)
}

// TestIndexFollowsDocuments: whatever becomes of a key, searches know.
func TestIndexFollowsDocuments(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.line("FT.CREATE i ON JSON PREFIX 2 d: e: SCHEMA $.m AS m TEXT")
	set := func(key, word string) { c.do("JSON.SET", key, "$", `{"m":"`+word+`"}`) }
	set("d:1", "one")
	set("d:2", "two")
	set("d:1", "uno")
	c.finds("one", "")
	c.finds("*", "d:2 d:1")
	c.line(`JSON.SET d:1 $.m "due"`)
	c.finds("due", "d:1")
	c.line("JSON.DEL d:1 $.m") // {} goes with its key
	c.finds("*", "d:2")
	c.line("RENAME d:2 e:2")
	c.finds("two", "e:2")
	c.line("RENAME e:2 x")
	c.finds("two", "")
	c.line("RENAME x d:3")
	c.finds("two", "d:3")
	c.line("SET d:3 string")
	c.finds("*", "")
	set("d:4", "four")
	c.line("MULTI")
	c.do("JSON.SET", "d:5", "$", `{"m":"five"}`)
	c.line("DEL d:4")
	c.line("EXEC")
	c.finds("*", "d:5")
	c.line("PEXPIRE d:5 1000")
	s.store.mu.Lock()
	s.store.now = func() time.Time { return time.Now().Add(time.Hour) }
	s.store.mu.Unlock()
	c.finds("*", "")
	set("d:6", "six")
	c.line("SWAPDB 0 3")
	c.finds("*", "")
	c.line("SWAPDB 0 3")
	c.finds("*", "d:6")
	c.line("SELECT 1")
	set("d:7", "seven")
	c.finds("*", "d:6")
	c.line("FLUSHALL")
	c.expect("FT._LIST", `{"a":[]}`)
}

func TestIndexFollowsHashes(t *testing.T) {
	s := start(t, Config{MaxDocuments: 3})
	c := dial(t, s)
	c.line("HSET h:0 m before n 1")
	c.line("FT.CREATE i ON HASH PREFIX 1 h: SCHEMA m TEXT SORTABLE n NUMERIC t TAG")
	c.finds("*", "h:0")
	c.line("HSET h:1 m Hello n 2 t a,b extra x")
	c.finds("hello", "h:1")
	c.finds("@t:{b}", "h:1")
	c.finds("*", "h:0 h:1", "SORTBY", "m")
	c.expect("FT.SEARCH i hello SORTBY n", `{"a":[{"i":1},{"b":"h:1"},{"a":[{"b":"n"},{"b":"2"},{"b":"m"},{"b":"Hello"},{"b":"t"},{"b":"a,b"},{"b":"extra"},{"b":"x"}]}]}`)
	c.line("HDEL h:1 m")
	c.finds("hello", "")
	c.finds("@n:[2 2]", "h:1")
	c.line("HINCRBY h:1 n 5")
	c.finds("@n:[7 7]", "h:1")
	c.line("RENAME h:1 h:2")
	c.finds("@n:[7 7]", "h:2")
	c.line("SET h:2 x")
	c.finds("*", "h:0")
	c.line("DEL h:0 h:2")
	c.finds("*", "")
	c.do("EVAL", "redis.call('HSET', KEYS[1], 'm', 'script')", "1", "h:3")
	c.finds("script", "h:3")
	c.line("MULTI")
	c.line("HSET h:4 m four")
	c.line("UNLINK h:3")
	c.line("EXEC")
	c.finds("*", "h:4")
	c.line("EXPIRE h:4 10")
	c.finds("four", "h:4")
	s.mini.SetTime(time.Now().Add(11 * time.Second))
	c.finds("*", "")
	for i := range 5 { // MaxDocuments is 3
		c.line(fmt.Sprintf("HSET h:%d m w", i))
	}
	c.finds("w", "h:0 h:1 h:2")
	c.line("HSET h:0 n nonsense")
	c.finds("*", "h:1 h:2") // it does not fit the schema any more
}

// TestCompactedIndex: many documents are replaced, until gaps are closed.
func TestCompactedIndex(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT $.n AS n NUMERIC SORTABLE")
	for i := range 3000 {
		c.do("JSON.SET", fmt.Sprintf("d:%d", i%10), "$", fmt.Sprintf(`{"m":"word%d common","n":[%d,%d]}`, i, i, -i))
	}
	ix := s.store.search.byName["i"]
	if len(ix.slots) > 1100 || len(ix.columns[0].terms.lists) > 1100 {
		t.Errorf("%d slots, %d words for ten documents", len(ix.slots), len(ix.columns[0].terms.lists))
	}
	c.finds("common", "d:0 d:1 d:2 d:3 d:4 d:5 d:6 d:7 d:8 d:9")
	c.finds("word2995", "d:5")
	c.finds("word5", "")
	c.finds("@n:[-2998 -2997]", "d:7 d:8")
	c.expect("FT.SEARCH i * SORTBY n DESC LIMIT 0 1 NOCONTENT", `{"a":[{"i":10},{"b":"d:9"}]}`)
}

func TestInfoSaysWhyDocumentsAreMissing(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT WEIGHT 2 NOSTEM $.h AS h TAG $.n AS n NUMERIC SORTABLE")
	for i, doc := range []string{`{"m":1}`, `{"h":2}`, `{"n":"x"}`, `{"m":true}`, `{"h":{}}`, `{"m":["a",1]}`, `{"n":[1,"x"]}`, `{"m":"fine","h":true,"n":null}`} {
		c.do("JSON.SET", fmt.Sprintf("d:%d", i), "$", doc)
	}
	c.expect("EXISTS d:0 d:6", `{"i":2}`)
	c.finds("*", "d:7")
	c.finds("@h:{true}", "d:7")
	info := c.line("FT.INFO i")
	for _, want := range []string{
		`{"s":"index_name"},{"s":"i"}`, `{"s":"index_options"},{"a":[]}`,
		`{"s":"index_definition"},{"a":[{"s":"key_type"},{"s":"JSON"},{"s":"prefixes"},{"a":[{"s":"d:"}]},{"s":"default_language"},{"s":"english"},{"s":"default_score"},{"b":"1"},{"s":"indexes_all"},{"s":"false"}]}`,
		`{"a":[{"s":"identifier"},{"s":"$.m"},{"s":"attribute"},{"s":"m"},{"s":"type"},{"s":"TEXT"},{"s":"WEIGHT"},{"b":"2"},{"s":"NOSTEM"}]}`,
		`{"a":[{"s":"identifier"},{"s":"$.h"},{"s":"attribute"},{"s":"h"},{"s":"type"},{"s":"TAG"},{"s":"SEPARATOR"},{"s":""}]}`,
		`{"a":[{"s":"identifier"},{"s":"$.n"},{"s":"attribute"},{"s":"n"},{"s":"type"},{"s":"NUMERIC"},{"s":"SORTABLE"},{"s":"UNF"}]}`,
		`{"s":"num_docs"},{"i":1}`, `{"s":"max_doc_id"},{"i":1}`, `{"s":"num_terms"},{"i":1}`, `{"s":"num_records"},{"i":2}`, `{"s":"hash_indexing_failures"},{"i":7}`,
		`{"s":"Index Errors"},{"a":[{"s":"indexing failures"},{"i":7},{"s":"last indexing error"},{"s":"NUMERIC fields can only contain numeric or nulls"},{"s":"last indexing error key"},{"b":"d:6"},{"s":"background indexing status"},{"s":"OK"}]}`,
		`{"a":[{"s":"identifier"},{"s":"$.h"},{"s":"attribute"},{"s":"h"},{"s":"Index Errors"},{"a":[{"s":"indexing failures"},{"i":2},{"s":"last indexing error"},{"s":"Invalid JSON type: Object type can represent only GEOMETRY fields"},{"s":"last indexing error key"},{"b":"d:4"}]}]}`,
	} {
		if !strings.Contains(info, want) {
			t.Errorf("FT.INFO has no\n%s\n%s", want, info)
		}
	}
	for doc, want := range map[string]string{
		`{"m":1}`: faultNumber, `{"h":2}`: faultNumber, `{"n":"x"}`: faultString, `{"m":true}`: faultBoolean, `{"m":["a",1]}`: faultMixedText,
	} {
		c.do("JSON.SET", "d:bad", "$", doc)
		if info := c.line("FT.INFO i"); !strings.Contains(info, `{"s":"last indexing error"},{"s":"`+want+`"}`) {
			t.Errorf("%s: no %q", doc, want)
		}
	}
	c.line("HELLO 3")
	if info := c.line("FT.INFO i"); !strings.Contains(info, `[{"s":"type"},{"s":"NUMERIC"}],[{"s":"flags"},{"a":[{"s":"SORTABLE"},{"s":"UNF"}]}]`) {
		t.Errorf("RESP3: %s", info)
	}
	c.expect("FT.INFO nope", errorReply("nope: no such index"))
}

func TestIndexAdministration(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.line(`JSON.SET d:1 $ {"a":"x","b":5}`)
	c.expect("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.a AS a TAG", okReply)
	c.expect("FT.ALTER i SCHEMA ADD $.b AS b NUMERIC", okReply)
	c.finds("@b:[5 5] @a:{x}", "d:1")
	c.expect("FT.ALTER i SCHEMA ADD $.c AS b NUMERIC", errorReply("Duplicate field in schema - b"))
	c.expect("FT.ALTER i SKIPINITIALSCAN SCHEMA ADD $.a AS c TEXT", okReply)
	c.finds("@c:x", "")
	c.expect("FT.ALIASADD alias i", okReply)
	c.expect("FT.ALIASADD alias i", errorReply("Alias already exists"))
	c.expect("FT.ALIASADD i i", errorReply("Alias conflicts with an existing index name"))
	c.expect("FT.ALIASADD x nope", errorReply("nope: no such index"))
	c.expect("FT.SEARCH alias * NOCONTENT", `{"a":[{"i":1},{"b":"d:1"}]}`)
	c.expect("FT.ALIASUPDATE other i", okReply)
	c.expect("FT.ALIASDEL other", okReply)
	c.expect("FT.ALIASDEL other", errorReply("Alias does not exist"))
	c.expect("FT.DROPINDEX i DD", okReply)
	c.expect("EXISTS d:1", `{"i":0}`)
	c.expect("FT.SEARCH alias *", errorReply("No such index alias"))
	c.line("HSET h:1 a x")
	c.line("FT.CREATE h PREFIX 1 h: SCHEMA a TAG")
	c.expect("FT.DROPINDEX h DD", okReply)
	c.expect("EXISTS h:1", `{"i":0}`)
	for args, want := range map[string]string{
		"x SCHEMA a": "ERR wrong number of arguments for 'ft.create' command", "x ON JSON SCHEMA a": "Field `a` does not have a type",
		"x ON JSON NOSUCH SCHEMA a TEXT": "Unknown argument `NOSUCH`", "x ON JSON PREFIX 1 d:": "No schema found", "x SCHEMA v VECTOR FLAT": "The field type VECTOR is not supported by rtcollector's embedded server",
		"x SCHEMA a TAG SEPARATOR ;;": "Tag separator must be a single character. Got `;;`", "x SCHEMA a TEXT WEIGHT z": "Bad arguments for weight: Could not convert argument to expected type",
		"x ON JSON TEMPORARY 5 SCHEMA a TEXT": "TEMPORARY is not supported by rtcollector's embedded server", "x ON JSON PREFIX 5 d: SCHEMA a TEXT": "Bad arguments for PREFIX: Expected an argument, but none provided",
		"x ON JSON SCHEMA $..a AS a TEXT": "Invalid JSONPath '$..a' in attribute 'a' in index 'x'",
	} {
		c.expect("FT.CREATE "+args, errorReply(want))
	}
	c.expect("FT.CREATE w STOPWORDS 1 Foo SCHEMA a TEXT", okReply)
	c.line("HSET k a foo_the_the")
	c.line("HSET k2 a the")
	c.expect("FT.SEARCH w the NOCONTENT", `{"a":[{"i":1},{"b":"k2"}]}`)
	c.line("SELECT 1")
	c.expect("FT.CREATE x SCHEMA a TEXT", errorReply("Cannot create index on db != 0"))
}

func TestAggregate(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.h AS h TAG $.n AS n NUMERIC SORTABLE")
	for i, doc := range []string{`{"h":"a","n":1}`, `{"h":"b","n":2.5}`, `{"h":"a","n":4}`, `{"n":7}`} {
		c.line(fmt.Sprintf("JSON.SET d:%d $ %s", i, doc))
	}
	for cmd, want := range map[string]string{
		"* GROUPBY 1 @h REDUCE COUNT 0 AS c REDUCE SUM 1 @n AS s REDUCE AVG 1 n AS a REDUCE MIN 1 @n AS lo REDUCE MAX 1 @n AS hi SORTBY 2 @s DESC": `[{"i":3},` +
			`{"a":[{"b":"h"},{"nil":true},{"b":"c"},{"b":"1"},{"b":"s"},{"b":"7"},{"b":"a"},{"b":"7"},{"b":"lo"},{"b":"7"},{"b":"hi"},{"b":"7"}]},` +
			`{"a":[{"b":"h"},{"b":"a"},{"b":"c"},{"b":"2"},{"b":"s"},{"b":"5"},{"b":"a"},{"b":"2.5"},{"b":"lo"},{"b":"1"},{"b":"hi"},{"b":"4"}]},` +
			`{"a":[{"b":"h"},{"b":"b"},{"b":"c"},{"b":"1"},{"b":"s"},{"b":"2.5"},{"b":"a"},{"b":"2.5"},{"b":"lo"},{"b":"2.5"},{"b":"hi"},{"b":"2.5"}]}]`,
		"@h:{a|b} GROUPBY 0 REDUCE COUNT 0":              `[{"i":1},{"a":[{"b":"__generated_aliascount"},{"b":"3"}]}]`,
		"* LOAD 3 $.n AS num SORTBY 2 @n DESC LIMIT 0 1": `[{"i":4},{"a":[{"b":"num"},{"b":"7"},{"b":"n"},{"b":"7"}]}]`,
		"@h:{b} LOAD *":               `[{"i":1},{"a":[{"b":"$"},{"b":"{\"h\":\"b\",\"n\":2.5}"}]}]`,
		"* SORTBY 3 @h DESC @n MAX 2": `[{"i":4},{"a":[{"b":"h"},{"b":"b"},{"b":"n"},{"b":"2.5"}]},{"a":[{"b":"h"},{"b":"a"},{"b":"n"},{"b":"1"}]}]`,
	} {
		c.expect("FT.AGGREGATE i "+cmd, `{"a":`+want+`}`)
	}
	for cmd, want := range map[string]string{
		"GROUPBY 1 @x":                    "No such property `x`",
		"GROUPBY 1 h":                     "Bad arguments for GROUPBY: Unknown property `h`. Did you mean `@h`?",
		"GROUPBY 1 @h REDUCE MEDIAN 1 @n": "No such reducer: MEDIAN",
		"APPLY @n*2 AS m":                 "APPLY is not supported by rtcollector's embedded server",
		"SORTBY 1 @x":                     "Property `x` not loaded nor in schema",
		"GROUPBY 1 @h LOAD 1 n":           "LOAD cannot be applied after projectors or reducers",
	} {
		c.expect("FT.AGGREGATE i * "+cmd, errorReply(want))
	}
}

func TestSearchesBesideWrites(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT $.n AS n NUMERIC SORTABLE")
	c.line("FT.CREATE h ON HASH PREFIX 1 h: SCHEMA m TEXT")
	done := make(chan error)
	for n := range 4 {
		c := dial(t, s)
		go func() { done <- searchStorm(c, n) }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	c.expect("FT.SEARCH i * LIMIT 0 0", `{"a":[{"i":50}]}`)
	c.expect("FT.SEARCH h * LIMIT 0 0", `{"a":[{"i":50}]}`)
}

func searchStorm(c *testClient, n int) error {
	for i := range 300 {
		key := fmt.Sprint(i % 50)
		for _, cmd := range [][]string{
			{"JSON.SET", "d:" + key, "$", fmt.Sprintf(`{"m":"w%d x","n":%d}`, n, i)}, {"HSET", "h:" + key, "m", "w" + fmt.Sprint(n)},
			{"FT.SEARCH", "i", "x", "SORTBY", "n", "LIMIT", "0", "3"}, {"FT.SEARCH", "h", "w*"}, {"FT.AGGREGATE", "i", "*", "GROUPBY", "1", "@n"}, {"FT.INFO", "h"},
		} {
			if _, err := c.conn.Write(encode(cmd...)); err != nil {
				return err
			}
			v, err := readReply(c.r)
			if err != nil {
				return err
			}
			if e, bad := v.(map[string]any)["e"]; bad {
				return fmt.Errorf("%v: %v", cmd, e)
			}
		}
	}
	return nil
}

func TestDeadlinesComeInOrder(t *testing.T) {
	d := newDeadlines()
	for i := range 1000 {
		d.set(fmt.Sprint(i), int64(1000-i))
		d.set(fmt.Sprint(i/2), int64(5000+i)) // moved: the older time must not count
	}
	d.set("999", 0)
	var last int64
	left := len(d.at)
	for key, ok := d.takeDue(10_000); ok; key, ok = d.takeDue(10_000) {
		_ = key
		left--
	}
	if left != 0 || d.next() != neverExpires || len(d.queue) != 0 {
		t.Errorf("%d left, next %d, queue %d", left, d.next(), len(d.queue))
	}
	for _, at := range []int64{5, 3, 9, 3} {
		d.set(fmt.Sprint("k", at), at)
	}
	var order []int64
	for d.next() != neverExpires {
		last = d.next()
		order = append(order, last)
		d.takeDue(last)
	}
	if !slices.Equal(order, []int64{3, 5, 9}) {
		t.Errorf("order %v", order)
	}
}
