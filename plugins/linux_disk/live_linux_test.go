package linuxdisk

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstDf compares with df on this machine. Sizes must be equal; used space may change between the readings.
func TestAgainstDf(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_disk", ""))
	plugintest.Compare(t, func(d *plugintest.Differences) { compareWithDf(t, d, p) })
}

func compareWithDf(t *testing.T, d *plugintest.Differences, p *plugintest.Probe) {
	text := servicetest.CommandOutput(t, "df", "-B1", "--output=size,used,avail,itotal,pcent,target")
	got := p.Gather(0)
	compared := 0
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 6 || fields[5] != "/" {
			continue
		}
		compared++
		df := func(i int) float64 {
			v, _ := strconv.ParseFloat(strings.TrimSuffix(fields[i], "%"), 64)
			return v
		}
		if got["disk_total_root"] != df(0) || got["disk_inodes_total_root"] != df(3) {
			d.Errorf("total is %v (%v inodes), df says %v", got["disk_total_root"], got["disk_inodes_total_root"], fields)
		}
		for key, want := range map[string]float64{"disk_used_root": df(1), "disk_available_root": df(2)} {
			if math.Abs(got[key]-want) > 0.01*df(0) {
				d.Errorf("%s is %v, df says %v", key, got[key], want)
			}
		}
		if math.Abs(got["disk_used_percent_root"]-df(4)) > 2 { // df rounds up
			d.Errorf("used are %v %%, df says %v", got["disk_used_percent_root"], fields[4])
		}
	}
	if compared == 0 {
		t.Skip("df does not show /")
	}
}

// TestErrorsAgainstSysfs finds the counter of / by the name in its source. It is skipped if that is not the kernel's name of the device.
func TestErrorsAgainstSysfs(t *testing.T) {
	source := servicetest.CommandOutput(t, "findmnt", "-n", "-o", "SOURCE", "/")
	count, err := os.ReadFile(filepath.Join("/sys/fs/ext4", filepath.Base(strings.TrimSpace(source)), "errors_count"))
	if err != nil {
		t.Skip(err)
	}
	want, err := strconv.ParseFloat(strings.TrimSpace(string(count)), 64)
	if err != nil {
		t.Fatal(err)
	}
	got := plugintest.Start(t, Plugin, "", plugintest.Env("linux_disk", "")).Gather(0)
	if v, ok := got["disk_fs_errors_root"]; !ok || v != want {
		t.Errorf("%v errors (%v), sysfs says %v", v, ok, want)
	}
}
