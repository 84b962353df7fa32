package linuxvmstat

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstVmstat compares our values with vmstat of procps. Ours must be between a reading before the gather and one
// after it.
func TestAgainstVmstat(t *testing.T) {
	p := plugintest.Start(t, Plugin, everything, plugintest.Env("linux_vmstat", ""))
	before := plugintest.Vmstat(t)
	got := p.Gather(0)
	after := plugintest.Vmstat(t)
	if len(got) < 50 {
		t.Errorf("only %d fields", len(got))
	}
	for name, key := range map[string]string{"K paged in": "vmstat_pgpgin", "K paged out": "vmstat_pgpgout", "pages swapped in": "vmstat_pswpin",
		"pages swapped out": "vmstat_pswpout"} {
		low, known := before[name]
		if v, ok := got[key]; known && (!ok || v < low || v > after[name]) {
			t.Errorf("%s is %v (%v), vmstat says %v to %v %s", key, v, ok, low, after[name], name)
		}
	}
}

func BenchmarkGather(b *testing.B) {
	for name, config := range map[string]string{"defaults": "", "everything": everything} {
		b.Run(name, func(b *testing.B) {
			plugintest.Cost(b, plugintest.Start(b, Plugin, config, plugintest.Env("linux_vmstat", "")))
		})
	}
}
