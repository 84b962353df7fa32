package macosnet

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later"})
}

func TestGather(t *testing.T) {
	p := plugintest.OfHost(t, Plugin, "", "macos-15")
	p.Gather(0)
	p.Play("macos-15-later")
	plugintest.Expect(t, p.Gather(10), map[string]float64{
		"net_bytes_recv_en0": 18231234512 + 100000, "net_bytes_recv_rate_en0": 10000, "net_bytes_sent_rate_en0": 5000, "net_packets_recv_rate_en0": 10,
		"net_errout_en0": 2, "net_dropout_en0": 81, "net_connections_ESTABLISHED": 64, "net_connections_CLOSING": 0,
		"net_bytes_recv_lo0": math.NaN(), "net_bytes_recv_bridge0": math.NaN(), "net_bytes_recv_utun3": 81234,
	})
}

func TestIgnoredInterfaces(t *testing.T) {
	got := plugintest.OfHost(t, Plugin, "ignore_interfaces: [utun, awdl]", "macos-15").Gather(0)
	plugintest.Expect(t, got, map[string]float64{"net_bytes_recv_lo0": 512334211, "net_bytes_recv_utun3": math.NaN(), "net_bytes_recv_awdl0": math.NaN()})
}
