package linuxio

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18", Then: "testdata/vm-6.18-later"},
		plugintest.Case{Name: "fourteen columns", Root: "testdata/server-2.6.32", Then: "testdata/server-2.6.32-later"},
		plugintest.Case{Name: "eighteen columns", Root: "testdata/armboard-4.19"},
		plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later"},
		plugintest.Case{Name: "older macOS", Host: "macos-14"},
		plugintest.Case{Name: "macOS on Intel", Host: "macos-13"},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later"},
		plugintest.Case{Name: "Windows", Host: "windows-2022", Then: "windows-2022-later"},
	)
}

func TestGather(t *testing.T) {
	first, second := plugintest.Twice(t, Plugin, "exclude_devices: [dm-0]", "testdata/server-2.6.32", "testdata/server-2.6.32-later")
	want := map[string]float64{
		"diskio_device_cciss_c0d0": 1, "diskio_in_flight_cciss_c0d0": 0,
		"io_reads_cciss_c0d0": 1000, "io_read_bytes_cciss_c0d0": 20000 * 512, "io_read_time_ms_cciss_c0d0": 3000,
		"io_writes_cciss_c0d0": 4000, "io_write_bytes_cciss_c0d0": 50000 * 512, "io_write_time_ms_cciss_c0d0": 6000,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	maps.Copy(want, map[string]float64{
		"io_reads_cciss_c0d0": 1100, "io_read_bytes_cciss_c0d0": 20200 * 512, "io_read_time_ms_cciss_c0d0": 3050,
		"io_writes_cciss_c0d0": 4200, "io_write_bytes_cciss_c0d0": 51000 * 512, "io_write_time_ms_cciss_c0d0": 6200,
		"diskio_reads_rate_cciss_c0d0": 10, "diskio_read_bytes_rate_cciss_c0d0": 10240, "diskio_read_time_rate_cciss_c0d0": 5,
		"diskio_writes_rate_cciss_c0d0": 20, "diskio_write_bytes_rate_cciss_c0d0": 51200, "diskio_write_time_rate_cciss_c0d0": 20,
		"diskio_util_percent_cciss_c0d0": 50, "diskio_queue_length_cciss_c0d0": 0.5,
		"diskio_read_await_cciss_c0d0": 0.5, "diskio_write_await_cciss_c0d0": 1,
	})
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
}

// Counters that a kernel does not have produce no series: Linux 4.18 added discards, 5.5 flushes.
func TestColumnsOfLaterKernels(t *testing.T) {
	const line = "8 0 sda 1 2 3 4 5 6 7 8 2 10 11"
	none := math.NaN()
	for columns, want := range map[string]map[string]float64{
		"":                {"io_discards_sda": none, "io_flushes_sda": none},
		" 1 2 3":          {"io_discards_sda": none, "io_flushes_sda": none},
		" 1 2 3 4":        {"io_discards_sda": 1, "io_discard_bytes_sda": 3 * 512, "io_flushes_sda": none},
		" 1 2 3 4 5 6 7":  {"io_discards_sda": 1, "io_flushes_sda": 5},
		" 1 2 3 4 5 6 x7": {"io_discards_sda": 1, "io_flushes_sda": 5, "diskio_in_flight_sda": 2},
	} {
		dir := plugintest.Files(t, "", map[string]string{"proc/diskstats": line + columns + "\n"})
		t.Run(columns, func(t *testing.T) {
			plugintest.Expect(t, plugintest.Start(t, Plugin, "", plugintest.Env("linux_io", dir)).Gather(0), want)
		})
	}
}

func TestUtilIsAtMostFull(t *testing.T) {
	_, second := plugintest.Twice(t, Plugin, "", "testdata/server-2.6.32", "testdata/server-2.6.32-later")
	if got := second["diskio_util_percent_dm-0"]; got != 100 {
		t.Errorf("15 s busy in 10 s gives %v %%", got)
	}
}

func TestResetGivesNoRate(t *testing.T) {
	_, second := plugintest.Twice(t, Plugin, "", "testdata/server-2.6.32-later", "testdata/server-2.6.32")
	for key, v := range second {
		if strings.Contains(key, "_rate_") || strings.Contains(key, "util") || strings.Contains(key, "await") {
			t.Errorf("%s is %v after a reset", key, v)
		}
	}
}

// A device that comes back is a new one: its counters started again, whatever their values.
func TestRemovedDeviceIsForgotten(t *testing.T) {
	const sda, sdb = "8 0 sda 1 1 1 1 1 1 1 1 1 1 1\n", "8 16 sdb 9 9 9 9 9 9 9 9 9 9 9\n"
	got := plugintest.ComesBack(t, Plugin, "proc/diskstats", sda+sdb, sda, sda+sdb)
	plugintest.Expect(t, got, map[string]float64{"io_reads_sdb": 9, "diskio_reads_rate_sdb": math.NaN()})
}

func TestLabels(t *testing.T) {
	b, err := plugintest.Start(t, Plugin, "", plugintest.Env("linux_io", "testdata/vm-6.18")).Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.HasSeries(t, b,
		`diskio_device{device="vda",environment="test",host="testhost",source="linux_io"}`,
		`io_read_time_ms{device="vda",environment="test",host="testhost",source="linux_io",unit="milliseconds"}`,
	)
}

func TestFilter(t *testing.T) {
	all := []string{"sda", "sda1", "loop0", "ram1", "dm-0", "rammstein"}
	for config, want := range map[string][]string{
		"":                              {"sda", "sda1", "dm-0"},
		"exclude_devices: [sda1]":       {"sda", "dm-0"},
		"include_devices: [loop0, sda]": {"sda", "loop0"},
		"{include_devices: [sda, sda1], exclude_devices: [sda]}":    {"sda1"},
		"{include_devices: ['*'], exclude_devices: ['*1', ~^loop]}": {"sda", "dm-0", "rammstein"},
	} {
		var file strings.Builder
		for _, name := range all {
			file.WriteString("8 0 " + name + " 1 2 3 4 5 6 7 8 9 10 11\n")
		}
		dir := plugintest.Files(t, "", map[string]string{"proc/diskstats": file.String()})
		got := plugintest.Start(t, Plugin, config, plugintest.Env("linux_io", dir)).Gather(0)
		var names []string
		for _, name := range all {
			if _, ok := got["io_reads_"+name]; ok {
				names = append(names, name)
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("%q selects %v, want %v", config, names, want)
		}
	}
}

func TestParseDeviceOddLines(t *testing.T) {
	for line, want := range map[string]string{
		"8 0 sda 1 2 3 4 5 6 7 8 9 10 11":             "sda",
		"8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15": "sda",
		"8 0 sda 1 2 3 4 5 6 7 8 -1 10 11":            "sda", // requests in flight below zero
		"8 1 sda1 1 2 3 4":                            "",    // a partition of early 2.6
		"8 0 sda 1 2 3 4 5 6 7 8 9 10":                "",    // truncated
		"8 0 sda 1 2 3 x 5 6 7 8 9 10 11":             "",
		"8 0":                                         "",
		"":                                            "",
	} {
		name, s, ok := parseDevice([]byte(line))
		if ok != (want != "") || ok && (string(name) != want || s.busy != 10) {
			t.Errorf("%q is %q %v %v, want %q", line, name, s, ok, want)
		}
	}
}

func TestMissingFileIsAnError(t *testing.T) {
	if _, err := plugintest.Start(t, Plugin, "", plugintest.Env("linux_io", t.TempDir())).Batch(0); err == nil {
		t.Error("no error")
	}
}

// TestCountersReadZeroOnce checks that counters that read 0 once yield no time per operation.
func TestCountersReadZeroOnce(t *testing.T) {
	dir := t.TempDir()
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_io", dir))
	for i, tt := range []struct {
		line string
		want float64 // 0: none
	}{
		{"1000 0 8000 500000", 0}, {"1010 0 8000 500020", 2}, {"0 0 0 0", 0}, {"1020 0 8000 500040", 0}, {"1030 0 8000 500060", 2},
	} {
		plugintest.Files(t, dir, map[string]string{"proc/diskstats": "254 0 vda " + tt.line + " 0 0 0 0 0 0 0\n"})
		if got := p.Gather(float64(i))["diskio_read_await_vda"]; got != tt.want {
			t.Errorf("gather %d: %v, want %v", i, got, tt.want)
		}
	}
}

func FuzzParseDevice(f *testing.F) {
	plugintest.SeedLines(f, "testdata/*/proc/diskstats")
	f.Fuzz(func(t *testing.T, line []byte) {
		name, s, ok := parseDevice(line)
		if ok && len(name) == 0 {
			t.Error("a device without a name")
		}
		for _, v := range s.counters {
			if v < 0 {
				t.Errorf("negative counter in %v", s)
			}
		}
	})
}
