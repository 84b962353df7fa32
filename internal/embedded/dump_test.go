package embedded

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

const badPayload = `{"e":"ERR DUMP payload version or checksum are wrong"}`

// dumpCases are values of every type. The read command must answer the same for
// a copy under another key.
var dumpCases = []struct{ name, create, read string }{
	{"string", "SET k value", "GET k"},
	{"empty string", "SETRANGE k 0 x;SET k ''", "STRLEN k"},
	{"hash", "HSET k a 1 b 2", "HGETALL k"},
	{"list", "RPUSH k a b a", "LRANGE k 0 -1"},
	{"set", "SADD k a b", "SMEMBERS k"},
	{"sorted set", "ZADD k 1.5 a -inf b 3 c", "ZRANGE k 0 -1 WITHSCORES"},
	{"stream", "XADD k 1-1 f v;XADD k 2-1 f w;XDEL k 1-1", "XINFO STREAM k"},
	{"stream entries", "XADD k 1-1 f v g w;XADD k 2-1 f w", "XRANGE k - +"},
	{"consumer group", "XADD k 1-1 f v;XADD k 2-1 f w;XGROUP CREATE k g 0;XREADGROUP GROUP g alice COUNT 1 STREAMS k >", "XPENDING k g"},
	{"group info", "XADD k 1-1 f v;XGROUP CREATE k g 0;XGROUP CREATE k h 5;XREADGROUP GROUP g alice STREAMS k >", "XINFO GROUPS k"},
	{"document", `JSON.SET k $ {"a":[1,2.5,"x"],"b":null}`, "JSON.GET k"},
	{"series", "TS.CREATE k RETENTION 5000 CHUNK_SIZE 128 ENCODING UNCOMPRESSED DUPLICATE_POLICY SUM IGNORE 3 0.5 LABELS host a core 0;TS.MADD k 1 1.5 k 7 -3", "TS.INFO k"},
	{"samples", "TS.ADD k 1 1.5;TS.ADD k 1000000000000 2;TS.ADD k 500 3", "TS.RANGE k - +"},
	{"empty series", "TS.CREATE k", "TS.RANGE k - +"},
}

func runLines(c *resptest.Client, commands string) {
	for _, command := range strings.Split(commands, ";") {
		c.Line(command)
	}
}

func rekeyed(command, key string) string {
	words := strings.Fields(command)
	for i, w := range words {
		if w == "k" {
			words[i] = key
		}
	}
	return strings.Join(words, " ")
}

// dump returns the payload of a key.
func dump(t *testing.T, c *resptest.Client, key string) string {
	t.Helper()
	payload, ok := c.Do("DUMP", key).(map[string]any)["b"].(string)
	if !ok {
		t.Fatalf("no payload of %s", key)
	}
	return payload
}

func TestDumpedAndCopiedValuesAreEqual(t *testing.T) {
	for _, x := range dumpCases {
		t.Run(x.name, func(t *testing.T) {
			s := start(t, Config{})
			c := dial(t, s)
			runLines(c, x.create)
			want := c.Line(x.read)
			payload := dump(t, c, "k")
			c.ExpectArgs(resptest.OK, "RESTORE", "r", "0", payload)
			c.Expect("COPY k c", `{"i":1}`)
			c.Expect("COPY k k DB 3", `{"i":1}`)
			for _, key := range []string{"r", "c"} {
				c.Expect("TYPE "+key, c.Line("TYPE k"))
				if got := c.Line(rekeyed(x.read, key)); got != want {
					t.Errorf("%s\n got %s\nwant %s", key, got, want)
				}
			}
			c.Line("DEL k") // the others are independent of it
			c.Line("RENAME r k")
			c.Expect(x.read, want)
			c.Line("SELECT 3")
			c.Expect(x.read, want)
			c.Line("FLUSHALL")
			if st := s.Stats(); st.Bytes != 0 || st.Samples != 0 || st.Series != 0 || st.Documents != 0 {
				t.Errorf("not empty: %+v", st)
			}
		})
	}
}

