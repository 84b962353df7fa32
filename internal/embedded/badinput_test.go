package embedded

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

// sendUntilClosed sends bytes and returns everything that the server answers
// until it closes the connection.
func sendUntilClosed(t *testing.T, s *Server, input string) string {
	t.Helper()
	c := dial(t, s)
	c.SendRaw(input)
	said, err := io.ReadAll(c.Reader)
	if err != nil {
		t.Fatalf("%.20q: %v", input, err)
	}
	return string(said)
}

func TestBadBytesCloseOnlyTheirConnection(t *testing.T) {
	s := start(t, Config{})
	good := dial(t, s)
	for input, want := range map[string]string{
		"*1\r\n$-1\r\n":                   "-ERR Protocol error: invalid bulk length\r\n",
		"*1\r\n$99999999999\r\n":          "-ERR Protocol error: invalid bulk length\r\n",
		"*1\r\n$x\r\n":                    "-ERR Protocol error: invalid bulk length\r\n",
		"*2147483647\r\n":                 "-ERR Protocol error: invalid multibulk length\r\n",
		"*x\r\n":                          "-ERR Protocol error: invalid multibulk length\r\n",
		"*1\r\n:5\r\n":                    "-ERR Protocol error: expected '$', got ':'\r\n",
		"*" + strings.Repeat("1", 100):    "-ERR Protocol error: too big mbulk count string\r\n",
		strings.Repeat("a", 100_000):      "-ERR Protocol error: too big inline request\r\n",
		"SET \"a\r\n":                     "-ERR Protocol error: unbalanced quotes in request\r\n",
		"*1\r\n$4\r\nPING\r\n*1\r\nx\r\n": "+PONG\r\n-ERR Protocol error: expected '$', got 'x'\r\n",
		"POST / HTTP/1.1\r\n":             "",
	} {
		if got := sendUntilClosed(t, s, input); got != want {
			t.Errorf("%.30q answered %q, want %q", input, got, want)
		}
		good.Expect("PING", `{"s":"PONG"}`)
	}
}

func TestEmptyCommandsAreIgnored(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.SendRaw("*0\r\n*-1\r\n\r\nPING\r\n")
	if got := resptest.Show(c.Read()); got != `{"s":"PONG"}` {
		t.Error(got)
	}
}

func TestHalfCommandThenGone(t *testing.T) {
	s := start(t, Config{})
	for _, half := range []string{"*", "*2\r\n", "*2\r\n$7\r\nTS.M", "PIN", "*1\r\n$4\r\nPING\r"} {
		c := dial(t, s)
		c.SendRaw(half)
		c.Conn.(*net.TCPConn).CloseWrite()
		if _, err := io.ReadAll(c.Reader); err != nil {
			t.Error(err)
		}
	}
	dial(t, s).Expect("PING", `{"s":"PONG"}`)
}

func TestNoise(t *testing.T) {
	s := start(t, Config{})
	noise := make([]byte, 10<<20)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	c := dial(t, s)
	go io.Copy(io.Discard, c.Reader)
	io.Copy(c.Conn, bytes.NewReader(noise)) // fails if the server closes the connection first
	c.Conn.Close()
	dial(t, s).Expect("PING", `{"s":"PONG"}`)
}

