package redisinput

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// A server that answers but is not a Redis is reported as such.
func TestOtherServers(t *testing.T) {
	for name, c := range map[string]struct{ info, want string }{
		"nothing":       {"\r\n", "is this a Redis server?"},
		"something":     {"uptime:1\r\n", "is this a Redis server?"},
		"HTML":          {"<html><body>redis_versions: none</body></html>", "is this a Redis server?"},
		"ten megabytes": {strings.Repeat("a:1\r\n", 2<<20) + "redis_version:1\r\n", "is this a Redis server?"},
		"noise":         {"redis_version:1\r\n\x00\xff:1\r\n:2\r\n===\r\nslave0:\r\ndb0:=,=\r\ncmdstat_:calls=1\r\nmodule:ver=1\r\nx y:1\r\nz:1e99999\r\n", ""},
	} {
		f := startFake(t, "redis-8.2-master.txt")
		f.info = c.info
		b, err := plugintest.Start(t, Plugin, f.inputConfig(), testEnv()).Batch(0)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if b.Len() > 25 || b.Len() == 0 {
			t.Errorf("%s: %d samples", name, b.Len())
		}
	}
}

// A server that speaks another protocol is an error at once.
func TestOtherProtocol(t *testing.T) {
	for _, reply := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n<html>", "", "-ERR no\r\n", "\x15\x03\x01\x00\x02\x02\x16", strings.Repeat("x", 1<<20)} {
		addr := servicetest.ServeText(t, []byte(reply), true)
		b, err := plugintest.Start(t, Plugin, "{host: 127.0.0.1, port: "+servicetest.PortOf(addr)+", timeout: 1s}", testEnv()).Batch(0)
		if err == nil || !strings.Contains(err.Error(), addr) || b.Len() != 1 {
			t.Errorf("%.20q: %v", reply, err)
		}
	}
}

// A truncated reply is an error, and the next gather is complete again. Many truncated replies leak nothing.
func TestFlapping(t *testing.T) {
	s := redistest.Start(t)
	cut := servicetest.NewCutter(t, s.Addr())
	p := plugintest.Start(t, Plugin, "{host: 127.0.0.1, port: "+servicetest.PortOf(cut.Addr)+", latency_histogram: true}", testEnv())
	cut.CheckNoLeaks(t, 300, 5000, func(round, bytes int) {
		b, err := p.Batch(float64(round))
		if bytes > 0 && (err == nil || b.Len() != 1) || bytes == 0 && (err != nil || b.Len() < 100) {
			t.Fatalf("cut after %d bytes (0: not at all): %v, %d samples", bytes, err, b.Len())
		}
	})
}

// The connection is opened once and kept.
func TestConnectionIsKept(t *testing.T) {
	f := startFake(t, "redis-8.2-master.txt")
	p := plugintest.Start(t, Plugin, f.inputConfig(), testEnv())
	for second := range 50 {
		p.Gather(float64(second))
	}
	if n := f.TotalConnections(); n != 1 {
		t.Errorf("%d connections for 50 gathers", n)
	}
}
