package cli_test

import (
	"strings"
	"syscall"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// TestBadNetworkLosesNothing puts a proxy between agent and server that hangs, resets and crawls in turn. What was
// gathered meanwhile arrives, once.
func TestBadNetworkLosesNothing(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	zerolog.SetGlobalLevel(zerolog.Disabled)
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
		t.Name(), "127.0.0.1:0", s.Addr())
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)

	p := start(t, yamlFor(proxy.Listen, "h", "interval: 50ms"))
	p.waitFor("first samples are written", 1)
	for i, toxic := range []string{
		`{"name": "x", "type": "timeout", "stream": "upstream", "attributes": {"timeout": 300}}`,     // swallows, then closes
		`{"name": "x", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 300}}`,   // swallows the replies
		`{"name": "x", "type": "reset_peer", "stream": "downstream", "attributes": {"timeout": 10}}`, // resets
		`{"name": "x", "type": "limit_data", "stream": "upstream", "attributes": {"bytes": 5000}}`,   // closes in mid-command
	} {
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
		p.waitFor("output failed", i+1)
		if err := proxy.Toxics.RemoveToxic(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
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
