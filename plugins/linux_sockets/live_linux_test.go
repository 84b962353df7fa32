package linuxsockets

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstSs compares our values with those of ss, before and after the gather. ss has some of its numbers from other
// sources.
func TestAgainstSs(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_sockets", ""))
	agreed := map[string]bool{} // some values change between two readings
	plugintest.Compare(t, func(d *plugintest.Differences) {
		before := runSS(t)
		got := p.Gather(0)
		after := runSS(t)
		for key, v := range before {
			if got[key] == v && after[key] == v {
				agreed[key] = true
			} else if !agreed[key] {
				d.Errorf("%s is %v, ss says %v before and %v after", key, got[key], v, after[key])
			}
		}
	})
}

// runSS parses "TCP: 774 (estab 44, closed 723, orphaned 0, timewait 723)" and the table below it: "UDP  3  2  1".
func runSS(t *testing.T) map[string]float64 {
	t.Helper()
	text := servicetest.CommandOutput(t, "ss", "-s")
	numbers := map[string]float64{}
	for key, pattern := range map[string]string{"sockets_tcp_orphan": `orphaned (\d+)`, "sockets_tcp_inuse": `(?m)^TCP\s+\d+\s+(\d+)`,
		"sockets_tcp6_inuse": `(?m)^TCP\s+\d+\s+\d+\s+(\d+)`, "sockets_udp_inuse": `(?m)^UDP\s+\d+\s+(\d+)`, "sockets_raw_inuse": `(?m)^RAW\s+\d+\s+(\d+)`} {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
			numbers[key], _ = strconv.ParseFloat(m[1], 64)
		}
	}
	return numbers
}

// TestCPUs compares the number of CPUs with getconf.
func TestCPUs(t *testing.T) {
	text := servicetest.CommandOutput(t, "getconf", "_NPROCESSORS_ONLN")
	want, _ := strconv.Atoi(strings.TrimSpace(text))
	got := 0
	for key := range plugintest.Start(t, Plugin, "", plugintest.Env("linux_sockets", "")).Gather(0) {
		if strings.HasPrefix(key, "softnet_processed_cpu") {
			got++
		}
	}
	if got != want {
		t.Errorf("%d CPUs, getconf says %d", got, want)
	}
}
