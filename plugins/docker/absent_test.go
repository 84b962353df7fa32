package docker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// seriesNames returns the names of the series from one answer, sorted and without their prefix.
func seriesNames(t *testing.T, page string) []string {
	t.Helper()
	s, err := decodeJSON[stats]([]byte(page))
	if err != nil {
		t.Fatal(err)
	}
	u := newUsageSeries(telemetry.NewFactory("h", "docker", nil), nil)
	b := telemetry.NewBatch(time.Unix(1, 0), time.Unix(1, 0), 0)
	u.addStats(b, s, false)
	var got []string
	for i := range b.Len() {
		series, _, _ := b.Sample(i)
		got = append(got, strings.TrimPrefix(series.Name(), "docker_"))
	}
	slices.Sort(got)
	return got
}

// Values that the kernel does not measure have no samples, instead of 0.
func TestUnmeasuredValuesHaveNoSamples(t *testing.T) {
	const (
		cpu    = `"cpu_stats": {"cpu_usage": {"total_usage": 1000, "usage_in_kernelmode": 400, "usage_in_usermode": 600}, "online_cpus": 4, "throttling_data": {}}`
		zeroes = `{"anon": 0, "file": 0, "inactive_file": 0, "pgmajfault": 0}`
		rest   = "cpu_online cpu_periods cpu_system cpu_throttled_periods cpu_throttled_time cpu_usage cpu_user"
	)
	for page, want := range map[string]string{
		`{` + cpu + `, "memory_stats": {}}`: rest, // Raspberry Pi OS: no memory controller
		`{` + cpu + `}`:                     rest,
		`{` + cpu + `, "memory_stats": {"stats": ` + zeroes + `}}`:                rest,
		`{` + cpu + `, "memory_stats": {"stats": ` + zeroes + `, "limit": 8e9}}`:  rest,
		`{` + cpu + `, "memory_stats": {"usage": 5, "stats": ` + zeroes + `}}`:    rest + " mem_cache mem_failcnt mem_major_faults mem_rss mem_usage",
		`{` + cpu + `, "blkio_stats": {"io_service_bytes_recursive": null}}`:      rest,
		`{` + cpu + `, "pids_stats": {}}`:                                         rest,
		`{` + cpu + `, "pids_stats": {"current": 3, "limit": 9}}`:                 rest + " pids pids_limit",
		`{"cpu_stats": {"cpu_usage": {"total_usage": 0}, "throttling_data": {}}}`: "",
		`{"cpu_stats": {}}`: "",
		`{}`:                "",
		`{"cpu_stats": {"cpu_usage": {"total_usage": 9}}}`: "cpu_usage",
	} {
		if got := strings.Join(seriesNames(t, page), " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", page, got, want)
		}
	}
}