func TestRestoreArguments(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.Line("SET k v")
	payload := dump(t, c, "k")
	c.Expect("DUMP nokey", `{"nil":true}`)
	c.ExpectArgs(`{"e":"BUSYKEY Target key name already exists."}`, "RESTORE", "k", "0", payload)
	c.ExpectArgs(`{"e":"ERR Invalid TTL value, must be >= 0"}`, "RESTORE", "x", "-1", payload)
	c.ExpectArgs(`{"e":"ERR value is not an integer or out of range"}`, "RESTORE", "x", "soon", payload)
	c.ExpectArgs(`{"e":"ERR syntax error"}`, "RESTORE", "x", "0", payload, "FOO")
	c.ExpectArgs(`{"e":"ERR Invalid IDLETIME value, must be >= 0"}`, "RESTORE", "x", "0", payload, "IDLETIME", "-1")
	c.ExpectArgs(`{"e":"ERR Invalid FREQ value, must be >= 0 and <= 255"}`, "RESTORE", "x", "0", payload, "FREQ", "256")
	c.ExpectArgs(resptest.OK, "RESTORE", "x", "100000", payload, "IDLETIME", "5")
	c.Expect("TTL x", `{"i":100}`)
	c.ExpectArgs(resptest.OK, "RESTORE", "x", strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10), payload, "REPLACE", "ABSTTL")
	c.Expect("TTL x", `{"i":3600}`)
	c.ExpectArgs(resptest.OK, "RESTORE", "x", "0", payload, "replace")
	c.Expect("TTL x", `{"i":-1}`)
	c.ExpectArgs(resptest.OK, "RESTORE", "x", "1", payload, "REPLACE", "ABSTTL") // in the past
	c.Expect("EXISTS x", `{"i":0}`)
	c.Line("TS.ADD series 1 1")
	c.ExpectArgs(resptest.OK, "RESTORE", "series", "0", payload, "REPLACE")
	c.Expect("GET series", `{"b":"v"}`)
}

func TestBadPayloadsAreRefused(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.Line("SET k value")
	payload := dump(t, c, "k")
	for i := range payload {
		changed := []byte(payload)
		changed[i]++
		c.ExpectArgs(badPayload, "RESTORE", "x", "0", string(changed))
		c.ExpectArgs(badPayload, "RESTORE", "x", "0", payload[:i])
	}
	c.ExpectArgs(badPayload, "RESTORE", "x", "0", "\x00\x01v\x0b\x00\x1d\x9f\x13\x1e\xcd\xf7\x6b\x33") // like one of Redis
	const badFormat = `{"e":"ERR Bad data format"}`
	for _, body := range []string{
		"?", "s", "s\x05abc", "s\x01abc", "h\x00", "h\x01\x01a", "l\x00", "u\x00", "z\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f", "j\x01{", "j\x00", "l\xff\xff\xff\xff\x0f",
		"t", "x\x00\x00\x00\x01\x00\x00\x02\x01a\x01b", "x\x01\x00\x00\x00\xff\x01",
	} {
		c.ExpectArgs(badFormat, "RESTORE", "x", "0", sealPayload([]byte(body)))
	}
	c.Expect("DBSIZE", `{"i":1}`)
}

// sealPayload adds version and checksum to a body.
func sealPayload(body []byte) string {
	payload := binary.LittleEndian.AppendUint16(append([]byte(nil), body...), 0xFE01)
	return string(binary.LittleEndian.AppendUint64(payload, crc64.Checksum(payload, crc64.MakeTable(crc64.ECMA))))
}

func TestCopiesRespectLimits(t *testing.T) {
	c := dial(t, start(t, Config{MaxSeries: 1, MaxSamples: 10, MaxDocuments: 1, MaxObjectBytes: 1 << 20}))
	c.Line("TS.ADD series 1 1")
	c.Line("JSON.SET document $ 1")
	c.ExpectArgs(resptest.OK, "SET", "string", strings.Repeat("x", 600_000))
	for _, key := range []string{"series", "document", "string"} {
		payload := dump(t, c, key)
		if got := resptest.Show(c.Do("COPY", key, "other")); !strings.HasPrefix(got, `{"e":"OOM `) {
			t.Errorf("COPY of %s: %s", key, got)
		}
		if got := resptest.Show(c.Do("RESTORE", "other", "0", payload)); !strings.HasPrefix(got, `{"e":"OOM `) {
			t.Errorf("RESTORE of %s: %s", key, got)
		}
	}
	c.Expect("DBSIZE", `{"i":3}`)
	c.Line("DEL series")
	c.Line("TS.CREATE series")
	for ts := range 10 {
		c.Line(fmt.Sprintf("TS.ADD series %d 1", ts))
	}
	payload := dump(t, c, "series")
	c.Line("TS.DEL series 0 4")
	if got := resptest.Show(c.Do("RESTORE", "series", "0", payload, "REPLACE")); !strings.HasPrefix(got, `{"e":"OOM `) {
		t.Errorf("RESTORE of too many samples: %s", got)
	}
}

