package datatypes_test

import (
	"github.com/rtcollector/rtcollector/internal/embedded/embeddedtest"

	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

// TestReplacedValueCountsOnce replaces a value of a full server by one of the
// same size.
func TestReplacedValueCountsOnce(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{MaxObjectBytes: 1 << 20})
	long := strings.Repeat("v", 800_000)
	for range 3 {
		if got := resptest.Show(c.Do("SET", "k", long)); got != resptest.OK {
			t.Error(got)
		}
	}
	if got := resptest.Show(c.Do("SET", "other", long)); got != resptest.OOM {
		t.Error(got)
	}
	c.Expect("EXISTS other", `{"i":0}`)
	if got := resptest.Show(c.Do("SET", "other", long, "GET")); got != resptest.OOM {
		t.Error(got)
	}
	c.Expect("PING", `{"s":"PONG"}`) // the command before had one reply
}

// TestEmptiedValuesGiveMemoryBack fills and empties one key after another. The
// memory must not add up, although Go's maps keep that of their largest size.
func TestEmptiedValuesGiveMemoryBack(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{MaxObjectBytes: 8 << 20})
	words := strings.Fields(numbers(20_000))
	before := liveHeap()
	for i := range 20 {
		for kind, commands := range map[string][2]string{"s": {"SADD", "SREM"}, "z": {"ZADD", "ZREM"}, "h": {"HSET", "HDEL"}, "l": {"RPUSH", "LTRIM"}} {
			key := fmt.Sprint(kind, i)
			switch kind {
			case "l":
				c.Do(append([]string{commands[0], key}, words...)...)
				c.Do(commands[1], key, "0", "0")
			case "s":
				c.Do(append([]string{commands[0], key}, words...)...)
				c.Do(append([]string{commands[1], key}, words[1:]...)...)
			default:
				c.Do(append([]string{commands[0], key}, words...)...) // pairs
				c.Do(append([]string{commands[1], key}, words[3:]...)...)
			}
		}
	}
	if got := c.Line("DBSIZE"); got != `{"i":80}` {
		t.Errorf("%s keys, want 80", got)
	}
	if grew := liveHeap() - before; grew > 8<<20 {
		t.Errorf("80 keys of an element or two take %d bytes", grew)
	}
}

func liveHeap() int64 {
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return int64(mem.HeapAlloc)
}

// numbers returns the numbers below n with blanks between them.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()
}

// TestOrdinaryKeysAreCapped fills the memory in every possible way. The
// estimate must not be below the real memory.
func TestOrdinaryKeysAreCapped(t *testing.T) {
	const limit = 2 << 20
	long := strings.Repeat("v", 10_000)
	for name, command := range map[string]func(i int) []string{
		"SET":              func(i int) []string { return []string{"SET", fmt.Sprint("k", i), "v"} },
		"SET of a lot":     func(i int) []string { return []string{"SET", fmt.Sprint("k", i), long} },
		"SET EX":           func(i int) []string { return []string{"SET", fmt.Sprint("k", i), "v", "EX", "1000"} },
		"MSET":             func(i int) []string { return []string{"MSET", fmt.Sprint("k", i), long, fmt.Sprint("l", i), ""} },
		"SETNX":            func(i int) []string { return []string{"SETNX", fmt.Sprint("k", i), ""} },
		"INCR":             func(i int) []string { return []string{"INCR", fmt.Sprint("k", i)} },
		"APPEND":           func(int) []string { return []string{"APPEND", "k", long} },
		"SETRANGE":         func(i int) []string { return []string{"SETRANGE", "k", fmt.Sprint(i * 1_000_000), "x"} },
		"SETRANGE at once": func(i int) []string { return []string{"SETRANGE", fmt.Sprint("k", i), "1500000", "x"} },
		"SETBIT":           func(i int) []string { return []string{"SETBIT", fmt.Sprint("k", i), "8000000", "1"} },
		"HSET":             func(i int) []string { return []string{"HSET", "h", fmt.Sprint(i), ""} },
		"HSET of a lot":    func(i int) []string { return []string{"HSET", "h", fmt.Sprint(i), long} },
		"HINCRBY":          func(i int) []string { return []string{"HINCRBY", "h", fmt.Sprint(i), "1"} },
		"LPUSH":            func(int) []string { return []string{"LPUSH", "l", "v"} },
		"RPUSH of many": func(int) []string {
			return append([]string{"RPUSH", "l"}, strings.Fields(strings.Repeat("v ", 1000))...)
		},
		"LINSERT":         func(int) []string { return []string{"LINSERT", "seed", "BEFORE", "v", long} },
		"SADD":            func(i int) []string { return []string{"SADD", "s", fmt.Sprint(i)} },
		"ZADD":            func(i int) []string { return []string{"ZADD", "z", "1", fmt.Sprint(i)} },
		"ZINCRBY":         func(i int) []string { return []string{"ZINCRBY", "z", "1", fmt.Sprint(i)} },
		"XADD":            func(int) []string { return []string{"XADD", "x", "*", "a", ""} },
		"COPY":            func(i int) []string { return []string{"COPY", "big", fmt.Sprint("copy", i)} },
		"COPY to another": func(i int) []string { return []string{"COPY", "big", fmt.Sprint("copy", i), "DB", "3"} },
		"SUNIONSTORE":     func(i int) []string { return []string{"SUNIONSTORE", fmt.Sprint("u", i), "set", "set"} },
		"RENAME":          func(i int) []string { return []string{"RENAME", fmt.Sprint("n", i), long + fmt.Sprint(i)} },
	} {
		t.Run(name, func(t *testing.T) {
			s, c := embeddedtest.Start(t, embedded.Config{MaxObjectBytes: limit})
			c.Do("SET", "big", long)
			c.Line("RPUSH seed v")
			c.Line("XGROUP CREATE x g $ MKSTREAM")
			c.Do(append([]string{"SADD", "set"}, strings.Fields("a b c d e f "+long)...)...)
			if name == "RENAME" {
				for i := range 2000 {
					c.Do("SET", fmt.Sprint("n", i), "")
				}
			}
			before := liveHeap()
			const batch = 50
			for i, full := 0, false; !full; i += batch {
				if i > 100_000 {
					t.Fatal("no end")
				}
				for k := range batch {
					c.Send(command(i + k)...)
				}
				for range batch {
					full = resptest.Show(c.Read()) == resptest.OOM || full
				}
			}
			st := s.Stats()
			if st.Ordinary > limit {
				t.Errorf("%d bytes counted, %d allowed", st.Ordinary, limit)
			}
			if grew := liveHeap() - before; grew > limit+1<<20 {
				t.Errorf("%d bytes counted, the heap grew by %d", st.Ordinary, grew)
			}
			if got := c.Line("STRLEN big"); got != `{"i":10000}` {
				t.Errorf("reading answers %s", got)
			}
			c.Line("FLUSHALL")
			if st := s.Stats(); st.Ordinary != 0 {
				t.Errorf("empty, and %d bytes", st.Ordinary)
			}
			c.Expect("SET k v", resptest.OK)
		})
	}
}
