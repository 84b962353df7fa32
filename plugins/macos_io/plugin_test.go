package macosio

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later"})
}

func TestGather(t *testing.T) {
	p := plugintest.OfHost(t, Plugin, "exclude_devices: [disk6]", "macos-15")
	p.Gather(0)
	p.Play("macos-15-later")
	plugintest.Expect(t, p.Gather(10), map[string]float64{
		"io_read_count_disk0": 5120434, "io_read_count_rate_disk0": 10, "io_write_count_rate_disk0": 5, "io_read_bytes_rate_disk0": 40960,
		"io_write_bytes_disk0": 71234567168 + 204800, "io_read_time_disk0": 812545, "io_write_time_rate_disk0": 2.5, "io_read_count_disk6": math.NaN(),
	})
}
