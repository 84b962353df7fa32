package linuxmem

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstFree compares our values with procps on this machine. The total must be equal; the others change during the
// test.
func TestAgainstFree(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_mem", ""))
	plugintest.Compare(t, func(d *plugintest.Differences) {
		free := runFree(t)
		got := p.Gather(0)
		if got["mem_total"] != free["total"] {
			t.Errorf("mem_total is %v, free says %v", got["mem_total"], free["total"])
		}
		tolerance := 0.01 * free["total"]
		for key, want := range map[string]float64{
			"mem_free": free["free"], "mem_available": free["available"], "mem_buffers": free["buffers"],
			"mem_used": free["total"] - free["free"] - free["buffers"] - free["cache"] + free["shared"],
		} {
			if math.Abs(got[key]-want) > tolerance {
				d.Errorf("%s is %v, free says %v", key, got[key], want)
			}
		}
	})
}

func runFree(t *testing.T) map[string]float64 {
	text := servicetest.CommandOutput(t, "free", "-b", "-w")
	lines := strings.Split(text, "\n")
	heads, values := strings.Fields(lines[0]), strings.Fields(lines[1])[1:]
	free := map[string]float64{}
	for i, head := range heads {
		free[head], _ = strconv.ParseFloat(values[i], 64)
	}
	return free
}

// TestFullAgainstVmstat compares values that hardly change with /proc/vmstat, which counts pages.
func TestFullAgainstVmstat(t *testing.T) {
	p := plugintest.Start(t, Plugin, "full: true", plugintest.Env("linux_mem", ""))
	plugintest.Compare(t, func(d *plugintest.Differences) { compareWithVmstat(t, d, p) })
}

func compareWithVmstat(t *testing.T, d *plugintest.Differences, p *plugintest.Probe) {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		t.Skip(err)
	}
	got := p.Gather(0)
	compared := 0
	for key, counter := range map[string]string{"mem_anon_pages": "nr_anon_pages", "mem_unevictable": "nr_unevictable", "mem_mlocked": "nr_mlock",
		"mem_page_tables": "nr_page_table_pages", "mem_sunreclaim": "nr_slab_unreclaimable", "mem_active_file": "nr_active_file"} {
		pages, ok := scan.FindValue(text, counter+" ")
		if !ok {
			continue
		}
		compared++
		want := float64(pages) * float64(os.Getpagesize())
		if v, ok := got[key]; !ok || math.Abs(v-want) > 0.1*want+256*kib {
			d.Errorf("%s is %v (%v), vmstat says %v", key, v, ok, want)
		}
	}
	if compared == 0 {
		t.Skip("vmstat has none of them")
	}
}
