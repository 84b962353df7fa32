package netstat

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	for host, want := range map[string]map[string]float64{
		"macos-15":     {"tcp_established": 64, "tcp_listen": 21, "tcp_time_wait": 5, "tcp_close_wait": 2, "tcp_closing": 0, "tcp_in_segs": math.NaN()},
		"freebsd-14":   {"tcp_established": 12, "tcp_fin_wait2": 2, "tcp_time_wait": 31, "tcp_syn_sent": 1},
		"windows-2022": {"tcp_established": 31, "tcp_listen": 42, "tcp_close": 0},
	} {
		got := plugintest.OfHost(t, Plugin, "", host).Gather(0)
		plugintest.Expect(t, got, want)
		if len(got) != 11 {
			t.Errorf("%s: %d states: %v", host, len(got), got)
		}
	}
}
