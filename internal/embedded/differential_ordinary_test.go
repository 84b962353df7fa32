package embedded

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// TestOrdinaryKeysLikeRedis sends the same random commands on the basic types
// to the embedded server and to a redis-server. The replies must be equal.
func TestOrdinaryKeysLikeRedis(t *testing.T) {
	servicetest.RequireCommands(t, "redis-server", "redis-server")
	d := servicetest.New(t)
	d.Args = []string{"redis-server", "--port", "$PORT", "--save", "", "--bind", "127.0.0.1"}
	d.Run()
	pair := serverPair{
		theirs: newRival(t, d.Addr()),
		ours:   newRival(t, start(t, Config{}).Addr()),
		sweep:  [][]string{{"DISCARD"}, {"UNWATCH"}, {"FLUSHALL"}},
		same:   sameOrdinaryReply,
	}
	pair.compare(t, func(seed uint64) [][]string { return ordinarySequence(rand.New(rand.NewPCG(seed, 3))) })
}

// sameOrdinaryReply ignores the order of elements where Redis has none, and
// which of several errors is answered.
func sameOrdinaryReply(words []string, a, b []byte) bool {
	switch {
	case bytes.Equal(a, b), words[0] == "HELLO", a[0] == '-' && b[0] == '-':
		return true
	case slices.Contains([]string{"HGETALL", "HKEYS", "HVALS", "SMEMBERS", "SUNION", "SINTER", "SDIFF", "KEYS", "SCAN", "HSCAN", "SSCAN", "EXEC"}, words[0]):
		return gocmp.Equal(sortedBytes(a), sortedBytes(b))
	}
	return false
}

// sortedBytes is for replies whose elements have no order.
func sortedBytes(raw []byte) []string {
	lines := strings.Split(string(raw), "\r\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "-ERR") || strings.HasPrefix(line, "-WRONGTYPE") {
			lines[i] = "-"
		}
	}
	slices.Sort(lines)
	return lines
}

func ordinarySequence(r *rand.Rand) [][]string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	list := [][]string{{"HELLO", pick("2", "3")}}
	for range 20 + r.IntN(60) {
		template := strings.Fields(pick(ordinaryTemplates()...))
		for i, w := range template {
			template[i] = ordinaryWord(r, pick, w)
		}
		switch n := r.IntN(30); {
		case strings.HasSuffix(template[0], "SCAN"): // Redis does not check the options for a missing key
		case template[0] == "XGROUP": // in MULTI Redis also checks the arity of subcommands
		case n == 0:
			template = template[:max(1, len(template)-1)]
		case n == 1:
			template = append(template, pick("x", "5", "GET"))
		}
		list = append(list, template)
	}
	return append(list, []string{"DISCARD"})
}

// ordinaryWord replaces the placeholders of a template: K is a key, V a value,
// N a number, M a smaller number, S a score, B a bound of scores, I an ID, E a
// time to live.
func ordinaryWord(r *rand.Rand, pick func(...string) string, w string) string {
	switch w {
	case "K":
		return pick("a", "a", "b", "b", "c", "d", "e")
	case "V":
		return pick("x", "y", "z", "hello", "", "10", "-7", "1.5", "w"+strconv.Itoa(r.IntN(20)))
	case "N":
		return pick("0", "1", "2", "3", "5", "-1", "-2", "-100", "100", "x", "9223372036854775807", "-9223372036854775808")
	case "M": // small enough for INCRBYFLOAT, which Redis computes with more digits
		return pick("0", "1", "-3", "1000", "x")
	case "S":
		return pick("0", "1", "2", "-1", "1.5", "inf", "-inf", "1e3", "x")
	case "B":
		return pick("-inf", "+inf", "1", "(1", "2", "(0", "1.5", "x")
	case "I":
		return pick("1-1", "2-0", "5-5", "7", "9-*", "100-1", "0-0", "x")
	case "R":
		return pick("-", "+", "1-1", "(1-1", "5", "100-1", "x")
	case "P":
		return pick("*", "a*", "?", "[ab]", "x")
	case "E":
		return pick("100000", "100000", "100000", "0", "-5", "x")
	}
	return w
}

