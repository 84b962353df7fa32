package cli_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
)

// TestBadNetworkLosesNothing puts a network between agent and server that hangs, resets connections and slows down in turn. All samples
// arrive, each once.
func TestBadNetworkLosesNothing(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	network := redistest.NewNetwork(t, s.Addr())

	p := start(t, yamlFor(network.Listen, "h", "interval: 50ms"))
	p.waitFor("first samples are written", 1)
	for i, poison := range []struct {
		kind, stream string
		attributes   map[string]int
	}{
		{"timeout", "upstream", map[string]int{"timeout": 300}},     // swallows, then closes
		{"timeout", "downstream", map[string]int{"timeout": 300}},   // swallows the replies
		{"reset_peer", "downstream", map[string]int{"timeout": 10}}, // resets
		{"limit_data", "upstream", map[string]int{"bytes": 5000}},   // closes in the middle of a command
	} {
		network.Poison(t, poison.kind, poison.stream, poison.attributes)
		p.waitFor("output failed", i+1)
		network.Heal(t)
		p.waitFor("output works again", i+1)
	}
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	log, _ := p.log.read()
	gathers := strings.Count(log, "gathered input=linux_mem")
	for _, key := range []string{"h:mem_total", "h:mem_used"} {
		if n := count(t, s.Addr(), key); n != gathers {
			t.Errorf("%d samples of %s after %d gathers\n%s", n, key, gathers, log)
		}
	}
}
