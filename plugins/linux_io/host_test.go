package linuxio

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	none := math.NaN()
	for host, want := range map[string]map[string]float64{
		"macos-15": {"io_reads_disk0": 5120434, "diskio_reads_rate_disk0": 10, "diskio_read_bytes_rate_disk0": 40960, "diskio_read_await_disk0": 2, "diskio_write_await_disk0": 0.5,
			"diskio_util_percent_disk0": none, "diskio_in_flight_disk0": none, "diskio_queue_length_disk0": none, "io_flushes_disk0": none},
		"freebsd-14":   {"diskio_util_percent_ada0": 25, "diskio_write_await_ada0": 3, "diskio_util_percent_cd0": 0},
		"windows-2022": {"diskio_util_percent_C:": 10, "diskio_writes_rate_C:": 10, "io_write_time_ms_C:": 812644},
	} {
		p := plugintest.OfHost(t, Plugin, "", host)
		p.Gather(0)
		p.Play(host + "-later")
		plugintest.Expect(t, p.Gather(10), want)
	}
}
