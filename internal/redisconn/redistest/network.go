package redistest

import (
	"encoding/json"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Network is a proxy in front of a server that can disturb connections. Its Listen is the address to connect to.
type Network struct{ *toxiproxy.Proxy }

// NewNetwork returns an undisturbed network in front of the server at an address host:port.
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

// Poison disturbs the data that the program sends ("upstream") or receives ("downstream"). Kind and attributes are those of toxiproxy.
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

// Heal ends all disturbances.
func (n *Network) Heal(t testing.TB) {
	t.Helper()
	if err := n.Toxics.RemoveToxic(t.Context(), toxic); err != nil {
		t.Fatal(err)
	}
}
