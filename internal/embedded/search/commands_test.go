package search_test

import (
	"github.com/rtcollector/rtcollector/internal/embedded/embeddedtest"

	"fmt"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

func TestSearchFindsAndSorts(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line("JSON.SET d:0 $ {\"m\":\"before\",\"n\":0}") // exists before the index
	c.Expect("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT $.o.h AS h TAG SEPARATOR , $.n AS n NUMERIC SORTABLE $.x AS x TAG CASESENSITIVE NOINDEX", resptest.OK)
	c.Do("JSON.SET", "d:1", "$", `{"m":"disk failure imminent","o":{"h":"a, B"},"n":5}`)
	c.Do("JSON.SET", "d:2", "$", `{"m":"failure of the disk","o":{"h":"c"},"n":[7,-3]}`)
	c.Do("JSON.SET", "d:3", "$", `{"m":["say \"hello\"","bye"],"n":null,"x":"X"}`)
	c.Do("JSON.SET", "other", "$", `{"m":"disk"}`)
	for _, x := range [][2]string{
		{"*", "d:0 d:1 d:2 d:3"}, {"disk", "d:1 d:2"}, {"fail*", "d:1 d:2"}, {"*ure", "d:1 d:2"}, {"f*", ""}, {`"disk failure"`, "d:1"}, {`"failure disk"`, "d:2"},
		{`"failure disk"`, "d:2"}, {`"hello bye"`, ""}, {"hello bye", "d:3"}, {"@h:{b}", "d:1"}, {"@h:{a|c}", "d:1 d:2"}, {"-@h:{a}", "d:0 d:2 d:3"},
		{"@n:[0 5]", "d:0 d:1"}, {"@n:[(0 5]", "d:1"}, {"@n:[-inf (0]", "d:2"}, {"@n:[7 7]", "d:2"}, {"disk -imminent", "d:2"}, {"@x:{X}", ""}, {"~disk", "d:0 d:1 d:2 d:3"},
	} {
		c.ExpectFound(x[0], x[1])
	}
	c.ExpectFound("*", "d:0 d:1 d:2 d:3", "SORTBY", "n")
	c.ExpectFound("*", "d:2 d:1 d:0 d:3", "SORTBY", "n", "DESC")
	c.ExpectFound("*", "d:2 d:1 d:3 d:0", "SORTBY", "h", "DESC")
	c.Expect("FT.SEARCH i * SORTBY n DESC LIMIT 1 1 RETURN 4 n h AS host", `{"a":[{"i":4},{"b":"d:1"},{"a":[{"b":"n"},{"b":"5"},{"b":"host"},{"b":"a, B"}]}]}`)
	c.Expect("FT.SEARCH i @h:{c} RETURN 1 $.m", `{"a":[{"i":1},{"b":"d:2"},{"a":[{"b":"$.m"},{"b":"failure of the disk"}]}]}`)
	c.Expect("FT.SEARCH i @h:{a} RETURN 0", `{"a":[{"i":1},{"b":"d:1"}]}`)
	c.Expect("FT.SEARCH i * SORTBY nope", resptest.Error("Property `nope` not loaded nor in schema"))
	c.Expect("FT.SEARCH i * LIMIT 5 0", resptest.Error("The `offset` of the LIMIT must be 0 when `num` is 0"))
	c.Expect("FT.SEARCH i * BOGUS", resptest.Error("Unknown argument `BOGUS` at position 1 for <main>"))
	c.Expect("FT.SEARCH i * WITHSCORES", resptest.Error("WITHSCORES is not supported by rtcollector's embedded server"))
	c.Expect("FT.SEARCH i * DIALECT 1", resptest.Error("DIALECT 1 is not supported by rtcollector's embedded server"))
	c.Expect("FT.SEARCH i * DIALECT 3", resptest.Error("DIALECT 3 is not supported by rtcollector's embedded server"))
	c.ExpectFound("@n:[$a $b]", "d:1 d:2", "PARAMS", "4", "a", "5", "b", "7")
	c.ExpectFound(`"failure of the disk"`, "d:2", "DIALECT", "2")
	c.Expect("FT.TAGVALS i h", `{"a":[{"b":"a"},{"b":"b"},{"b":"c"}]}`)
}

func TestAggregate(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.h AS h TAG $.n AS n NUMERIC SORTABLE")
	for i, doc := range []string{`{"h":"a","n":1}`, `{"h":"b","n":2.5}`, `{"h":"a","n":4}`, `{"n":7}`} {
		c.Line(fmt.Sprintf("JSON.SET d:%d $ %s", i, doc))
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
		c.Expect("FT.AGGREGATE i "+cmd, `{"a":`+want+`}`)
	}
	for cmd, want := range map[string]string{
		"GROUPBY 1 @x":                    "No such property `x`",
		"GROUPBY 1 h":                     "Bad arguments for GROUPBY: Unknown property `h`. Did you mean `@h`?",
		"GROUPBY 1 @h REDUCE MEDIAN 1 @n": "No such reducer: MEDIAN",
		"APPLY @n*2 AS m":                 "APPLY is not supported by rtcollector's embedded server",
		"SORTBY 1 @x":                     "Property `x` not loaded nor in schema",
		"GROUPBY 1 @h LOAD 1 n":           "LOAD cannot be applied after projectors or reducers",
	} {
		c.Expect("FT.AGGREGATE i * "+cmd, resptest.Error(want))
	}
}

func TestAggregateSortsTenByDefault(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.n AS n NUMERIC")
	for i := range 12 {
		c.Line(fmt.Sprintf(`JSON.SET d:%d $ {"n":%d}`, i, i))
	}
	for cmd, want := range map[string]int{"SORTBY 1 @n": 10, "LOAD 1 n": 12, "SORTBY 1 @n MAX 11": 11, "LIMIT 3 7": 7} {
		reply := c.Do(strings.Fields("FT.AGGREGATE i * " + cmd)...).(map[string]any)["a"].([]any)
		if len(reply)-1 != want {
			t.Errorf("%s: %d rows, want %d", cmd, len(reply)-1, want)
		}
	}
}

// TestDefinitionsAreBounded covers the arguments of FT.CREATE, which an index
// keeps.
func TestDefinitionsAreBounded(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	long := strings.Repeat("p", 100_000)
	if got := resptest.Show(c.Do("FT.CREATE", "i", "PREFIX", "1", long, "SCHEMA", "a", "TEXT")); got != resptest.OK {
		t.Error(got)
	}
	for _, words := range [][]string{
		{"FT.CREATE", "j", "PREFIX", "1", long + long, "SCHEMA", "a", "TEXT"}, {"FT.ALTER", "i", "SCHEMA", "ADD", long, "TEXT"}, {"FT.ALIASADD", long, "i"},
	} {
		if got := resptest.Show(c.Do(words...)); got != resptest.OOM {
			t.Errorf("%s: %.80s", words[0], got)
		}
	}
}

// TestWordsBeforeSchema expects an error for unknown arguments at all places.
func TestWordsBeforeSchema(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	for _, words := range []string{"x SCHEMA t TEXT", "x y z", "ON HASH x SCHEMA t TEXT", "STOPWORDS 0 x SCHEMA t TEXT"} {
		c.Expect("FT.CREATE i "+words, `{"e":"Unknown argument `+"`x`"+`"}`)
	}
}

func TestInfoSaysWhyDocumentsAreMissing(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT WEIGHT 2 NOSTEM $.h AS h TAG $.n AS n NUMERIC SORTABLE")
	for i, doc := range []string{`{"m":1}`, `{"h":2}`, `{"n":"x"}`, `{"m":true}`, `{"h":{}}`, `{"m":["a",1]}`, `{"n":[1,"x"]}`, `{"m":"fine, fine","h":true,"n":null}`} {
		c.Do("JSON.SET", fmt.Sprintf("d:%d", i), "$", doc)
	}
	c.Expect("EXISTS d:0 d:6", `{"i":2}`)
	c.ExpectFound("*", "d:7")
	c.ExpectFound("@h:{true}", "d:7")
	info := c.Line("FT.INFO i")
	for _, want := range []string{
		`{"s":"index_name"},{"s":"i"}`, `{"s":"index_options"},{"a":[]}`,
		`{"s":"index_definition"},{"a":[{"s":"key_type"},{"s":"JSON"},{"s":"prefixes"},{"a":[{"s":"d:"}]},{"s":"default_score"},{"b":"1"},{"s":"indexes_all"},{"s":"false"}]}`,
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
		`{"m":1}`: "Invalid JSON type: Numeric type can represent only NUMERIC field", `{"h":2}`: "Invalid JSON type: Numeric type can represent only NUMERIC field", `{"n":"x"}`: "Invalid JSON type: String type can represent only TEXT, TAG, GEO or GEOMETRY field", `{"m":true}`: "Invalid JSON type: Boolean type can be represent only TAG field", `{"m":["a",1]}`: "TEXT/TAG fields can only contain strings or nulls",
	} {
		c.Do("JSON.SET", "d:bad", "$", doc)
		if info := c.Line("FT.INFO i"); !strings.Contains(info, `{"s":"last indexing error"},{"s":"`+want+`"}`) {
			t.Errorf("%s: no %q", doc, want)
		}
	}
	c.Line("HELLO 3")
	if info := c.Line("FT.INFO i"); !strings.Contains(info, `[{"s":"type"},{"s":"NUMERIC"}],[{"s":"flags"},{"a":[{"s":"SORTABLE"},{"s":"UNF"}]}]`) {
		t.Errorf("RESP3: %s", info)
	}
	c.Expect("FT.INFO nope", resptest.Error("nope: no such index"))
}

func TestIndexAdministration(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line(`JSON.SET d:1 $ {"a":"x","b":5}`)
	c.Expect("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.a AS a TAG", resptest.OK)
	c.Expect("FT.ALTER i SCHEMA ADD $.b AS b NUMERIC", resptest.OK)
	c.ExpectFound("@b:[5 5] @a:{x}", "d:1")
	c.Expect("FT.ALTER i SCHEMA ADD $.c AS b NUMERIC", resptest.Error("Duplicate field in schema - b"))
	c.Expect("FT.ALTER i SKIPINITIALSCAN SCHEMA ADD $.a AS c TEXT", resptest.OK)
	c.ExpectFound("@c:x", "")
	c.Expect("FT.ALIASADD alias i", resptest.OK)
	c.Expect("FT.ALIASADD alias i", resptest.Error("Alias already exists"))
	c.Expect("FT.ALIASADD i i", resptest.Error("Alias conflicts with an existing index name"))
	c.Expect("FT.ALIASADD x nope", resptest.Error("nope: no such index"))
	c.Expect("FT.SEARCH alias * NOCONTENT", `{"a":[{"i":1},{"b":"d:1"}]}`)
	c.Expect("FT.ALIASUPDATE other i", resptest.OK)
	c.Expect("FT.ALIASDEL other", resptest.OK)
	c.Expect("FT.ALIASDEL other", resptest.Error("Alias does not exist"))
	c.Expect("FT.DROPINDEX i DD", resptest.OK)
	c.Expect("EXISTS d:1", `{"i":0}`)
	c.Expect("FT.SEARCH alias *", resptest.Error("No such index alias"))
	c.Line("HSET h:1 a x")
	c.Line("FT.CREATE h PREFIX 1 h: SCHEMA a TAG")
	c.Expect("FT.DROPINDEX h DD", resptest.OK)
	c.Expect("EXISTS h:1", `{"i":0}`)
	for args, want := range map[string]string{
		"x SCHEMA a": "ERR wrong number of arguments for '_FT.CREATE' command", "x ON JSON SCHEMA a": "Field `a` does not have a type",
		"x ON JSON NOSUCH SCHEMA a TEXT": "Unknown argument `NOSUCH`", "x ON JSON PREFIX 1 d:": "No schema found", "x SCHEMA v VECTOR FLAT": "The field type VECTOR is not supported by rtcollector's embedded server",
		"x SCHEMA a TAG SEPARATOR ;;": "Tag separator must be a single character. Got `%s`;;", "x SCHEMA a TEXT WEIGHT z": "Bad arguments for weight: Could not convert argument to expected type",
		"x ON JSON TEMPORARY 5 SCHEMA a TEXT": "TEMPORARY is not supported by rtcollector's embedded server", "x ON JSON PREFIX 5 d: SCHEMA a TEXT": "Bad arguments for PREFIX: Expected an argument, but none provided",
		"x ON JSON SCHEMA $..a AS a TEXT": "Invalid JSONPath '$..a' in attribute 'a' in index 'x'",
	} {
		c.Expect("FT.CREATE "+args, resptest.Error(want))
	}
	c.Expect("FT.CREATE w STOPWORDS 1 Foo SCHEMA a TEXT", resptest.OK)
	c.Line("HSET k a foo_the_the")
	c.Line("HSET k2 a the")
	c.Expect("FT.SEARCH w the NOCONTENT", `{"a":[{"i":1},{"b":"k2"}]}`)
	c.Line("SELECT 1")
	c.Expect("FT.CREATE x SCHEMA a TEXT", resptest.Error("Cannot create index on db != 0"))
}