// TestSmallElementsAreBounded restores values whose elements take far more memory
// than their bytes in the payload.
func TestSmallElementsAreBounded(t *testing.T) {
	s := start(t, Config{MaxLabelBytes: 1 << 20})
	c := dial(t, s)
	const count = 10_000_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, head := range []string{"l", "u", "t\x00\x80\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00"} {
		body := binary.AppendUvarint([]byte(head), count)
		body = append(body, make([]byte, 2*count)...)
		if got := resptest.Show(c.Do("RESTORE", "k", "0", sealPayload(body))); got != resptest.OOM {
			t.Errorf("%q is answered %s", head, got)
		}
	}
	runtime.ReadMemStats(&after)
	if grew := after.TotalAlloc - before.TotalAlloc; grew > 1<<30 {
		t.Errorf("%d MiB were allocated", grew>>20)
	}
}

// TestHugeValuesAreNotDumped covers values that RESTORE could not receive.
func TestHugeValuesAreNotDumped(t *testing.T) {
	c := dial(t, start(t, Config{MaxObjectBytes: 256 << 20}))
	for i := range 5 {
		c.Do("RPUSH", "k", strings.Repeat(strconv.Itoa(i), 8<<20))
	}
	c.Expect("DUMP k", resptest.Error("ERR the reply would be too large, ask for less at once"))
}

// TestRenamedSeriesKeepTheirRules: the rules follow both ends, and queries find
// the new keys.
func TestRenamedSeriesKeepTheirRules(t *testing.T) {
	c := dial(t, start(t, Config{}))
	runLines(c, "TS.CREATE raw LABELS kind raw;TS.CREATE sums LABELS kind sums;TS.CREATERULE raw sums AGGREGATION sum 10;TS.MADD raw 1 1 raw 5 2 raw 12 3")
	runLines(c, "RENAME raw source;RENAME sums dest")
	c.Expect("EXISTS raw sums", `{"i":0}`)
	c.Expect("TS.QUERYINDEX kind=(raw,sums)", `{"a":[{"b":"dest"},{"b":"source"}]}`)
	c.Expect("TS.ADD source 21 5", `{"i":21}`)
	c.Expect("TS.RANGE dest - +", `{"a":[{"a":[{"i":0},{"s":"3"}]},{"a":[{"i":10},{"s":"3"}]}]}`)
	if info := c.Line("TS.INFO source"); !strings.Contains(info, `{"s":"rules"},{"a":[{"a":[{"b":"dest"},{"i":10},{"s":"SUM"},{"i":0}]}]}`) {
		t.Errorf("source: %s", info)
	}
	if info := c.Line("TS.INFO dest"); !strings.Contains(info, `{"s":"sourceKey"},{"b":"source"}`) {
		t.Errorf("destination: %s", info)
	}
	c.Expect("TS.DELETERULE source dest", resptest.OK)
	runLines(c, "TS.CREATERULE source dest AGGREGATION sum 10;RENAME source dest") // onto the end of its own rule
	if info := c.Line("TS.INFO dest"); !strings.Contains(info, `{"s":"rules"},{"a":[]}`) || !strings.Contains(info, `{"s":"sourceKey"},{"nil":true}`) {
		t.Errorf("after a rename onto the destination: %s", info)
	}
	c.Expect("TS.GET dest", `{"a":[{"i":21},{"s":"5"}]}`)
}

// TestCopiedSeriesHasNoRules: neither as the source nor as the destination.
func TestCopiedSeriesHasNoRules(t *testing.T) {
	c := dial(t, start(t, Config{}))
	runLines(c, "TS.CREATE raw LABELS kind raw;TS.CREATE sums;TS.CREATERULE raw sums AGGREGATION sum 10;TS.MADD raw 1 1 raw 12 3")
	runLines(c, "COPY raw raw2;COPY sums sums2")
	for _, key := range []string{"raw2", "sums2"} {
		if info := c.Line("TS.INFO " + key); !strings.Contains(info, `{"s":"sourceKey"},{"nil":true},{"s":"rules"},{"a":[]}`) {
			t.Errorf("%s: %s", key, info)
		}
	}
	c.Expect("TS.QUERYINDEX kind=raw", `{"a":[{"b":"raw"},{"b":"raw2"}]}`)
	c.Expect("TS.ADD raw2 50 1", `{"i":50}`)
	c.Expect("TS.GET raw", `{"a":[{"i":12},{"s":"3"}]}`)
	c.Expect("TS.RANGE sums - +", `{"a":[{"a":[{"i":0},{"s":"1"}]}]}`)
	c.Expect("COPY raw2 sums", `{"i":0}`)
	c.Expect("COPY raw2 sums REPLACE", `{"i":1}`)
	c.Expect("TS.ADD raw 100 1", `{"i":100}`) // its rule went with the old sums
	c.Expect("TS.GET sums", `{"a":[{"i":50},{"s":"1"}]}`)
}

