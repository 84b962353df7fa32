package nstat

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstNstat compares with the tool nstat of iproute2, once before our reading and once after it. It is built for
// the same files, but names, sums up and reads them on its own.
func TestAgainstNstat(t *testing.T) {
	before := toolCounters(t)
	got := plugintest.Start(t, Plugin, "", plugintest.Env("nstat", "")).Gather(0)
	after := toolCounters(t)
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

func toolCounters(t *testing.T) map[string]float64 {
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
