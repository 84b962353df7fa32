package linuxnet

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstSysfs compares our values with /sys/class/net. Ours must be between a reference reading before the gather
// and one after it.
func TestAgainstSysfs(t *testing.T) {
	p := plugintest.Start(t, Plugin, "exclude_patterns: []", plugintest.Env("linux_net", ""))
	plugintest.Bracket(t, p, func() map[string]float64 { return readSysfsCounters(t) })
}

// TestCarrierAgainstSysfs also covers interfaces that are administratively down: reading their carrier fails, and they
// have none.
func TestCarrierAgainstSysfs(t *testing.T) {
	p := plugintest.Start(t, Plugin, "exclude_patterns: []", plugintest.Env("linux_net", ""))
	plugintest.Compare(t, func(d *plugintest.Differences) {
		got := p.Gather(0)
		paths, err := filepath.Glob("/sys/class/net/*/carrier")
		if err != nil || len(paths) == 0 {
			t.Skip("no /sys/class/net")
		}
		for _, path := range paths {
			want := 0.0
			if text, err := os.ReadFile(path); err == nil {
				want, _ = strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
			}
			key := "net_carrier_" + filepath.Base(filepath.Dir(path))
			if v, ok := got[key]; !ok || v != want {
				d.Errorf("%s is %v (%v), sysfs says %v", key, v, ok, want)
			}
		}
	})
}

func readSysfsCounters(t *testing.T) map[string]float64 {
	counters := map[string]float64{}
	for file, metric := range map[string]string{
		"rx_bytes": "net_rx_bytes_", "tx_bytes": "net_tx_bytes_", "rx_packets": "net_rx_packets_", "tx_packets": "net_tx_packets_",
		"rx_errors": "net_rx_errs_", "tx_errors": "net_tx_errs_", "tx_dropped": "net_tx_drop_",
	} {
		paths, err := filepath.Glob("/sys/class/net/*/statistics/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				continue // the interface is gone
			}
			iface := filepath.Base(filepath.Dir(filepath.Dir(path)))
			counters[metric+iface], _ = strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
		}
	}
	return counters
}