func TestInlineCommands(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.SendRaw("set k \"a b\\x41\\n\"\nGET k\r\nGET 'k'\n")
	for _, want := range []string{resptest.OK, `{"b":"a bA\n"}`, `{"b":"a bA\n"}`} {
		if got := resptest.Show(c.Read()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestStrangerIsKeptSmall(t *testing.T) {
	s := start(t, Config{Password: "p"})
	for input, want := range map[string]string{
		"*11\r\n":          "unauthenticated multibulk length",
		"*1\r\n$16385\r\n": "unauthenticated bulk length",
	} {
		if got := sendUntilClosed(t, s, input); !strings.Contains(got, want) {
			t.Errorf("%q answered %q", input, got)
		}
	}
}

// TestPanicEndsOneConnection runs a command that panics while the store is
// locked, also in a transaction. The process must not end, and other clients
// must not wait.
func TestPanicEndsOneConnection(t *testing.T) {
	var log bytes.Buffer
	s := start(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s.commands["BOOM"] = &command{Command: keyspace.Write("boom", 1, func(*keyspace.Session, *keyspace.Database, [][]byte) { panic("boom") })}
	const failed = "-ERR internal error\r\n"
	for range 2 {
		if got := sendUntilClosed(t, s, "BOOM\r\n"); got != failed {
			t.Errorf("answered %q", got)
		}
		if got := sendUntilClosed(t, s, "PING\r\nBOOM\r\nPING\r\n"); got != "+PONG\r\n"+failed {
			t.Errorf("answered %q", got)
		}
		if got := sendUntilClosed(t, s, "MULTI\r\nBOOM\r\nEXEC\r\n"); !strings.HasSuffix(got, failed) {
			t.Errorf("answered %q", got)
		}
		dial(t, s).Expect("SET k v", resptest.OK)
	}
	if n := strings.Count(log.String(), "panicked"); n != 1 || !strings.Contains(log.String(), "badinput_test.go") {
		t.Errorf("%d panics logged, want one with its stack:\n%s", n, &log)
	}
}

// TestExtremeNumbers expects an answer to every command, whatever it is.
func TestExtremeNumbers(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.Line("RPUSH l a b c")
	c.Line("SADD s a b")
	c.Line("ZADD z 1 a 2 b")
	c.Line("HSET h f v")
	const lo, hi = "-9223372036854775808", "9223372036854775807"
	for _, f := range []string{
		"SRANDMEMBER s %s", "HRANDFIELD h %s", "ZRANDMEMBER z %s", "LRANGE l %s %[1]s", "LPOP l %s", "GETRANGE k %s %[1]s",
		"BITCOUNT k %s %[1]s", "BITPOS k 1 %s", "SETBIT k %s 1", "GETBIT k %s", "SETRANGE k %s x", "LTRIM l %s %[1]s",
		"ZRANGE z %s %[1]s", "LINDEX l %s", "LPOS l a RANK %s", "SPOP s %s", "ZPOPMIN z %s", "XTRIM x MAXLEN %s", "EXPIRE k %s",
	} {
		for _, n := range []string{lo, hi} {
			if cmd := fmt.Sprintf(f, n); strings.Contains(c.Line(cmd), "internal error") {
				t.Errorf("%s panics", cmd)
			}
			c.Line("SET k v")
		}
	}
}

func TestBlockedClientThatLeavesIsForgotten(t *testing.T) {
	s := start(t, Config{})
	blocked, c := dial(t, s), dial(t, s)
	blocked.Send("BLPOP", "list", "0")
	for s.Stats().Commands == 0 { // until the server has received the command
	}
	blocked.Conn.Close()
	for s.Stats().Clients > 1 { // until the server notices
		c.Line("PING")
	}
	c.Expect("RPUSH list x", `{"i":1}`)
}

func TestHugeOffsetsAreRefused(t *testing.T) {
	c := dial(t, start(t, Config{}))
	c.Expect("SETRANGE k 33554432 x", `{"e":"ERR string exceeds maximum allowed size (proto-max-bulk-len)"}`)
	c.Expect("SETBIT k 268435456 1", `{"e":"ERR bit offset is not an integer or out of range"}`)
	c.Expect("SETRANGE k 5 x", `{"i":6}`)
}

func TestBlockingPopIsServed(t *testing.T) {
	s := start(t, Config{})
	blocked, c := dial(t, s), dial(t, s)
	blocked.SendRaw("*3\r\n$5\r\nBLPOP\r\n$4\r\nlist\r\n$1\r\n0\r\n*1\r\n$4\r\nPING\r\n")
	c.Line("RPUSH list x")
	for _, want := range []string{`{"a":[{"b":"list"},{"b":"x"}]}`, `{"s":"PONG"}`} {
		if got := resptest.Show(blocked.Read()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPubSub(t *testing.T) {
	s := start(t, Config{})
	sub, c := dial(t, s), dial(t, s)
	sub.Line("SUBSCRIBE news")
	c.Expect("PUBLISH news hello", `{"i":1}`)
	if got := resptest.Show(sub.Read()); got != `{"a":[{"b":"message"},{"b":"news"},{"b":"hello"}]}` {
		t.Error(got)
	}
	sub.Conn.Close()
	for c.Line("PUBLISH news hello") != `{"i":0}` { // until the server has dropped the subscriber
	}
}

func TestCloseEndsBlockedClients(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.SendRaw("PING\r\n")
	c.Read()
	c.Send("BLPOP", "list", "0")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("still listening after Close")
	}
}
