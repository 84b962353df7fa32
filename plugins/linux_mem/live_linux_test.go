package linuxmem

import (
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstFree compares with procps on this machine. Total is the same; the others move while one looks.
func TestAgainstFree(t *testing.T) {
	text, err := exec.Command("free", "-b", "-w").Output()
	if err != nil {
		t.Skipf("free: %v", err)
	}
	lines := strings.Split(string(text), "\n")
	heads, values := strings.Fields(lines[0]), strings.Fields(lines[1])[1:]
	free := map[string]float64{}
	for i, head := range heads {
		free[head], _ = strconv.ParseFloat(values[i], 64)
	}
	got := plugintest.Start(t, Plugin, "", plugintest.Env("linux_mem", "")).Gather(0)
	if got["mem_total"] != free["total"] {
		t.Errorf("mem_total is %v, free says %v", got["mem_total"], free["total"])
	}
	tolerance := 0.05 * free["total"]
	for key, want := range map[string]float64{
		"mem_free": free["free"], "mem_available": free["available"], "mem_buffers": free["buffers"],
		"mem_used": free["total"] - free["free"] - free["buffers"] - free["cache"] + free["shared"],
	} {
		if math.Abs(got[key]-want) > tolerance {
			t.Errorf("%s is %v, free says %v", key, got[key], want)
		}
	}
}
