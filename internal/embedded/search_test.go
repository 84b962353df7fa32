package embedded

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

func TestSearchFindsAndSorts(t *testing.T) {
	c := dial(t, start(t, Config{}))
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
	c.Expect("FT.SEARCH i * DIALECT 3", resptest.Error("DIALECT 3 is not supported by rtcollector's embedded server"))
	c.ExpectFound("@n:[$a $b]", "d:1 d:2", "PARAMS", "4", "a", "5", "b", "7", "DIALECT", "2")
	c.ExpectFound(`"failure of the disk"`, "d:2", "DIALECT", "2")
	c.Expect("FT.TAGVALS i h", `{"a":[{"b":"a"},{"b":"b"},{"b":"c"}]}`)
}

// TestIndexFollowsDocuments changes keys with every kind of command. Searches
// must show the result.
func TestIndexFollowsDocuments(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.Line("FT.CREATE i ON JSON PREFIX 2 d: e: SCHEMA $.m AS m TEXT")
	set := func(key, word string) { c.Do("JSON.SET", key, "$", `{"m":"`+word+`"}`) }
	set("d:1", "one")
	set("d:2", "two")
	set("d:1", "uno")
	c.ExpectFound("one", "")
	c.ExpectFound("*", "d:2 d:1")
	c.Line(`JSON.SET d:1 $.m "due"`)
	c.ExpectFound("due", "d:1")
	c.Line("JSON.DEL d:1 $.m") // the key of an empty object is deleted
	c.ExpectFound("*", "d:2")
	c.Line("RENAME d:2 e:2")
	c.ExpectFound("two", "e:2")
	c.Line("RENAME e:2 x")
	c.ExpectFound("two", "")
	c.Line("RENAME x d:3")
	c.ExpectFound("two", "d:3")
	c.Line("SET d:3 string")
	c.ExpectFound("*", "")
	set("d:4", "four")
	c.Line("MULTI")
	c.Do("JSON.SET", "d:5", "$", `{"m":"five"}`)
	c.Line("DEL d:4")
	c.Line("EXEC")
	c.ExpectFound("*", "d:5")
	c.Line("PEXPIRE d:5 1000")
	s.store.SetClock(func() time.Time { return time.Now().Add(time.Hour) })
	c.ExpectFound("*", "")
	set("d:6", "six")
	c.Line("SWAPDB 0 3")
	c.ExpectFound("*", "")
	c.Line("SWAPDB 0 3")
	c.ExpectFound("*", "d:6")
	c.Line("SELECT 1")
	set("d:7", "seven")
	c.ExpectFound("*", "d:6")
	c.Line("FLUSHALL")
	c.Expect("FT._LIST", `{"a":[]}`)
}

func TestIndexFollowsHashes(t *testing.T) {
	s := start(t, Config{MaxDocuments: 3})
	c := dial(t, s)
	c.Line("HSET h:0 m before n 1")
	c.Line("FT.CREATE i ON HASH PREFIX 1 h: SCHEMA m TEXT SORTABLE n NUMERIC t TAG")
	c.ExpectFound("*", "h:0")
	c.Line("HSET h:1 m Hello n 2 t a,b extra x")
	c.ExpectFound("hello", "h:1")
	c.ExpectFound("@t:{b}", "h:1")
	c.ExpectFound("*", "h:0 h:1", "SORTBY", "m")
	c.Expect("FT.SEARCH i hello SORTBY n", `{"a":[{"i":1},{"b":"h:1"},{"a":[{"b":"n"},{"b":"2"},{"b":"m"},{"b":"Hello"},{"b":"t"},{"b":"a,b"},{"b":"extra"},{"b":"x"}]}]}`)
	c.Line("HDEL h:1 m")
	c.ExpectFound("hello", "")
	c.ExpectFound("@n:[2 2]", "h:1")
	c.Line("HINCRBY h:1 n 5")
	c.ExpectFound("@n:[7 7]", "h:1")
	c.Line("RENAME h:1 h:2")
	c.ExpectFound("@n:[7 7]", "h:2")
	c.Line("SET h:2 x")
	c.ExpectFound("*", "h:0")
	c.Line("DEL h:0 h:2")
	c.ExpectFound("*", "")
	c.Line("COPY h:2 h:3")
	c.Line("HSET h:3 m copied")
	c.ExpectFound("copied", "h:3")
	c.Line("MULTI")
	c.Line("HSET h:4 m four")
	c.Line("UNLINK h:3")
	c.Line("EXEC")
	c.ExpectFound("*", "h:4")
	c.Line("EXPIRE h:4 10")
	c.ExpectFound("four", "h:4")
	s.advanceClock(11 * time.Second)
	c.ExpectFound("*", "")
	for i := range 5 { // MaxDocuments is 3
		c.Line(fmt.Sprintf("HSET h:%d m w", i))
	}
	c.ExpectFound("w", "h:0 h:1 h:2")
	c.Line("HSET h:0 n nonsense")
	c.ExpectFound("*", "h:1 h:2") // its values no longer have the types of the schema
}

func TestAggregate(t *testing.T) {
	c := dial(t, start(t, Config{}))
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
	c := dial(t, start(t, Config{}))
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

func TestSearchesBesideWrites(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.Line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT $.n AS n NUMERIC SORTABLE")
	c.Line("FT.CREATE h ON HASH PREFIX 1 h: SCHEMA m TEXT")
	done := make(chan error)
	for n := range 4 {
		c := dial(t, s)
		go func() { done <- searchRandomly(c, n) }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	c.Expect("FT.SEARCH i * LIMIT 0 0", `{"a":[{"i":50}]}`)
	c.Expect("FT.SEARCH h * LIMIT 0 0", `{"a":[{"i":50}]}`)
}

func searchRandomly(c *resptest.Client, n int) error {
	for i := range 300 {
		key := fmt.Sprint(i % 50)
		for _, cmd := range [][]string{
			{"JSON.SET", "d:" + key, "$", fmt.Sprintf(`{"m":"w%d x","n":%d}`, n, i)}, {"HSET", "h:" + key, "m", "w" + fmt.Sprint(n)},
			{"FT.SEARCH", "i", "x", "SORTBY", "n", "LIMIT", "0", "3"}, {"FT.SEARCH", "h", "w*"}, {"FT.AGGREGATE", "i", "*", "GROUPBY", "1", "@n"}, {"FT.INFO", "h"},
		} {
			if _, err := c.Conn.Write(resptest.Encode(cmd...)); err != nil {
				return err
			}
			v, err := resptest.ReadReply(c.Reader)
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
