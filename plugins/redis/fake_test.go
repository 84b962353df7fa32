package redisinput

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	miniredis "github.com/alicebob/miniredis/v2/server"
)

// fake answers as recorded servers of other versions did, of which no package is at hand.
type fake struct {
	*miniredis.Server
	info string

	noSlowlog bool // it does not know the command
}

// recorded starts a server on loopback that answers INFO with a file of testdata.
func recorded(t testing.TB, file string) *fake {
	t.Helper()
	s, err := miniredis.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	f := &fake{Server: s, info: record(t, file)}
	old := strings.Contains(file, "2.8")
	commands := map[string]miniredis.Cmd{
		"PING":   func(c *miniredis.Peer, _ string, _ []string) { c.WriteInline("PONG") },
		"CLIENT": func(c *miniredis.Peer, _ string, _ []string) { c.WriteOK() },
		"INFO": func(c *miniredis.Peer, _ string, args []string) {
			if old && len(args) > 0 && args[0] == "everything" {
				c.WriteBulk("")
				return
			}
			c.WriteBulk(f.info)
		},
		"SLOWLOG": func(c *miniredis.Peer, _ string, _ []string) {
			if f.noSlowlog {
				c.WriteError("ERR unknown command 'SLOWLOG'")
				return
			}
			c.WriteInt(7)
		},
		"CLUSTER": func(c *miniredis.Peer, _ string, _ []string) { c.WriteBulk(record(t, "redis-8.2-cluster-info.txt")) },
	}
	if !old {
		calls := 0
		commands["LATENCY"] = func(c *miniredis.Peer, _ string, _ []string) {
			calls += 100
			c.WriteLen(2)
			c.WriteBulk("get")
			c.WriteLen(4)
			c.WriteBulk("calls")
			c.WriteInt(calls)
			c.WriteBulk("histogram_usec")
			c.WriteLen(4)
			for _, n := range []int{4, calls / 2, 16, calls} {
				c.WriteInt(n)
			}
		}
	}
	for name, f := range commands {
		if err := s.Register(name, f); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// config is that of an input which asks it.
func (f *fake) config() string { return fmt.Sprintf("{host: 127.0.0.1, port: %d}", f.Addr().Port) }

// record is a file as a server sends it.
func record(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\n", "\r\n")
}
