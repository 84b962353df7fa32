package embedded

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

func TestCapsAnswerOOM(t *testing.T) {
	s := start(t, Config{MaxSeries: 2, MaxSamples: 3})
	c := dial(t, s)
	oom := `{"e":"OOM command not allowed when used memory > 'maxmemory'."}`
	c.Expect("TS.CREATE a", resptest.OK)
	c.Expect("TS.CREATE b", resptest.OK)
	noMore := `{"e":"OOM command not allowed when used memory > 'maxmemory': rtcollector's embedded server holds no more series; samples of existing ones are accepted"}`
	c.Expect("TS.CREATE c", noMore)
	c.Expect("TS.ADD c 1 1", noMore)
	c.Expect("TS.INCRBY c 1", noMore)
	// Existing series accept samples, also in a command that names a missing
	// one.
	c.Expect("TS.MADD a 1 1 c 1 1 a 2 2", `{"a":[{"i":1},{"e":"ERR TSDB: the key is not a TSDB key"},{"i":2}]}`)
	c.Expect("TS.ADD a 3 3 LABELS x y", `{"i":3}`)
	c.Expect("TS.ALTER a LABELS x y", resptest.OK)
	c.Expect("TS.QUERYINDEX x=y", `{"a":[{"b":"a"}]}`)
	// The series that gets a sample drops its own oldest one. A series without
	// samples gets an error.
	c.Expect("TS.ADD a 4 4", `{"i":4}`)
	c.Expect("TS.RANGE a - +", `{"a":[{"a":[{"i":2},{"s":"2"}]},{"a":[{"i":3},{"s":"3"}]},{"a":[{"i":4},{"s":"4"}]}]}`)
	c.Expect("TS.MADD b 1 1 a 5 5", `{"a":[`+oom+`,{"i":5}]}`)
	if st := s.Stats(); st.Series != 2 || st.Samples != 3 || st.Bytes == 0 || st.Clients != 1 {
		t.Errorf("stats %+v", st)
	}
	c.Line("DEL a")
	c.Expect("TS.CREATE c", resptest.OK)
	c.Expect("TS.ADD b 1 1", `{"i":1}`)
}

func TestSetErrorRefusesWrites(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.Line("TS.CREATE a")
	c.Line("MULTI")
	c.Line("TS.ADD a 1 1")
	s.SetError("LOADING Redis is loading the dataset in memory")
	want := `{"e":"LOADING Redis is loading the dataset in memory"}`
	c.Expect("EXEC", `{"a":[`+want+`]}`)
	for _, cmd := range []string{"TS.ADD a 1 1", "TS.MADD a 1 1", "TS.CREATE b", "TS.ALTER a RETENTION 1", "SET k v", "HSET h f v", "DEL a"} {
		c.Expect(cmd, want)
	}
	c.Expect("PING", `{"s":"PONG"}`)
	c.Expect("TS.RANGE a - +", `{"a":[]}`)
	c.Expect("GET k", `{"nil":true}`)
	s.SetError("")
	c.Expect("TS.ADD a 1 1", `{"i":1}`)
}

