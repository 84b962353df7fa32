package prometheusendpoint_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	endpoint "github.com/rtcollector/rtcollector/outputs/prometheus_endpoint"
)

// allMetrics requests the page.
func allMetrics(t *testing.T, o *endpoint.Output, query string) (*http.Response, string) {
	t.Helper()
	return fetch(t, http.DefaultClient, strings.Replace(o.URL(), "/metrics", "/api/v1/allmetrics?", 1)+query)
}

func writeNow(t *testing.T, o *endpoint.Output, at time.Time, samples ...sample) {
	t.Helper()
	if err := o.WriteMetrics(t.Context(), []*telemetry.Batch{batchOf(at, samples...)}); err != nil {
		t.Fatal(err)
	}
}

func TestAllMetricsPrometheus(t *testing.T) {
	o := open(t, nil)
	f := telemetry.NewFactory("h1", "test", nil)
	rx, total := f.Gauge("rx", telemetry.Bytes.PerSecond(), label("iface", "a\nb")...), f.New("restarts", telemetry.Counter, telemetry.None)
	other := telemetry.NewFactory("h2", "test", nil).Gauge("load1", telemetry.None, label("instance", "x")...)
	writeNow(t, o, epoch, sample{rx, 10}, sample{total, 3}, sample{other, 0.5})
	read := func(query, want string) {
		t.Helper()
		if resp, page := allMetrics(t, o, "format="+query); page != want || resp.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
			t.Errorf("%s: got\n%s\nwant\n%s", query, page, want)
		}
	}
	const labels = `iface="a\nb",source="test",unit="bytes_per_second"`
	read("prometheus&source=as-collected", "rtcollector_restarts_total{source=\"test\"} 3 1700000000000\nrtcollector_rx{"+labels+"} 10 1700000000000\n")
	read("prometheus", "rtcollector_rx_bytes_per_second_average{"+labels+"} 10 1700000000000\n")
	read("prometheus", "") // nothing new
	writeNow(t, o, epoch.Add(time.Second), sample{rx, 20})
	writeNow(t, o, epoch.Add(2*time.Second), sample{rx, 40}, sample{total, 4})
	read("prometheus&timestamps=no&prefix=netdata", "netdata_rx_bytes_per_second_average{"+labels+"} 30\n")
	read("prometheus&server=other&timestamps=no", "rtcollector_rx_bytes_per_second_average{"+labels+"} 40\n") // new: the newest sample
	writeNow(t, o, epoch.Add(3*time.Second), sample{rx, 5})
	writeNow(t, o, epoch.Add(4*time.Second), sample{rx, 6})
	read("prometheus&server=other&data=volume&timestamps=no&prefix=", "rx_bytes_per_second_sum{"+labels+"} 11\n")
	read("prometheus_all_hosts&source=raw&timestamps=no&types=yes&help=1", `# HELP rtcollector_load1 of the input test
# TYPE rtcollector_load1 gauge
rtcollector_load1{exported_instance="x",instance="h2",source="test"} 0.5
# HELP rtcollector_restarts_total of the input test
# TYPE rtcollector_restarts_total counter
rtcollector_restarts_total{instance="h1",source="test"} 4
# HELP rtcollector_rx of the input test
# TYPE rtcollector_rx gauge
rtcollector_rx{iface="a\nb",instance="h1",source="test",unit="bytes_per_second"} 6
`)
}

// Pages with help and types are valid, whatever the names.
func TestAllMetricsAreValid(t *testing.T) {
	o := open(t, nil)
	f := telemetry.NewFactory("h1", "test", nil)
	var samples []sample
	for i, name := range hostileNames() {
		for _, l := range hostileLabels() {
			samples = append(samples, sample{f.New(name, telemetry.Kind(i%2), []telemetry.Unit{telemetry.Bytes, "%/s", ""}[i%3], l...), math.Sqrt(float64(i - 2))})
		}
	}
	_ = o.WriteMetrics(t.Context(), []*telemetry.Batch{batchOf(epoch, samples...)})
	for _, source := range []string{"average", "sum", "as-collected"} {
		for _, format := range []string{"prometheus", "prometheus_all_hosts"} {
			_, page := allMetrics(t, o, "help=yes&types=yes&prefix=9%0A&server="+source+"&source="+source+"&format="+format)
			if fault := lintPage(t, page) + findFault(page); fault != "" || len(page) < 1000 {
				t.Errorf("%s, %s: %s in\n%s", format, source, fault, page)
			}
		}
	}
	_, page := allMetrics(t, o, "format=json")
	if !json.Valid([]byte(page)) {
		t.Error(page)
	}
	_, page = allMetrics(t, o, "format=shell")
	if out, err := exec.Command("sh", "-euc", page+"\necho $RTCOLLECTOR_X_TOTAL_VISIBLETOTAL").CombinedOutput(); err != nil || !regexp.MustCompile(`^\d+\n$`).Match(out) {
		t.Errorf("%v: %s\n%s", err, out, page)
	}
}

