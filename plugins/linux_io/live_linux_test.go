package linuxio

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstSysfs compares our values with /sys/block/*/stat (Documentation/block/stat.rst). Ours must be between a
// reference reading before the gather and one after it.
func TestAgainstSysfs(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_io", ""))
	plugintest.Bracket(t, p, func() map[string]float64 { return readSysfsCounters(t) })
}

func readSysfsCounters(t *testing.T) map[string]float64 {
	counters := map[string]float64{}
	paths, err := filepath.Glob("/sys/block/*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the device is gone
		}
		fields := strings.Fields(string(text))
		device := filepath.Base(filepath.Dir(path))
		if strings.HasPrefix(device, "loop") || strings.HasPrefix(device, "ram") {
			continue
		}
		for column, metric := range map[int]string{0: "io_reads_", 4: "io_writes_"} {
			counters[metric+device], _ = strconv.ParseFloat(fields[column], 64)
		}
		sectors, _ := strconv.ParseFloat(fields[2], 64)
		counters["io_read_bytes_"+device] = 512 * sectors
	}
	return counters
}