func ordinaryTemplates() []string {
	return strings.Split(strings.TrimSpace(`
SET K V
SET K V NX
SET K V XX GET
SET K V EX E
SET K V PX E NX
SET K V KEEPTTL
SETNX K V
SETEX K E V
PSETEX K E V
GET K
GETSET K V
GETDEL K
GETEX K EX E
GETEX K PERSIST
MGET K K K
MSET K V K V
MSETNX K V K V
APPEND K V
STRLEN K
INCR K
DECR K
INCRBY K M
DECRBY K M
INCRBYFLOAT K S
GETRANGE K N N
SETRANGE K 3 V
SETBIT K 9 1
GETBIT K 9
BITCOUNT K
BITCOUNT K N N
HSET K V V
HSET K V V V V
HMSET K V V
HSETNX K V V
HGET K V
HMGET K V V
HGETALL K
HKEYS K
HVALS K
HLEN K
HDEL K V V
HEXISTS K V
HSTRLEN K V
HINCRBY K V M
HSCAN K 0
LPUSH K V V
RPUSH K V V
LPUSHX K V
RPUSHX K V
LPOP K
RPOP K
LPOP K N
LLEN K
LRANGE K N N
LINDEX K N
LSET K N V
LREM K N V
LTRIM K N N
LINSERT K BEFORE V V
LINSERT K AFTER V V
LMOVE K K LEFT RIGHT
RPOPLPUSH K K
SADD K V V
SREM K V
SMEMBERS K
SCARD K
SISMEMBER K V
SMISMEMBER K V V
SMOVE K K V
SUNION K K
SINTER K K
SDIFF K K
SUNIONSTORE K K K
SINTERSTORE K K K
SDIFFSTORE K K K
SSCAN K 0
ZADD K S V
ZADD K S V S V
ZADD K NX S V
ZADD K XX CH S V
ZADD K GT S V
ZADD K LT CH S V
ZADD K INCR S V
ZADD K NX XX S V
ZINCRBY K S V
ZREM K V V
ZSCORE K V
ZMSCORE K V V
ZCARD K
ZCOUNT K B B
ZRANK K V
ZREVRANK K V
ZRANGE K N N
ZRANGE K N N WITHSCORES
ZRANGE K N N REV
ZRANGE K B B BYSCORE
ZRANGE K B B BYSCORE REV WITHSCORES
ZRANGE K B B BYSCORE LIMIT N N
ZREVRANGE K N N
ZRANGEBYSCORE K B B
ZRANGEBYSCORE K B B WITHSCORES LIMIT N N
ZREVRANGEBYSCORE K B B
ZPOPMIN K
ZPOPMAX K
ZPOPMIN K N
ZREMRANGEBYRANK K N N
ZREMRANGEBYSCORE K B B
XADD K I V V
XADD K NOMKSTREAM I V V
XADD K MAXLEN 2 I V V
XADD K MINID = 5 I V V
XLEN K
XRANGE K R R
XRANGE K R R COUNT N
XREVRANGE K R R
XDEL K I
XTRIM K MAXLEN 1
XTRIM K MINID 5
XREAD STREAMS K I
XREAD COUNT 1 STREAMS K K 0 0
XGROUP CREATE K g $ MKSTREAM
XGROUP CREATE K g I
XGROUP DESTROY K g
XGROUP CREATECONSUMER K g V
XGROUP DELCONSUMER K g V
XREADGROUP GROUP g one COUNT 2 STREAMS K >
XREADGROUP GROUP g two STREAMS K >
XREADGROUP GROUP g one STREAMS K 0
XREADGROUP GROUP g one NOACK STREAMS K >
XACK K g I I
XPENDING K g
DEL K
UNLINK K K
EXISTS K K
TYPE K
RENAME K K
RENAMENX K K
COPY K K
COPY K K REPLACE
EXPIRE K E
EXPIRE K E NX
TTL K
PERSIST K
KEYS P
SCAN 0 MATCH P
DBSIZE
ECHO V
MULTI
EXEC
DISCARD
WATCH K
UNWATCH
BLPOP K 0.001
BRPOP K K 0.001
PUBLISH K V
PUBSUB NUMSUB K
SELECT 0
PING
PING V
WAIT 0 0`), "\n")
}
