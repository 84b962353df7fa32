// Package resptest is a Redis client for the tests of the embedded server and of
// its packages. It shows replies with their types.
package resptest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
)

// Replies as Show writes them.
const (
	OK  = `{"s":"OK"}`
	OOM = `{"e":"OOM command not allowed when used memory > 'maxmemory'."}`
)

// Client speaks RESP and shows replies with their type tags, like the files
// in testdata: {"i": 1}, {"a": […]}, {"e": "…"}.
type Client struct {
	t      testing.TB
	Conn   net.Conn
	Reader *bufio.Reader
}

// Dial connects to a server. The connection is closed at the end of the test.
func Dial(t testing.TB, addr string) *Client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &Client{t, c, bufio.NewReader(c)}
}

// Send sends a command without reading its reply.
func (c *Client) Send(args ...string) {
	c.t.Helper()
	if _, err := c.Conn.Write(Encode(args...)); err != nil {
		c.t.Fatal(err)
	}
}

// SendRaw sends bytes.
func (c *Client) SendRaw(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// Read reads one reply.
func (c *Client) Read() any {
	c.t.Helper()
	v, err := ReadReply(c.Reader)
	if err != nil {
		c.t.Fatalf("read reply: %v", err)
	}
	return v
}

// Do runs a command and returns its reply.
func (c *Client) Do(args ...string) any {
	c.t.Helper()
	c.Send(args...)
	return c.Read()
}

// Line runs a command whose arguments have no blanks, and returns the reply as
// JSON.
func (c *Client) Line(command string) string {
	c.t.Helper()
	return Show(c.Do(strings.Fields(command)...))
}

// Expect runs a command whose arguments have no blanks and compares the reply.
func (c *Client) Expect(command, want string) {
	c.t.Helper()
	if got := c.Line(command); got != want {
		c.t.Errorf("%s\n got %s\nwant %s", command, got, want)
	}
}

// Show returns a reply as JSON.
func Show(v any) string { return encodeJSON(v) }

func encodeJSON(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// Encode encodes a command.
func Encode(args ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// ReadReply reads one reply.
func ReadReply(r *bufio.Reader) (any, error) {
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
		v, err := ReadReply(r)
		if err != nil {
			return nil, err
		}
		if pairs {
			second, err := ReadReply(r)
			if err != nil {
				return nil, err
			}
			v = []any{v, second}
		}
		list = append(list, v)
	}
	return map[string]any{name: list}, nil
}

// ExpectArgs runs a command whose arguments can have blanks and compares the
// reply.
func (c *Client) ExpectArgs(want string, args ...string) {
	c.t.Helper()
	if got := Show(c.Do(args...)); got != want {
		c.t.Errorf("%q\n got %s\nwant %s", args, got, want)
	}
}

// FoundKeys returns the keys that an FT.SEARCH without NOCONTENT finds, in order.
func (c *Client) FoundKeys(args ...string) string {
	c.t.Helper()
	reply := c.Do(append(args, "NOCONTENT", "LIMIT", "0", "100")...).(map[string]any)
	list, ok := reply["a"].([]any)
	if !ok {
		return Show(reply)
	}
	var keys []string
	for _, v := range list[1:] {
		keys = append(keys, v.(map[string]any)["b"].(string))
	}
	return strings.Join(keys, " ")
}

// ExpectFound searches the index i and compares the found keys.
func (c *Client) ExpectFound(query, want string, options ...string) {
	c.t.Helper()
	if got := c.FoundKeys(append([]string{"FT.SEARCH", "i", query}, options...)...); got != want {
		c.t.Errorf("%s %v\n got %s\nwant %s", query, options, got, want)
	}
}

// Bulk returns a string reply as Show writes it.
func Bulk(s string) string { return encodeJSON(map[string]string{"b": s}) }

// Error returns an error reply as Show writes it.
func Error(s string) string { return strings.Replace(Bulk(s), `{"b"`, `{"e"`, 1) }
