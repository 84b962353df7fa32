package redistest

import (
	"encoding/json"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Network is a proxy before a server, in which things go wrong. Its Listen is the address to go through.
type Network struct{ *toxiproxy.Proxy }

// NewNetwork returns one before the server at an address host:port, in which all is well.
func NewNetwork(t testing.TB, addr string) *Network {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled)
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n := &Network{toxiproxy.NewProxy(api, t.Name(), "127.0.0.1:0", addr)}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

const toxic = "toxic"

// Poison lets one thing go wrong, of a kind and with attributes as toxiproxy knows them, with what the program sends
// ("upstream") or with what it gets ("downstream").
func (n *Network) Poison(t testing.TB, kind, stream string, attributes map[string]int) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"name": toxic, "type": kind, "stream": stream, "attributes": attributes})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
		t.Fatal(err)
	}
}

// Heal ends what Poison began.
func (n *Network) Heal(t testing.TB) {
	t.Helper()
	if err := n.Toxics.RemoveToxic(t.Context(), toxic); err != nil {
		t.Fatal(err)
	}
}
