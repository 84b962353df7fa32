package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// Front replaces a cluster whose nodes have the TimeSeries module, because Debian has no package of that. Its nodes are in front of
// one server that stores all keys. Each one only answers for its slots, with the replies of a real node (testdata of
// internal/embedded; "Redis Cluster specification"). Commands without a key, such as TS.MGET, are answered for all slots, as Redis
// Enterprise does.
type Front struct {
	backend string
	nodes   []net.Listener

	mu     sync.Mutex
	owner  [redisconn.Slots]int
	moving map[int]int       // slot → node that imports it
	moved  map[string]bool   // keys of moving slots that have moved
	fails  map[string]string // command → the reply to its next call
}

// NewFront starts n nodes in front of a server. They stop at the end of the test.
func NewFront(t testing.TB, backend string, n int) *Front {
	t.Helper()
	c := &Front{backend: backend, moving: map[int]int{}, moved: map[string]bool{}, fails: map[string]string{}}
	for i := range c.owner {
		c.owner[i] = i * n / redisconn.Slots
	}
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.nodes = append(c.nodes, l)
	}
	for i, l := range c.nodes { // now each of them knows all of them
		servicetest.Serve(t, l, func(conn net.Conn) { c.serve(i, conn) })
	}
	return c
}

// Addrs returns the addresses of the nodes.
func (c *Front) Addrs() []string {
	var out []string
	for _, l := range c.nodes {
		out = append(out, l.Addr().String())
	}
	return out
}

// Move gives a slot to another node. It calls during when half of the keys have moved.
func (c *Front) Move(slot int, keys []string, during func()) {
	c.mu.Lock()
	to := (c.owner[slot] + 1) % len(c.nodes)
	c.moving[slot] = to
	for _, k := range keys[:len(keys)/2] {
		c.moved[k] = true
	}
	c.mu.Unlock()
	during()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.moving, slot)
	c.owner[slot] = to
}

// Fail makes the next call of a command with a key return an error reply.
func (c *Front) Fail(command, reply string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails[command] = "-" + reply + "\r\n"
}

func (c *Front) serve(node int, conn net.Conn) {
	back, err := net.Dial("tcp", c.backend)
	if err != nil {
		return
	}
	defer func() { _ = back.Close() }()
	in, replies := bufio.NewReader(conn), bufio.NewReader(back)
	asking := false
	for {
		raw, args, err := ReadRESP(in)
		if err != nil {
			return
		}
		var reply string
		switch {
		case strings.EqualFold(args[0], "ASKING"):
			asking = true
			_, _ = io.WriteString(conn, "+OK\r\n")
			continue
		case strings.EqualFold(args[0], "CLUSTER"):
			reply = c.slots()
		default:
			reply = c.refuse(node, args, asking)
		}
		asking = false
		if reply == "" {
			if _, err := io.WriteString(back, raw); err != nil {
				return
			}
			if reply, _, err = ReadRESP(replies); err != nil {
				return
			}
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

// refuse returns the reply of a node that does not execute a command, or "".
func (c *Front) refuse(node int, args []string, asking bool) string {
	keys := keysOf(args)
	if len(keys) == 0 {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if reply, ok := c.fails[args[0]]; ok {
		delete(c.fails, args[0])
		return reply
	}
	slot := redisconn.Slot(keys[0])
	for _, k := range keys {
		if redisconn.Slot(k) != slot {
			return "-CROSSSLOT Keys in request don't hash to the same slot\r\n"
		}
	}
	to, moving := c.moving[slot]
	gone := 0
	for _, k := range keys {
		if c.moved[k] {
			gone++
		}
	}
	switch owner := c.owner[slot]; {
	case moving && node == owner && gone == len(keys):
		return fmt.Sprintf("-ASK %d %s\r\n", slot, c.nodes[to].Addr())
	case moving && node == owner && gone > 0, moving && node == to && asking && gone < len(keys) && len(keys) > 1:
		return "-TRYAGAIN Multiple keys request during rehashing of slot\r\n"
	case node == owner, moving && node == to && asking:
		return ""
	default:
		return fmt.Sprintf("-MOVED %d %s\r\n", slot, c.nodes[owner].Addr())
	}
}

func keysOf(args []string) []string {
	switch name := strings.ToUpper(args[0]); {
	case name == "TS.MADD":
		var keys []string
		for i := 1; i < len(args); i += 3 {
			keys = append(keys, args[i])
		}
		return keys
	case name == "TS.CREATERULE":
		return args[1:3]
	case name == "TS.MGET", name == "TS.MRANGE", name == "TS.QUERYINDEX":
		return nil
	case strings.HasPrefix(name, "TS."), name == "PEXPIRE", name == "PERSIST":
		return args[1:2]
	}
	return nil
}

// slots answers CLUSTER SLOTS.
func (c *Front) slots() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ranges []string
	for i := 0; i < redisconn.Slots; {
		j := i
		for j+1 < redisconn.Slots && c.owner[j+1] == c.owner[i] {
			j++
		}
		host, port, _ := net.SplitHostPort(c.nodes[c.owner[i]].Addr().String())
		id := fmt.Sprintf("%040d", c.owner[i])
		ranges = append(ranges, fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n*3\r\n$%d\r\n%s\r\n:%s\r\n$40\r\n%s\r\n", i, j, len(host), host, port, id))
		i = j + 1
	}
	return fmt.Sprintf("*%d\r\n%s", len(ranges), strings.Join(ranges, ""))
}

// ReadRESP reads one value of RESP2. It returns the raw value and the words in it.
func ReadRESP(r *bufio.Reader) (raw string, words []string, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", nil, err
	}
	raw = line
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch {
	case line[0] == '$' && n >= 0:
		text := make([]byte, n+2)
		if _, err := io.ReadFull(r, text); err != nil {
			return "", nil, err
		}
		return raw + string(text), []string{string(text[:n])}, nil
	case line[0] == '*':
		for range n {
			part, inner, err := ReadRESP(r)
			if err != nil {
				return "", nil, err
			}
			raw, words = raw+part, append(words, inner...)
		}
	}
	return raw, words, nil
}