func TestIndexesFollowCopiesAndRestores(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.Line("FT.CREATE docs ON JSON PREFIX 1 d: SCHEMA $.a AS a TAG")
	c.Line("FT.CREATE hashes PREFIX 1 h: SCHEMA a TAG")
	runLines(c, `JSON.SET d:1 $ {"a":"x"};HSET h:1 a x`)
	runLines(c, "COPY d:1 d:2;COPY h:1 h:2;COPY d:1 other DB 1")
	c.ExpectArgs(resptest.OK, "RESTORE", "d:3", "0", dump(t, c, "d:1"))
	c.ExpectArgs(resptest.OK, "RESTORE", "h:3", "0", dump(t, c, "h:1"))
	c.Expect("FT.SEARCH docs @a:{x} NOCONTENT", `{"a":[{"i":3},{"b":"d:1"},{"b":"d:2"},{"b":"d:3"}]}`)
	c.Expect("FT.SEARCH hashes @a:{x} NOCONTENT", `{"a":[{"i":3},{"b":"h:1"},{"b":"h:2"},{"b":"h:3"}]}`)
	c.ExpectArgs(resptest.OK, "RESTORE", "h:3", "0", dump(t, c, "d:1"), "REPLACE")
	c.Expect("FT.SEARCH hashes @a:{x} NOCONTENT", `{"a":[{"i":2},{"b":"h:1"},{"b":"h:2"}]}`)
}

// FuzzRestore restores any body of a payload. What is accepted must survive
// another DUMP and RESTORE.
func FuzzRestore(f *testing.F) {
	s := newServer(Config{MaxObjectBytes: 64 << 20})
	c := newConn(s, nil, 1)
	run := func(words ...string) string {
		c.Out.Reset()
		args := make([][]byte, len(words))
		for i, w := range words {
			args[i] = []byte(w)
		}
		c.handle(args)
		return string(c.Out.Bytes())
	}
	for _, x := range dumpCases {
		for _, command := range strings.Split(x.create, ";") {
			run(strings.Fields(command)...)
		}
		_, payload, _ := strings.Cut(run("DUMP", "k"), "\r\n")
		f.Add([]byte(payload[:len(payload)-len("\r\n")-10]))
		run("DEL", "k")
	}
	reads := map[string][]string{
		"string": {"GET k"}, "hash": {"HGETALL k"}, "list": {"LRANGE k 0 -1"}, "set": {"SMEMBERS k"}, "zset": {"ZRANGE k 0 -1 WITHSCORES"},
		"stream": {"XRANGE k - +", "XINFO STREAM k", "XINFO GROUPS k"}, "ReJSON-RL": {"JSON.GET k"}, "TSDB-TYPE": {"TS.RANGE k - +", "TS.INFO k"},
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if run("RESTORE", "k", "0", sealPayload(body)) != "+OK\r\n" {
			return
		}
		kind := strings.TrimSuffix(run("TYPE", "k")[1:], "\r\n")
		var want []string
		for _, read := range reads[kind] {
			want = append(want, run(strings.Fields(read)...))
		}
		if want == nil {
			t.Fatalf("restored a %q", kind)
		}
		head, payload, _ := strings.Cut(run("DUMP", "k"), "\r\n")
		if got := run("RESTORE", "k", "0", strings.TrimSuffix(payload, "\r\n"), "REPLACE"); got != "+OK\r\n" {
			t.Fatalf("a dump of %s bytes is refused: %s", head, got)
		}
		for i, read := range reads[kind] {
			if got := run(strings.Fields(read)...); got != want[i] {
				t.Errorf("%s\n got %q\nwant %q", read, got, want[i])
			}
		}
		run("DEL", "k")
		if s.Stats().Bytes != 0 {
			t.Errorf("not empty: %+v", s.Stats())
		}
	})
}
