package embedded

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

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
	c.line("JSON.SET d:0 $ {\"m\":\"before\",\"n\":0}") // exists before the index
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

// TestIndexFollowsDocuments changes keys with every kind of command. Searches
// must show the result.
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
	c.line("JSON.DEL d:1 $.m") // the key of an empty object is deleted
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
	s.store.SetClock(func() time.Time { return time.Now().Add(time.Hour) })
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
	c.line("COPY h:2 h:3")
	c.line("HSET h:3 m copied")
	c.finds("copied", "h:3")
	c.line("MULTI")
	c.line("HSET h:4 m four")
	c.line("UNLINK h:3")
	c.line("EXEC")
	c.finds("*", "h:4")
	c.line("EXPIRE h:4 10")
	c.finds("four", "h:4")
	s.advanceClock(11 * time.Second)
	c.finds("*", "")
	for i := range 5 { // MaxDocuments is 3
		c.line(fmt.Sprintf("HSET h:%d m w", i))
	}
	c.finds("w", "h:0 h:1 h:2")
	c.line("HSET h:0 n nonsense")
	c.finds("*", "h:1 h:2") // its values no longer have the types of the schema
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

func TestAggregateSortsTenByDefault(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.n AS n NUMERIC")
	for i := range 12 {
		c.line(fmt.Sprintf(`JSON.SET d:%d $ {"n":%d}`, i, i))
	}
	for cmd, want := range map[string]int{"SORTBY 1 @n": 10, "LOAD 1 n": 12, "SORTBY 1 @n MAX 11": 11, "LIMIT 3 7": 7} {
		reply := c.do(strings.Fields("FT.AGGREGATE i * " + cmd)...).(map[string]any)["a"].([]any)
		if len(reply)-1 != want {
			t.Errorf("%s: %d rows, want %d", cmd, len(reply)-1, want)
		}
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
		go func() { done <- searchRandomly(c, n) }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	c.expect("FT.SEARCH i * LIMIT 0 0", `{"a":[{"i":50}]}`)
	c.expect("FT.SEARCH h * LIMIT 0 0", `{"a":[{"i":50}]}`)
}

func searchRandomly(c *testClient, n int) error {
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
