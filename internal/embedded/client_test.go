package embedded

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// advanceClock moves the clock of the server forward.
func (s *Server) advanceClock(d time.Duration) {
	s.store.SetClock(func() time.Time { return time.Now().Add(d) })
}

// testClient speaks RESP and shows replies with their type tags, like the files
// in testdata: {"i": 1}, {"a": […]}, {"e": "…"}.
type testClient struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dial(t testing.TB, s *Server) *testClient {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &testClient{t, c, bufio.NewReader(c)}
}

func (c *testClient) send(args ...string) {
	c.t.Helper()
	if _, err := c.conn.Write(encode(args...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *testClient) raw(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *testClient) read() any {
	c.t.Helper()
	v, err := readReply(c.r)
	if err != nil {
		c.t.Fatalf("read reply: %v", err)
	}
	return v
}

func (c *testClient) do(args ...string) any {
	c.t.Helper()
	c.send(args...)
	return c.read()
}

// line runs a command whose arguments have no blanks, and returns the reply as
// JSON.
func (c *testClient) line(command string) string {
	c.t.Helper()
	return show(c.t, c.do(strings.Fields(command)...))
}

func (c *testClient) expect(command, want string) {
	c.t.Helper()
	if got := c.line(command); got != want {
		c.t.Errorf("%s\n got %s\nwant %s", command, got, want)
	}
}

func show(t testing.TB, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func encode(args ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

func readReply(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(line[1:], "\r\n")
	tag := func(k string, v any) any { return map[string]any{k: v} }
	switch line[0] {
	case '+':
		return tag("s", text), nil
	case '-':
		return tag("e", text), nil
	case ':':
		return tag("i", json.Number(text)), nil
	case ',':
		return tag("d", text), nil
	case '#':
		return tag("t", text == "t"), nil
	case '_':
		return tag("nil", true), nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("unexpected line %q", line)
	}
	if n < 0 {
		return tag("nil", true), nil
	}
	return readSized(r, line[0], n)
}

func readSized(r *bufio.Reader, kind byte, n int) (any, error) {
	if kind == '$' || kind == '=' {
		b := make([]byte, n+2)
		_, err := io.ReadFull(r, b)
		name := map[byte]string{'$': "b", '=': "v"}[kind]
		return map[string]any{name: string(b[:n])}, err
	}
	name, pairs := map[byte]string{'*': "a", '%': "m", '~': "set", '>': "push"}[kind], kind == '%'
	list := []any{}
	for range n {
		v, err := readReply(r)
		if err != nil {
			return nil, err
		}
		if pairs {
			second, err := readReply(r)
			if err != nil {
				return nil, err
			}
			v = []any{v, second}
		}
		list = append(list, v)
	}
	return map[string]any{name: list}, nil
}
