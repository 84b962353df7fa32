package redisinput

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	miniredis "github.com/alicebob/miniredis/v2/server"
)

// fakeRedis replays the recorded replies of versions for which no package is available.
type fakeRedis struct {
	*miniredis.Server
	info string

	noSlowlog bool // does not know the command
}

// startFake starts a server on loopback that answers INFO with a file of testdata.
func startFake(t testing.TB, file string) *fakeRedis {
	t.Helper()
	s, err := miniredis.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	f := &fakeRedis{Server: s, info: readRecord(t, file)}
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
		"CLUSTER": func(c *miniredis.Peer, _ string, _ []string) {
			c.WriteBulk(readRecord(t, "redis-8.2-cluster-info.txt"))
		},
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

// inputConfig returns the configuration of an input that polls this server.
func (f *fakeRedis) inputConfig() string {
	return fmt.Sprintf("{host: 127.0.0.1, port: %d}", f.Addr().Port)
}

// readRecord returns a file of testdata with the line ends that a server sends.
func readRecord(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\n", "\r\n")
}
