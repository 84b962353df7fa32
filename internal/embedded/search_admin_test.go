package embedded

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

func TestInfoSaysWhyDocumentsAreMissing(t *testing.T) {
	c := dial(t, start(t, Config{}))
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
	c := dial(t, start(t, Config{}))
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
