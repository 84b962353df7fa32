package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

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
