package nstat

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstNstat compares our values with the tool nstat of iproute2, before and after the gather. The tool reads the
// same files, but has its own code to name and sum them.
func TestAgainstNstat(t *testing.T) {
	before := readToolCounters(t)
	got := plugintest.Start(t, Plugin, "", plugintest.Env("nstat", "")).Gather(0)
	after := readToolCounters(t)
	compared := 0
	for key, v := range got {
		name := strings.ReplaceAll(strings.TrimPrefix(key, "nstat_"), "_", "")
		low, ok := before[strings.ToLower(name)]
		if high := after[strings.ToLower(name)]; ok && high >= low {
			compared++
			if v < low || v > high {
				t.Errorf("%s is %v, nstat says %v to %v", key, v, low, high)
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d of %d series could be compared", compared, len(got))
	}
}

func readToolCounters(t *testing.T) map[string]float64 {
	t.Helper()
	text := servicetest.CommandOutput(t, "nstat", "-a", "-s", "-z")
	counters := map[string]float64{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 {
			if v, err := strconv.ParseFloat(f[1], 64); err == nil {
				counters[strings.ToLower(f[0])] = v
			}
		}
	}
	return counters
}
