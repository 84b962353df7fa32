package prometheus

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// allocsPerRequest bounds the allocations of a request: net/http makes half of them, the server of the test the other half.
const allocsPerRequest = 150

func readTestdata(t testing.TB, name string) string {
	return plugintest.Read(t, "../../internal/promtext/testdata/"+name)
}

func servePage(t testing.TB, page string) string { return httpxtest.Page(t, page).URL + "/metrics" }

func TestPlugin(t *testing.T) {
	var many string
	for i := range 10_000 {
		many += fmt.Sprintf("requests{handler=\"/api/v1/%d\"} 1\n", i)
	}
	text, om := servePage(t, readTestdata(t, "text")), servePage(t, readTestdata(t, "openmetrics"))
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "text", Config: "url: " + text, Allocs: allocsPerRequest},
		plugintest.Case{Name: "openmetrics", Config: "url: " + om, Allocs: allocsPerRequest},
		plugintest.Case{Name: "several", Config: "{url: '" + om + "', urls: ['" + text + "?a', '" + text + "?b']}", Allocs: 3 * allocsPerRequest},
		plugintest.Case{Name: "large", Config: "url: " + servePage(t, many), Allocs: allocsPerRequest},
		plugintest.Case{Name: "one is down", Config: "urls: ['" + text + "', 'http://" + servicetest.RefusingAddr + "']", Error: "cannot be reached: start it"},
	)
}

// gatherPage returns the samples by their names and labels as on the page, without those about the target.
func gatherPage(t testing.TB, p *plugintest.Probe, second float64) map[string]float64 {
	t.Helper()
	b, err := p.Batch(second)
	if err != nil {
		t.Error(err)
	}
	m := map[string]float64{}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		if slices.Contains([]string{metricUp, metricDuration, metricSamples}, s.Name()) {
			continue
		}
		var labels []string
		for _, l := range s.Labels() {
			switch l.Key {
			case "host", "source", "instance", "environment":
			default:
				labels = append(labels, l.Key+"="+l.Value)
			}
		}
		m[strings.TrimSpace(s.Name()+" "+strings.Join(labels, " "))] = v
	}
	return m
}

func TestText(t *testing.T) {
	p := plugintest.Start(t, Plugin, "url: "+servePage(t, readTestdata(t, "text")), plugintest.Env("prometheus", ""))
	first := gatherPage(t, p, 0)
	want := map[string]float64{
		"http_requests_total code=200 method=post": 1027,
		"http_requests_total code=400 method=post": 3,
		"msdos_file_access_time_seconds error=Cannot find file:\n\"FILE.TXT\" {} path=C:\\DIR\\FILE.TXT unit=seconds": 1.458255915e9,
		"metric_without_timestamp_and_labels":             12.47,
		"http_request_duration_seconds_bucket le=0.05":    24054,
		"http_request_duration_seconds_bucket le=0.1":     33444,
		"http_request_duration_seconds_bucket le=+Inf":    144320,
		"http_request_duration_seconds_sum unit=seconds":  53423,
		"http_request_duration_seconds_count":             144320,
		"rpc_duration_seconds quantile=0.01 unit=seconds": 3102,
		"rpc_duration_seconds quantile=0.99 unit=seconds": 76656,
		"rpc_duration_seconds_sum unit=seconds":           17560473,
		"rpc_duration_seconds_count":                      2693,
		"temperature_celsius exported_exported_host=fridge exported_host=d exported_instance=a exported_source=b exported_unit=c unit=celsius": -3.5,
		`screen_inches size=5" {} x`: 1,
		"jobs":                       5,
		"jobs_rate":                  7, // from the page, not computed
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	second := gatherPage(t, p, 10)
	for _, name := range []string{"http_requests_total_rate code=200 method=post unit=per_second", "http_request_duration_seconds_bucket_rate le=0.1 unit=per_second",
		"http_request_duration_seconds_sum_rate unit=seconds_per_second", "rpc_duration_seconds_count_rate unit=per_second"} {
		if v, has := second[name]; !has || v != 0 {
			t.Errorf("no %s", name)
		}
	}
	if len(second) != len(first)+9 { // 2 of requests, 5 of the histogram, 2 of the summary
		t.Errorf("%d series, then %d: %v", len(first), len(second), second)
	}
}

func TestOpenMetrics(t *testing.T) {
	p := plugintest.Start(t, Plugin, "url: "+servePage(t, readTestdata(t, "openmetrics")), plugintest.Env("prometheus", ""))
	want := map[string]float64{
		"acme_http_router_request_seconds_sum method=GET path=/api/v1 unit=seconds": 9036.32,
		"acme_http_router_request_seconds_count method=GET path=/api/v1":            807283,
		"acme_http_router_request_seconds_created method=GET path=/api/v1":          1605281325,
		"go_goroutines": 69, "foo_total": 17, "foo_created": 1605281325,
		"bar_bucket le=1.0": 3, "bar_bucket le=+Inf": 4, "bar_count": 4, "bar_sum": 9.5,
		"build_info version=1": 1, "my.metric my.label=x": 2,
	}
	if diff := cmp.Diff(want, gatherPage(t, p, 0)); diff != "" {
		t.Error(diff)
	}
	if got := gatherPage(t, p, 10); got["foo_total_rate unit=per_second"] != 0 || len(got) != len(want)+7 {
		t.Errorf("%d series, then %v", len(want), got)
	}
}

// Rates, resets, a series that vanishes, and a metric that becomes a counter.
func TestComesAndGoes(t *testing.T) {
	var page atomic.Value
	s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page.Load().(string)) })
	p := plugintest.Start(t, Plugin, "url: "+s.URL, plugintest.Env("prometheus", ""))
	for i, c := range []struct {
		page string
		want map[string]float64
	}{
		{"# TYPE a counter\na 10\nb 1\nc{x=\"\"} 1\nc{x=\"1\"} 2\na 11\n", map[string]float64{"a": 10, "b": 1, "c": 1, "c x=1": 2}},
		{"# TYPE a counter\na 30\n# TYPE b counter\r\nb 5\r\n", map[string]float64{"a": 30, "a_rate unit=per_second": 2, "b": 5}},
		{"# TYPE a counter\na 3\n# TYPE b counter\nb 5", map[string]float64{"a": 3, "b": 5, "b_rate unit=per_second": 0}},
		{"# TYPE a counter\na 4", map[string]float64{"a": 4, "a_rate unit=per_second": .1}},
		{"# TYPE a counter\na Nan\n", map[string]float64{}},
		{"", nil}, {"b 1", map[string]float64{"b": 1}}, {"b 1", map[string]float64{"b": 1}}, {"b 1", map[string]float64{"b": 1}},
	} {
		page.Store(c.page)
		if c.want == nil {
			continue
		}
		if diff := cmp.Diff(c.want, gatherPage(t, p, float64(10*i))); diff != "" {
			t.Errorf("page %d: %s", i, diff)
		}
	}
	if n := p.Input.Gatherer.(httpx.Group[*target])[0].reader.Len(); n != 1 {
		t.Errorf("%d series are remembered, want 1", n)
	}
}

