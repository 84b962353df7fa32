package embedded

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

// TestScriptsAreUnknown guards against an interpreter, which could read files
// and run forever.
func TestScriptsAreUnknown(t *testing.T) {
	c := dial(t, start(t, Config{}))
	for _, name := range []string{"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "SCRIPT", "FUNCTION", "FCALL", "FCALL_RO", "DEBUG", "MODULE LOAD"} {
		if got := c.Line(name + " x 0"); !strings.Contains(got, "ERR unknown ") {
			t.Errorf("%s: %s", name, got)
		}
		c.Line("MULTI")
		c.Line(name + " x 0")
		c.Line("EXEC")
	}
}

// liveHeap returns the live memory of this process.
func liveHeap() int64 {
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return int64(mem.HeapAlloc)
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
			s := start(t, Config{MaxObjectBytes: limit})
			c := dial(t, s)
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

// TestReplacedValueCountsOnce replaces a value of a full server by one of the
// same size.
func TestReplacedValueCountsOnce(t *testing.T) {
	c := dial(t, start(t, Config{MaxObjectBytes: 1 << 20}))
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
}

// TestEmptiedValuesGiveMemoryBack fills and empties one key after another. The
// memory must not add up, although Go's maps keep that of their largest size.
func TestEmptiedValuesGiveMemoryBack(t *testing.T) {
	s := start(t, Config{MaxObjectBytes: 8 << 20})
	c := dial(t, s)
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

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()
}

// TestRepliesDoNotWaitForHalfACommand sends half of a second command, as a slow
// link does.
func TestRepliesDoNotWaitForHalfACommand(t *testing.T) {
	c := dial(t, start(t, Config{}))
	_ = c.Conn.SetDeadline(time.Now().Add(30 * time.Second))
	c.SendRaw("PING\r\nTS.ADD a 1 1\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhe")
	for _, want := range []string{`{"s":"PONG"}`, `{"i":1}`} {
		if got := resptest.Show(c.Read()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	c.SendRaw("llo\r\n")
	if got := resptest.Show(c.Read()); got != `{"b":"hello"}` {
		t.Error(got)
	}
}

// TestHugeRepliesAreRefused sends a short command with a reply that exceeds the
// memory.
func TestHugeRepliesAreRefused(t *testing.T) {
	s := start(t, Config{MaxClientBytes: 16 << 20})
	c, other := dial(t, s), dial(t, s)
	c.Do("SET", "k", strings.Repeat("v", 1<<20))
	c.Send(append([]string{"MGET"}, strings.Fields(strings.Repeat("k ", 1000))...)...)
	if said, _ := io.ReadAll(c.Reader); len(said) > 0 {
		t.Errorf("%d bytes of a reply that was too large", len(said))
	}
	other.Expect("PING", `{"s":"PONG"}`)
	for s.Stats().Clients > 1 { // until the first client is gone
	}
	if n := s.clientMemory.Used(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

// TestIncompleteCommandsAreBounded sends half of a large command on several
// connections. The bound holds for all of them together.
func TestIncompleteCommandsAreBounded(t *testing.T) {
	s := start(t, Config{MaxClientBytes: 8 << 20})
	half := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$30000000\r\n" + strings.Repeat("v", 2<<20)
	refused := 0
	var waiting []*resptest.Client
	for range 8 {
		c := dial(t, s)
		waiting = append(waiting, c)
		c.SendRaw(half)
	}
	for refused < 4 && s.clientMemory.Used() <= s.clientMemory.Max() {
		refused = 8 - s.Stats().Clients
	}
	if n := s.clientMemory.Used(); n > s.clientMemory.Max() {
		t.Errorf("%d bytes reserved of %d", n, s.clientMemory.Max())
	}
	said := make([]byte, 0, 100)
	for _, c := range waiting {
		c.Conn.(*net.TCPConn).CloseWrite()
		b, _ := io.ReadAll(c.Reader)
		said = append(said, b...)
	}
	if !strings.Contains(string(said), "too much memory in the buffers of all clients") {
		t.Errorf("said %q", said)
	}
	dial(t, s).Expect("PING", `{"s":"PONG"}`)
}

// TestSubscriberThatDoesNotRead expects that the server disconnects it and
// frees its messages.
func TestSubscriberThatDoesNotRead(t *testing.T) {
	s := start(t, Config{})
	sub, c := dial(t, s), dial(t, s)
	sub.Line("SUBSCRIBE news")
	message := strings.Repeat("m", 1<<20)
	for i := 0; resptest.Show(c.Do("PUBLISH", "news", message)) != `{"i":0}`; i++ {
		if i > 1000 {
			t.Fatal("it is still subscribed")
		}
	}
	for s.clientMemory.Used() > 0 {
	}
}

// TestQueuesAndWatchesAreBounded also shows that a transaction beyond the
// bounds does not run.
func TestQueuesAndWatchesAreBounded(t *testing.T) {
	c := dial(t, start(t, Config{MaxClientBytes: 4 << 20}))
	c.Line("MULTI")
	long := strings.Repeat("v", 100_000)
	for i := 0; resptest.Show(c.Do("SET", "k", long)) != resptest.OOM; i++ {
		if i > 100 {
			t.Fatal("no end")
		}
	}
	c.Expect("EXEC", `{"e":"EXECABORT Transaction discarded because of previous errors."}`)
	if got := resptest.Show(c.Do(append([]string{"WATCH"}, strings.Fields(numbers(4096+1))...)...)); got != resptest.OOM {
		t.Error(got)
	}
	c.Line("MULTI")
	c.Expect("EXEC", `{"nil":true}`)
	if got := resptest.Show(c.Do(append([]string{"SUBSCRIBE"}, strings.Fields(numbers(maxSubscriptions+1))...)...)); !strings.Contains(got, "subscribe") {
		t.Error(got)
	}
}

func TestPatternsAreBounded(t *testing.T) {
	c := dial(t, start(t, Config{}))
	pattern := strings.Repeat("*a", 1000)
	for _, cmd := range []string{"KEYS " + pattern, "SCAN 0 MATCH " + pattern, "HSCAN h 0 MATCH " + pattern, "PSUBSCRIBE " + pattern, "PUBSUB CHANNELS " + pattern} {
		c.Expect(cmd, `{"e":"ERR pattern is too long"}`)
	}
}

// TestLabelsAreBounded covers the text of labels, which the limit on series
// does not bound.
func TestLabelsAreBounded(t *testing.T) {
	s := start(t, Config{MaxLabelBytes: 1 << 20})
	c := dial(t, s)
	long := strings.Repeat("v", 100_000)
	n := 0
	for resptest.Show(c.Do("TS.CREATE", fmt.Sprint("s", n), "LABELS", "a", long)) == resptest.OK {
		n++
	}
	if n != 10 {
		t.Errorf("%d series of 100 kB, want 10 in 1 MiB", n)
	}
	c.Expect("TS.ADD s1 1 1", `{"i":1}`)
	c.Expect("TS.ALTER s1 LABELS a b", resptest.OK)
	if got := resptest.Show(c.Do("TS.ALTER", "s2", "LABELS", "a", long, "b", long, "c", long)); got != resptest.OOM {
		t.Error(got)
	}
	c.Line("DEL s0 s1")
	c.Expect("TS.CREATE again LABELS a b", resptest.OK)
	c.Line("FLUSHALL")
	if n := s.series.Usage().LabelBytes; n != 0 {
		t.Errorf("%d bytes of labels left", n)
	}
}

func TestIPv4AddressMeansIPv4(t *testing.T) {
	s, err := Listen("0.0.0.0:0", Config{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Addr())
	if c, err := net.Dial("tcp", net.JoinHostPort("::1", port)); err == nil {
		c.Close()
		t.Error("listens on IPv6 too")
	}
}

func TestReachableAddressNeedsPassword(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		if s, err := Listen(addr, Config{}); !errors.Is(err, ErrExposed) {
			t.Errorf("%s: %v", addr, err)
			if err == nil {
				s.Close()
			}
		}
		s, err := Listen(addr, Config{Password: "p"})
		if err != nil {
			t.Errorf("%s with a password: %v", addr, err)
			continue
		}
		s.Close()
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0"} {
		s, err := Listen(addr, Config{})
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		s.Close()
	}
}

// TestDeletedSamplesGiveMemoryBack leaves one sample in each chunk, which must
// not keep the size of a full one.
func TestDeletedSamplesGiveMemoryBack(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.Line("TS.CREATE a")
	const chunks, chunkFull, sampleBytes = 200, 128, 16
	for i := range chunks {
		words := []string{"TS.MADD"}
		for ts := range chunkFull {
			words = append(words, "a", fmt.Sprint(i*chunkFull+ts), fmt.Sprint(i))
		}
		c.Do(words...)
	}
	for i := range chunks {
		c.Line(fmt.Sprintf("TS.DEL a %d %d", i*chunkFull+1, (i+1)*chunkFull-1))
	}
	if st := s.Stats(); st.Samples != chunks || st.Bytes-s.series.Usage().FreeBytes > chunks*sampleBytes*5 {
		t.Errorf("%d samples take %d bytes", st.Samples, st.Bytes)
	}
	for i := range chunks { // the right samples are left, and more can be added
		c.Expect(fmt.Sprintf("TS.RANGE a %d %d", i*chunkFull, i*chunkFull+5), fmt.Sprintf(`{"a":[{"a":[{"i":%d},{"s":"%d"}]}]}`, i*chunkFull, i))
		c.Expect(fmt.Sprintf("TS.ADD a %d 5", i*chunkFull+2), fmt.Sprintf(`{"i":%d}`, i*chunkFull+2))
	}
	c.Expect("TS.RANGE a - + AGGREGATION count 1000000", fmt.Sprintf(`{"a":[{"a":[{"i":0},{"s":"%d"}]}]}`, 2*chunks))
}

// TestDefinitionsAreBounded covers the arguments of FT.CREATE, which an index
// keeps.
func TestDefinitionsAreBounded(t *testing.T) {
	c := dial(t, start(t, Config{}))
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
	c := dial(t, start(t, Config{}))
	for _, words := range []string{"x SCHEMA t TEXT", "x y z", "ON HASH x SCHEMA t TEXT", "STOPWORDS 0 x SCHEMA t TEXT"} {
		c.Expect("FT.CREATE i "+words, `{"e":"Unknown argument `+"`x`"+`"}`)
	}
}

// TestOneDocumentManyTimes names a large document many times, which is a short
// request with much work.
func TestOneDocumentManyTimes(t *testing.T) {
	c := dial(t, start(t, Config{}))
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
