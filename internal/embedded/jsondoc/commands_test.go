package jsondoc_test

import (
	"github.com/rtcollector/rtcollector/internal/embedded/embeddedtest"

	"fmt"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

func TestJSONIsToldBackCompact(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	for in, want := range map[string]string{
		" { \"a\" : [ 1 , 2.50, -0, 1e3, 1E400000 ] }": "",
		" { \"a\" : [ 1 , 2.50, -0, 1e3 , 0.1e-7] }":   `{"a":[1,2.5,-0.0,1000.0,1e-8]}`,
		`{"a":1,"b":2,"a":{"c":3},"c":[]}`:             `{"a":{"c":3},"b":2,"c":[]}`,
		`{"a":{"x":1,"x":2},"b":2,"b":3,"a":4}`:        `{"a":4,"b":3}`,
		`"\u00e9\u0041\/\ud83d\ude00\u0001\n\""`:       `"éA/😀\u0001\n\""`,
		`{"\u0061":1,"a":2}`:                           `{"a":2}`,
		`123456789012345678901`:                        `1.2345678901234568e20`,
		`18446744073709551615`:                         `18446744073709551615`,
		`-9223372036854775808`:                         `-9223372036854775808`,
		`1.0`:                                          `1.0`,
		`9999999999999998.0`:                           `9999999999999998.0`,
		`1e16`:                                         `1e16`,
		`0.00001`:                                      `0.00001`,
		`1.5e-6`:                                       `1.5e-6`,
		`"long enough for eight \\ and \"then\" größer ÄÖÜäöüß€€€€ bytes \u007f"`: `"long enough for eight \\ and \"then\" größer ÄÖÜäöüß€€€€ bytes ` + "\x7f\"",
		`null`:                    `null`,
		`[true,false,null,{},[]]`: `[true,false,null,{},[]]`,
		wideObject(100, 3):        wideObject(100, 1),
	} {
		if want == "" {
			if got := resptest.Show(c.Do("JSON.SET", "k", "$", in)); got != resptest.Error("number out of range at line 1 column 38") {
				t.Errorf("%s: %s", in, got)
			}
			continue
		}
		c.ExpectArgs(resptest.OK, "JSON.SET", "k", "$", in)
		c.ExpectArgs(resptest.Bulk(want), "JSON.GET", "k")
	}
}

// wideObject returns an object with n keys, each repeated. The first position
// and the last value of each key must remain.
func wideObject(n, times int) string {
	var list []string
	for round := range times {
		for i := range n {
			val := 2 * i
			if round < times-1 {
				val = -1
			}
			list = append(list, fmt.Sprintf(`"k%d":%d`, i, val))
		}
	}
	return "{" + strings.Join(list, ",") + "}"
}

// TestBadJSONIsNamed has the texts and positions of serde_json, which RedisJSON
// uses. The recordings have the first one too.
func TestBadJSONIsNamed(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	for in, want := range map[string]string{
		"{oops":                  "key must be a string at line 1 column 2",
		"":                       "EOF while parsing a value at line 1 column 0",
		"{":                      "EOF while parsing an object at line 1 column 1",
		"[1":                     "EOF while parsing a list at line 1 column 2",
		"[1 2]":                  "expected `,` or `]` at line 1 column 4",
		"[1,]":                   "trailing comma at line 1 column 4",
		`{"a"}`:                  "expected `:` at line 1 column 5",
		`{"a":1,}`:               "trailing comma at line 1 column 8",
		`{"a":1 "b":2}`:          "expected `,` or `}` at line 1 column 8",
		`{"a":1,2}`:              "key must be a string at line 1 column 8",
		"{\n\"a\":\n x}":         "expected value at line 3 column 2",
		"nul":                    "EOF while parsing a value at line 1 column 3",
		"nulx":                   "expected ident at line 1 column 4",
		"1 2":                    "trailing characters at line 1 column 3",
		"01":                     "invalid number at line 1 column 2",
		"-":                      "EOF while parsing a value at line 1 column 1",
		"-a":                     "invalid number at line 1 column 2",
		"1.":                     "EOF while parsing a value at line 1 column 2",
		"1.x":                    "invalid number at line 1 column 3",
		"1e":                     "EOF while parsing a value at line 1 column 2",
		`"abc`:                   "EOF while parsing a string at line 1 column 4",
		`"\x"`:                   "invalid escape at line 1 column 3",
		`"\u00g0"`:               "invalid escape at line 1 column 7",
		`"\udc00"`:               "lone leading surrogate in hex escape at line 1 column 7",
		`"\ud800x"`:              "unexpected end of hex escape at line 1 column 8",
		"\"abc\tdefghijklmnop\"": "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 5",
		"\"a\nb\"":               "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0",
		strings.Repeat("[", 128): "recursion limit exceeded at line 1 column 128",
	} {
		c.ExpectArgs(resptest.Error(want), "JSON.SET", "k", "$", in)
	}
	c.ExpectArgs(resptest.Error("Couldn't parse as UTF-8 string"), "JSON.SET", "k", "$", "\"\xff\"")
	c.Expect("EXISTS k", `{"i":0}`)
}

func TestJSONSetAtPaths(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	doc := `{"a":{"b":[1,2,3]},"s":"x","q\"":1}`
	for _, x := range []struct{ path, val, mode, want string }{
		{"$.a.b", "9", "", `{"a":{"b":9},"s":"x","q\"":1}`},
		{".a.b[1]", `"n"`, "", `{"a":{"b":[1,"n",3]},"s":"x","q\"":1}`},
		{"$.a.b[-1]", "{}", "", `{"a":{"b":[1,2,{}]},"s":"x","q\"":1}`},
		{"$.a.b[*]", "0", "", `{"a":{"b":[0,0,0]},"s":"x","q\"":1}`},
		{"$.a.c", "1", "", `{"a":{"b":[1,2,3],"c":1},"s":"x","q\"":1}`},
		{"$.a[\"d\\\"e\"]", "1", "", `{"a":{"b":[1,2,3],"d\"e":1},"s":"x","q\"":1}`},
		{`$['q"']`, "2", "", `{"a":{"b":[1,2,3]},"s":"x","q\"":2}`},
		{"$.a.b", "9", "NX", ""},
		{"$.c", "9", "NX", `{"a":{"b":[1,2,3]},"s":"x","q\"":1,"c":9}`},
		{"$.c", "9", "XX", ""},
		{"$.s", "9", "XX", `{"a":{"b":[1,2,3]},"s":9,"q\"":1}`},
		{"$.s.t", "9", "", ""},
		{"$.x.y", "9", "", ""},
		{"$", "{}", "XX", `{}`},
		{".", "[]", "", `[]`},
	} {
		c.ExpectArgs(resptest.OK, "JSON.SET", "k", "$", doc)
		args, answer, want := []string{"JSON.SET", "k", x.path, x.val}, resptest.OK, x.want
		if x.mode != "" {
			args = append(args, x.mode)
		}
		if want == "" {
			answer, want = `{"nil":true}`, doc
		}
		c.ExpectArgs(answer, args...)
		c.ExpectArgs(resptest.Bulk(want), "JSON.GET", "k")
	}
	c.Expect("JSON.SET k $.a.b[7] 1", resptest.Error("ERR array index out of range"))
	c.Expect("JSON.SET k $[*].c 1", resptest.Error("Err wrong static path"))
	c.Expect("JSON.SET k $ 1 NX XX", resptest.Error("ERR syntax error"))
	c.Expect("JSON.SET new $ 1 XX", `{"nil":true}`)
	c.Expect("JSON.SET k $..a 1", resptest.Error(`ERR path '$..a' at position 1: rtcollector's embedded server knows $, .name, ["name"], [n], [*] and .* only`))
}

func TestJSONGetAndType(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line(`JSON.SET k $ {"a":{"b":[1,2.5]},"s":"x","t":true,"n":null}`)
	for path, want := range map[string]string{
		".": `{"a":{"b":[1,2.5]},"s":"x","t":true,"n":null}`, "$": `[{"a":{"b":[1,2.5]},"s":"x","t":true,"n":null}]`,
		".a.b": `[1,2.5]`, "a.b[1]": `2.5`, "$.a.b[*]": `[1,2.5]`, "$.*": `[{"b":[1,2.5]},"x",true,null]`, "$.nope": `[]`, "$.s.x": `[]`,
	} {
		c.ExpectArgs(resptest.Bulk(want), "JSON.GET", "k", path)
	}
	c.Expect("JSON.GET k .s .t", resptest.Bulk(`{".s":"x",".t":true}`))
	c.Expect("JSON.GET k .s $.t", resptest.Bulk(`{".s":["x"],"$.t":[true]}`))
	c.Expect("JSON.GET k nope", resptest.Error("ERR Path '$.nope' does not exist"))
	c.Expect("JSON.GET k .s nope", resptest.Error("ERR Path 'nope' does not exist"))
	c.ExpectArgs(resptest.Bulk("{\n-\"b\": [\n--1,\n--2.5\n-]\n}"), "JSON.GET", "k", "INDENT", "-", "NEWLINE", "\n", "SPACE", " ", ".a")
	c.Expect("JSON.TYPE k .a.b[1]", `{"b":"number"}`)
	c.Expect("JSON.TYPE k $.*", `{"a":[{"b":"object"},{"b":"string"},{"b":"boolean"},{"b":"null"}]}`)
	c.Expect("JSON.TYPE k nope", `{"nil":true}`)
	c.Expect("JSON.TYPE nokey $", `{"nil":true}`)
	c.Expect("JSON.MSET m1 $ 1 m2 $ {\"s\":2} k $.s 3", resptest.OK)
	c.Expect("JSON.MGET k m1 nokey m2 $.s", `{"a":[{"b":"[3]"},{"b":"[]"},{"nil":true},{"b":"[2]"}]}`)
	c.Expect("JSON.MGET k m1 .s", `{"a":[{"b":"3"},{"nil":true}]}`)
	c.Expect("JSON.MSET m3 $ 1 m4 $ {", resptest.Error("EOF while parsing an object at line 1 column 1"))
	c.Expect("EXISTS m3", `{"i":0}`)
}

func TestJSONDel(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	for _, x := range []struct{ path, count, want string }{
		{"$.a", "1", `{"c":{},"b":[1,2,3]}`}, {"$.c", "1", `{"a":1,"b":[1,2,3]}`}, {"$.b[*]", "3", `{"a":1,"b":[],"c":{}}`},
		{".b[1]", "1", `{"a":1,"b":[1,3],"c":{}}`}, {"$.x", "0", `{"a":1,"b":[1,2,3],"c":{}}`},
	} {
		c.Line(`JSON.SET k $ {"a":1,"b":[1,2,3],"c":{}}`)
		c.Expect("JSON.DEL k "+x.path, `{"i":`+x.count+`}`)
		c.ExpectArgs(resptest.Bulk(x.want), "JSON.GET", "k")
	}
	c.Expect("JSON.FORGET k $.*", `{"i":3}`) // the key of an empty document is deleted
	c.Expect("EXISTS k", `{"i":0}`)
	c.Line("JSON.SET k $ 1")
	c.Expect("JSON.DEL k", `{"i":1}`)
	c.Expect("JSON.DEL k", `{"i":0}`)
}

// TestOneDocumentManyTimes names a large document many times, which is a short
// request with much work.
func TestOneDocumentManyTimes(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Do("JSON.SET", "d", "$", `{"a":"`+strings.Repeat("x", 4<<20)+`"}`)
	want := resptest.Show(map[string]string{"e": string(resp.ErrReplyTooLong)})
	var paths, keys, sets []string
	for i := range 300 {
		paths, keys, sets = append(paths, fmt.Sprint("$.b", i)), append(keys, "d"), append(sets, "d", fmt.Sprint("$.b", i), "1")
	}
	if got := resptest.Show(c.Do(append([]string{"JSON.GET", "d"}, paths...)...)); got != want {
		t.Errorf("JSON.GET: %.80s", got)
	}
	if got := resptest.Show(c.Do(append(append([]string{"JSON.MGET"}, keys...), "$.b")...)); got != want {
		t.Errorf("JSON.MGET: %.80s", got)
	}
	if got := resptest.Show(c.Do(append([]string{"JSON.MSET"}, sets...)...)); got != resptest.OOM {
		t.Errorf("JSON.MSET: %.80s", got)
	}
}