func TestAllMetricsShellAndJSON(t *testing.T) {
	o := open(t, nil)
	f := telemetry.NewFactory("h1", "test", nil)
	writeNow(t, o, epoch, sample{f.Gauge("disk_used", telemetry.Percent, label("mount", "/a", "x", "é\"")...), 1.6}, sample{f.Gauge("disk_used", telemetry.Percent, label("mount", "/b")...), -3.2},
		sample{f.Gauge("load", telemetry.None), math.NaN()})
	_, page := allMetrics(t, o, "")
	want := `RTCOLLECTOR_DISK_USED__B="-3"
RTCOLLECTOR_DISK_USED__A___="2"
RTCOLLECTOR_DISK_USED_VISIBLETOTAL="-2"
RTCOLLECTOR_LOAD_VISIBLETOTAL="0"
`
	if sorted(page) != sorted(want) {
		t.Errorf("got\n%s\nwant\n%s", page, want)
	}
	resp, page := allMetrics(t, o, "format=json")
	want = `{"disk_used":{"name":"disk_used","context":"disk_used","units":"percent","last_updated":1700000000,"dimensions":{` +
		`"/a_é\"":{"name":"/a_é\"","value":1.6000000},"/b":{"name":"/b","value":-3.2000000}}},` +
		`"load":{"name":"load","context":"load","units":"","last_updated":1700000000,"dimensions":{"value":{"name":"value","value":null}}}}`
	if page != want || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got\n%s\nwant\n%s", page, want)
	}
}

func sorted(page string) string {
	return strings.Join(slices.Sorted(strings.Lines(page)), "")
}

func TestAllMetricsErrors(t *testing.T) {
	o := open(t, nil)
	for query, want := range map[string]string{"format=xml": "format must be", "format=prometheus&source=max": "source must be", "data_source=max": "data_source must be"} {
		if resp, page := allMetrics(t, o, query); resp.StatusCode != http.StatusBadRequest || !strings.Contains(page, want) {
			t.Errorf("%s: %d %s", query, resp.StatusCode, page)
		}
	}
}

// TestReadersAreBounded: any number of readers takes the same memory; one that comes back after it was forgotten is new.
func TestReadersAreBounded(t *testing.T) {
	o := open(t, nil)
	g := telemetry.NewFactory("h1", "test", nil).Gauge("g", telemetry.None)
	writeNow(t, o, epoch, sample{g, 1})
	for i := range 100 {
		if _, page := allMetrics(t, o, fmt.Sprintf("format=prometheus&server=%d", i)); !strings.Contains(page, "} 1 ") {
			t.Fatalf("reader %d gets %q", i, page)
		}
	}
	if n := o.CountReaders(); n != 16 {
		t.Errorf("%d readers are remembered", n)
	}
	if _, page := allMetrics(t, o, "format=prometheus&server=99"); page != "" {
		t.Errorf("the last reader is forgotten: %s", page)
	}
	if _, page := allMetrics(t, o, "format=prometheus&server=3"); page == "" {
		t.Error("a reader that was forgotten gets nothing")
	}
}

// TestUnits: vectors of Netdata 1.12, except that no unit has no part.
func TestUnits(t *testing.T) {
	for unit, want := range map[string]string{
		"%": "_percent", "percentage": "_percentage", "kilobits/s": "_kilobits_persec", "KiB/s": "_KiB_persec", "MB/s": "_MB_persec", "B/s": "_B_persec", "a/s": "_a_persec",
		"/s": "__s", "%/s": "___persec", "requests/sec": "_requests_sec", "packets/5s": "_packets_5s", "open files": "_open_files", "": "",
	} {
		if got := endpoint.AllName("", "x", unit); got != "x"+want+"_average" {
			t.Errorf("%s: %s", unit, got)
		}
	}
}

func FuzzParameters(f *testing.F) {
	f.Add("format=prometheus&source=sum&server=x&prefix=%ff&timestamps=no")
	f.Add("format=shell&prefix=9")
	name := regexp.MustCompile(`^[A-Z0-9_]+$`)
	f.Fuzz(func(t *testing.T, text string) {
		q, _ := url.ParseQuery(text)
		r, err := endpoint.ParseAllRequest(q, "client", "prefix")
		if err != nil {
			return
		}
		if got := endpoint.ShellName(endpoint.Prefix(r) + "_x"); !name.MatchString(got) || '0' <= got[0] && got[0] <= '9' {
			t.Errorf("%q", got)
		}
		if got := endpoint.AllName(endpoint.Prefix(r), "x", text); !regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`).MatchString(got) {
			t.Errorf("%q", got)
		}
		if len(endpoint.Server(r)) > 200 || len(endpoint.Prefix(r)) > 200 {
			t.Error("unbounded")
		}
	})
}
