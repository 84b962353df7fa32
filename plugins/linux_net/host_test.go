package linuxnet

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	none := math.NaN()
	for host, want := range map[string]map[string]float64{
		"macos-15": {"net_interface_en0": 1, "net_rx_bytes_en0": 18231334512, "net_rx_bytes_rate_en0": 10000, "net_tx_bytes_bits_rate_en0": 40000, "net_tx_errs_en0": 2,
			"net_tx_drop_en0": 81, "net_rx_packets_rate_en0": 10, "net_rx_bytes_lo0": 512334211, "net_carrier_en0": none},
		"freebsd-14":   {"net_rx_errs_em0": 3, "net_rx_bytes_rate_em0": 100, "net_tx_bytes_rate_em0": 200},
		"windows-2022": {"net_rx_drop_Ethernet0": 12, "net_tx_packets_rate_Ethernet0": 2, "net_interface_Loopback_Pseudo-Interface_1": 1},
	} {
		p := plugintest.OfHost(t, Plugin, "", host)
		p.Gather(0)
		p.Play(host + "-later")
		plugintest.Expect(t, p.Gather(10), want)
	}
	plugintest.Expect(t, plugintest.OfHost(t, Plugin, "exclude_interfaces: [lo*, awdl*]", "macos-15").Gather(0), map[string]float64{
		"net_rx_bytes_lo0": none, "net_rx_bytes_awdl0": none, "net_rx_bytes_utun3": 81234})
}