// The older format is preferred, because it has no series with the creation times of other series.
func TestFormatIsAskedFor(t *testing.T) {
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "asked{for=%q} 1\n", r.Header.Get("Accept"))
	})
	for key := range gatherPage(t, plugintest.Start(t, Plugin, "url: "+s.URL, plugintest.Env("prometheus", "")), 0) {
		if !strings.HasPrefix(key, "asked for=text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5") {
			t.Error(key)
		}
	}
}

func TestWrongLines(t *testing.T) {
	for _, line := range []string{"a", "a{", "a{x} 1", "a{x=\"1} 1", "a{x=1} 1", "a b", "{} 1", "a{x=\"1\" y=\"2\"} 1", "a{=\"1\"} 1", "a{\"x\"} 1", "a{x=\"1\"}", "\x00\xff noise"} {
		p := plugintest.Start(t, Plugin, "url: "+servePage(t, "good 1\n"+line+"\n"+line+"\nfine 2\n"), plugintest.Env("prometheus", ""))
		for i := range 2 {
			b, err := p.Batch(float64(i))
			if err == nil || !strings.Contains(err.Error(), "/metrics: line 2 is not a sample: ") || !strings.HasSuffix(err.Error(), ", and 1 more") || b.Len() != 2+3 {
				t.Errorf("%q: %d samples, %v", line, b.Len(), err)
			}
		}
	}
}

// The input gathers from a real exporter, which is stopped and started again.
func TestAgainstNodeExporter(t *testing.T) {
	d := httpxtest.Start(t, "prometheus-node-exporter", nil, "prometheus-node-exporter", "--web.listen-address=127.0.0.1:$PORT")
	p := plugintest.Start(t, Plugin, "{url: '"+d.URL("/metrics")+"', gzip: true}", plugintest.Env("prometheus", ""))
	instance := "_127.0.0.1:" + d.Port
	before := p.Gather(0)
	d.Stop()
	b, err := p.Batch(5)
	if values := plugintest.ByKey(b); err == nil || b.Len() != 3 || values["up"+instance] != 0 {
		t.Errorf("the exporter is down: %v, %v", values, err)
	}
	d.Run()
	after := p.Gather(10)
	if len(before) < 200 || len(after) < len(before) {
		t.Errorf("%d samples, then %d", len(before), len(after))
	}
	if before["up"+instance] != 1 || after["up"+instance] != 1 || before["scrape_samples_scraped"+instance] < float64(len(before)-3) || before["scrape_duration_seconds"+instance] <= 0 {
		t.Errorf("%v", before)
	}
	if memory := "node_memory_MemTotal_bytes" + instance; after[memory] == 0 || after[memory] != before[memory] {
		t.Errorf("memory: %v, then %v", before[memory], after[memory])
	}
}

// With gzip the request asks for a compressed page, and the limit applies to the decompressed page.
func TestGzip(t *testing.T) {
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			defer packed.Close()
			_, _ = io.WriteString(packed, "packed 1\n")
			return
		}
		_, _ = io.WriteString(w, "plain 1\n")
	})
	for config, want := range map[string]string{"url: " + s.URL: "plain", "{gzip: true, url: '" + s.URL + "'}": "packed"} {
		if got := gatherPage(t, plugintest.Start(t, Plugin, config, plugintest.Env("prometheus", "")), 0); len(got) != 1 || got[want] != 1 {
			t.Errorf("%s: %v", config, got)
		}
	}
}

func TestMisbehaving(t *testing.T) {
	good := servePage(t, "a 1\n")
	withGood := func(addr string) string { return "urls: ['http://" + addr + "/', '" + good + "']" }
	servers := httpxtest.Misbehaving(t)
	delete(servers, "answers with more than") // 64 MiB of metrics take too long for a test; internal/httpx has one
	plugintest.Misbehaving(t, Plugin, servers, withGood, func(t *testing.T, addr string, b *telemetry.Batch) {
		if values := plugintest.ByKey(b); b.Len() != 1+2*3 || values["up_"+addr] != 0 || values["up_"+strings.TrimSuffix(strings.TrimPrefix(good, "http://"), "/metrics")] != 1 {
			t.Errorf("%v", values)
		}
	})
}

func TestNothingLeaks(t *testing.T) {
	const own = 2 * 3 // samples about the scrapes
	plugintest.Flapping(t, Plugin, "a 1\nb 2\n", own)
}