func TestFlushAllKeepsConnections(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.Line("TS.ADD a 1 1")
	c.Line("SET k v")
	s.FlushAll()
	c.Expect("DBSIZE", `{"i":0}`)
	c.Expect("TS.MADD a 2 2", `{"a":[{"e":"ERR TSDB: the key is not a TSDB key"}]}`)
	if st := s.Stats(); st.Series != 0 || st.Samples != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestKeysLiveInOneSpace(t *testing.T) {
	c := dial(t, start(t, Config{}))
	wrong := `{"e":"WRONGTYPE Operation against a key holding the wrong kind of value"}`
	c.Line("TS.ADD a 1 1")
	c.Line("SET str x")
	for _, cmd := range []string{"GET a", "HSET a f v", "LPUSH a x", "INCR a"} {
		c.Expect(cmd, wrong)
	}
	c.Expect("MGET a str", `{"a":[{"nil":true},{"b":"x"}]}`)
	c.Expect("SET a y NX", `{"nil":true}`)
	c.Expect("EXISTS a str nothing", `{"i":2}`)
	c.Expect("SCAN 0 MATCH a TYPE string", `{"a":[{"b":"0"},{"a":[]}]}`)
	c.Expect("RENAME a b", resptest.OK)
	c.Expect("TS.GET b", `{"a":[{"i":1},{"s":"1"}]}`)
	c.Expect("RENAME str b", resptest.OK)
	c.Expect("GET b", `{"b":"x"}`)
	c.Line("TS.ADD c 1 1")
	c.Expect("SET c z", resptest.OK)
	c.Expect("TYPE c", `{"s":"string"}`)
	c.Expect("DEL b c", `{"i":2}`)
	c.Expect("DBSIZE", `{"i":0}`)
}

func TestDatabasesAreApart(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.Line("TS.CREATE a LABELS x y")
	c.Line("SELECT 1")
	c.Expect("TS.QUERYINDEX x=y", `{"a":[]}`)
	c.Expect("TS.CREATE a", resptest.OK)
	c.Line("SET s 1")
	c.Expect("SELECT 16", `{"e":"ERR DB index is out of range"}`)
	c.Line("FLUSHDB")
	c.Expect("DBSIZE", `{"i":0}`)
	c.Line("SELECT 0")
	c.Expect("TS.QUERYINDEX x=y", `{"a":[{"b":"a"}]}`)
}

// TestSeriesExpire moves the server's clock instead of waiting.
func TestSeriesExpire(t *testing.T) {
	s := start(t, Config{})
	var now atomic.Int64 // Unix ms
	now.Store(1_700_000_000_000)
	s.store.SetClock(func() time.Time { return time.UnixMilli(now.Load()) })
	c := dial(t, s)
	c.Line("TS.ADD a 1 1 LABELS x y")
	c.Line("TS.ADD b 1 1 LABELS x y")
	c.Expect("PEXPIRE a 1500", `{"i":1}`)
	c.Expect("PTTL a", `{"i":1500}`)
	c.Expect("EXPIRE a 100 LT", `{"i":0}`)
	c.Expect("EXPIRE b 1", `{"i":1}`)
	c.Expect("PERSIST b", `{"i":1}`)
	now.Add(1499)
	c.Expect("TS.QUERYINDEX x=y", `{"a":[{"b":"a"},{"b":"b"}]}`)
	now.Add(1)
	c.Expect("TS.QUERYINDEX x=y", `{"a":[{"b":"b"}]}`)
	c.Expect("TS.MADD a 2 2", `{"a":[{"e":"ERR TSDB: the key is not a TSDB key"}]}`)
	c.Expect("DBSIZE", `{"i":1}`)
}

func TestOrdinaryKeysExpire(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.Line("SET k v EX 10")
	c.Expect("GET k", `{"b":"v"}`)
	s.advanceClock(11 * time.Second)
	c.Expect("GET k", `{"nil":true}`)
	c.Expect("DBSIZE", `{"i":0}`)
}

func TestTransactions(t *testing.T) {
	s := start(t, Config{})
	c, other := dial(t, s), dial(t, s)
	c.Line("TS.CREATE a")
	c.Expect("MULTI", resptest.OK)
	c.Expect("TS.MADD a 12 1 nokey 12 1", `{"s":"QUEUED"}`)
	c.Expect("SET k v", `{"s":"QUEUED"}`)
	c.Expect("BLPOP list 0", `{"s":"QUEUED"}`)
	other.Expect("TS.GET a", `{"a":[]}`)
	c.Expect("EXEC", `{"a":[{"a":[{"i":12},{"e":"ERR TSDB: the key is not a TSDB key"}]},{"s":"OK"},{"nil":true}]}`)
	c.Line("MULTI")
	c.Line("TS.ADD a")
	c.Expect("EXEC", `{"e":"EXECABORT Transaction discarded because of previous errors."}`)
	c.Line("WATCH k")
	other.Line("SET k w")
	c.Line("MULTI")
	c.Line("TS.ADD a 13 1")
	c.Expect("EXEC", `{"nil":true}`)
	c.Expect("TS.GET a", `{"a":[{"i":12},{"s":"1"}]}`)
}

func TestPassword(t *testing.T) {
	c := dial(t, start(t, Config{Password: "secret"}))
	noauth := `{"e":"NOAUTH Authentication required."}`
	for _, cmd := range []string{"TS.ADD a 1 1", "GET k", "PING", "MULTI", "INFO", "NONSENSE"} {
		c.Expect(cmd, noauth)
	}
	c.Expect("AUTH wrong", `{"e":"WRONGPASS invalid username-password pair or user is disabled."}`)
	c.Expect("PING", noauth)
	c.Expect("AUTH default secret", resptest.OK)
	c.Expect("TS.ADD a 1 1", `{"i":1}`)
	c.Expect("GET k", `{"nil":true}`)
}

func TestManyClientsAtOnce(t *testing.T) {
	s := start(t, Config{})
	dial(t, s).Line("TS.CREATE shared DUPLICATE_POLICY LAST LABELS x y")
	done := make(chan error)
	const clients, rounds = 8, 200
	for n := range clients {
		c := dial(t, s)
		go func() { done <- writeRandomly(c, n, rounds) }()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := s.Stats().Samples; got != clients*rounds+rounds {
		t.Errorf("%d samples, want %d", got, clients*rounds+rounds)
	}
}

func writeRandomly(c *resptest.Client, n, rounds int) error {
	own := fmt.Sprintf("own%d", n)
	for i := range rounds {
		ts := fmt.Sprint(i + 1)
		for _, cmd := range [][]string{
			{"TS.ADD", own, ts, "1", "LABELS", "x", "y"}, {"TS.MADD", "shared", ts, "1"}, {"SET", own + "s", ts},
			{"TS.MRANGE", "-", "+", "COUNT", "2", "FILTER", "x=y"}, {"TS.QUERYINDEX", "x=y"}, {"INFO"}, {"CLIENT", "LIST"},
		} {
			if _, err := c.Conn.Write(resptest.Encode(cmd...)); err != nil {
				return err
			}
			v, err := resptest.ReadReply(c.Reader)
			if err != nil {
				return err
			}
			if e, bad := v.(map[string]any)["e"]; bad && cmd[0] != "TS.MADD" {
				return fmt.Errorf("%v: %v", cmd, e)
			}
		}
	}
	return nil
}

func TestModuleAndServerAreNamed(t *testing.T) {
	c := dial(t, start(t, Config{}))
	var modules []string
	for _, m := range []string{`{"b":"timeseries"},{"b":"ver"},{"i":80005}`, `{"b":"ReJSON"},{"b":"ver"},{"i":80008}`, `{"b":"search"},{"b":"ver"},{"i":80002}`} {
		modules = append(modules, `{"a":[{"b":"name"},`+m+`,{"b":"path"},{"b":""},{"b":"args"},{"a":[]}]}`)
	}
	c.Expect("MODULE LIST", `{"a":[`+strings.Join(modules, ",")+`]}`)
	info := c.Line("INFO")
	for _, want := range []string{"redis_version:8.0.6", "redis_mode:standalone", "rtcollector_embedded:1", "# Keyspace"} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO has no %s", want)
		}
	}
}
