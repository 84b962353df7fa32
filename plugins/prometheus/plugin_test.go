package prometheus

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// request is what one request costs in allocations: net/http makes them, and the server of the test as many again.
const request = 150

func recorded(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func serve(t testing.TB, page string) string { return httpxtest.Page(t, page).URL + "/metrics" }

func TestPlugin(t *testing.T) {
	text, om := serve(t, recorded(t, "text")), serve(t, recorded(t, "openmetrics"))
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "text", Config: "url: " + text, Allocs: request},
		plugintest.Case{Name: "openmetrics", Config: "url: " + om, Allocs: request},
		plugintest.Case{Name: "several", Config: "{url: '" + om + "', urls: ['" + text + "?a', '" + text + "?b']}", Allocs: 3 * request},
		plugintest.Case{Name: "large", Config: "url: " + serve(t, large(10_000)), Allocs: request},
		plugintest.Case{Name: "one is gone", Config: "urls: ['" + text + "', 'http://" + servicetest.Refusing + "']", Error: "is it running?"},
	)
}

// gather returns the samples as in a page: names with the labels that come from it.
func gather(t testing.TB, p *plugintest.Probe, second float64) map[string]float64 {
	t.Helper()
	b, err := p.Batch(second)
	if err != nil {
		t.Error(err)
	}
	m := map[string]float64{}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
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
	p := plugintest.Start(t, Plugin, "url: "+serve(t, recorded(t, "text")), plugintest.Env("prometheus", ""))
	first := gather(t, p, 0)
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
		"temperature_celsius exported_exported_host=d exported_host=fridge exported_instance=a exported_source=b exported_unit=c unit=celsius": -3.5,
		`screen_inches size=5" {} x`: 1,
		"jobs":                       5,
		"jobs_rate":                  7, // the page's own; not ours
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	second := gather(t, p, 10)
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
	p := plugintest.Start(t, Plugin, "url: "+serve(t, recorded(t, "openmetrics")), plugintest.Env("prometheus", ""))
	want := map[string]float64{
		"acme_http_router_request_seconds_sum method=GET path=/api/v1 unit=seconds": 9036.32,
		"acme_http_router_request_seconds_count method=GET path=/api/v1":            807283,
		"acme_http_router_request_seconds_created method=GET path=/api/v1":          1605281325,
		"go_goroutines": 69, "foo_total": 17, "foo_created": 1605281325,
		"bar_bucket le=1.0": 3, "bar_bucket le=+Inf": 4, "bar_count": 4, "bar_sum": 9.5,
		"build_info version=1": 1, "my.metric my.label=x": 2,
	}
	if diff := cmp.Diff(want, gather(t, p, 0)); diff != "" {
		t.Error(diff)
	}
	if got := gather(t, p, 10); got["foo_total_rate unit=per_second"] != 0 || len(got) != len(want)+7 {
		t.Errorf("%d series, then %v", len(want), got)
	}
}

// TestComesAndGoes: rates, resets, a series that vanishes, and a metric that becomes a counter.
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
		if diff := cmp.Diff(c.want, gather(t, p, float64(10*i))); diff != "" {
			t.Errorf("page %d: %s", i, diff)
		}
	}
	if n := p.Input.Gatherer.(*input).targets[0].series.Len(); n != 1 {
		t.Errorf("%d series are remembered, want 1", n)
	}
}

// The older format is preferred: it has no series that say when others were created.
func TestFormatIsAskedFor(t *testing.T) {
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "asked{for=%q} 1\n", r.Header.Get("Accept"))
	})
	for key := range gather(t, plugintest.Start(t, Plugin, "url: "+s.URL, plugintest.Env("prometheus", "")), 0) {
		if !strings.HasPrefix(key, "asked for=text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5") {
			t.Error(key)
		}
	}
}

func TestWrongLines(t *testing.T) {
	for _, line := range []string{"a", "a{", "a{x} 1", "a{x=\"1} 1", "a{x=1} 1", "a b", "{} 1", "a{x=\"1\" y=\"2\"} 1", "a{=\"1\"} 1", "a{\"x\"} 1", "a{x=\"1\"}", "\x00\xff noise"} {
		p := plugintest.Start(t, Plugin, "url: "+serve(t, "good 1\n"+line+"\n"+line+"\nfine 2\n"), plugintest.Env("prometheus", ""))
		for i := range 2 {
			b, err := p.Batch(float64(i))
			if err == nil || !strings.Contains(err.Error(), "/metrics: line 2 is no sample: ") || !strings.HasSuffix(err.Error(), ", and 1 more") || b.Len() != 2 {
				t.Errorf("%q: %d samples, %v", line, b.Len(), err)
			}
		}
	}
}

// byExpfmt reads a page with Prometheus' own library.
func byExpfmt(t testing.TB, page []byte) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]float64{}
	for name, f := range families {
		for _, metric := range f.Metric {
			labels := metric.Label
			add := func(suffix string, v float64, extra ...string) {
				var s strings.Builder
				for _, l := range labels {
					fmt.Fprintf(&s, " %s=%s", l.GetName(), l.GetValue())
				}
				if !math.IsNaN(v) && !math.IsInf(v, 0) {
					m[name+suffix+s.String()+strings.Join(extra, "")] = v
				}
			}
			addMetric(metric, add)
		}
	}
	return m
}

func addMetric(metric *dto.Metric, add func(suffix string, v float64, extra ...string)) {
	switch {
	case metric.Counter != nil:
		add("", metric.Counter.GetValue())
	case metric.Gauge != nil:
		add("", metric.Gauge.GetValue())
	case metric.Untyped != nil:
		add("", metric.Untyped.GetValue())
	case metric.Summary != nil:
		add("_sum", metric.Summary.GetSampleSum())
		add("_count", float64(metric.Summary.GetSampleCount()))
		for _, q := range metric.Summary.Quantile {
			add("", q.GetValue(), fmt.Sprintf(" quantile=%v", q.GetQuantile()))
		}
	case metric.Histogram != nil:
		add("_sum", metric.Histogram.GetSampleSum())
		add("_count", float64(metric.Histogram.GetSampleCount()))
		for _, b := range metric.Histogram.Bucket {
			add("_bucket", float64(b.GetCumulativeCount()), fmt.Sprintf(" le=%v", b.GetUpperBound()))
		}
	}
}

// byUs reads a page with the parser of this package.
func byUs(t testing.TB, page []byte) map[string]float64 {
	t.Helper()
	m := map[string]float64{}
	p := parser{rest: page}
	for {
		s, line, ok, more := p.next()
		if !more {
			return m
		}
		name, labels, readable := parseID(string(s.id))
		if !ok || !readable {
			t.Fatalf("line %d: %q", p.line, line)
		}
		for _, l := range labels {
			name += " " + l.Key + "=" + l.Value
		}
		if !math.IsNaN(s.value) && !math.IsInf(s.value, 0) {
			m[name] = s.value
		}
	}
}

func nodeExporterPage(t testing.TB) (*httpxtest.Daemon, []byte) {
	d := httpxtest.Start(t, "prometheus-node-exporter", nil, "prometheus-node-exporter", "--web.listen-address=127.0.0.1:$PORT")
	resp, err := http.Get(d.URL("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return d, page
}

// TestAgainstNodeExporter reads the same page of the real exporter with Prometheus' own library, and gathers from it.
func TestAgainstNodeExporter(t *testing.T) {
	d, page := nodeExporterPage(t)
	want := byExpfmt(t, page)
	if diff := cmp.Diff(want, byUs(t, page)); diff != "" || len(want) < 200 {
		t.Errorf("%d samples: %s", len(want), diff)
	}
	p := plugintest.Start(t, Plugin, "url: "+d.URL("/metrics"), plugintest.Env("prometheus", ""))
	before := gather(t, p, 0)
	d.Stop()
	if b, err := p.Batch(5); err == nil || b.Len() != 0 {
		t.Errorf("%d samples of one that is down: %v", b.Len(), err)
	}
	d.Run()
	after := gather(t, p, 10)
	if len(before) < 200 || len(after) < len(before) {
		t.Errorf("%d samples, then %d", len(before), len(after))
	}
	memory := "node_memory_MemTotal_bytes unit=bytes"
	if after[memory] != want["node_memory_MemTotal_bytes"] || after[memory] == 0 {
		t.Errorf("memory: %v, the page says %v", after[memory], want["node_memory_MemTotal_bytes"])
	}
}

func TestMisbehaving(t *testing.T) {
	good := serve(t, "a 1\n")
	for want, addr := range httpxtest.Misbehaving(t) {
		if want == "answers with more than" {
			continue // 64 MiB of metrics take too long for a test; internal/httpx has one
		}
		t.Run(want, func(t *testing.T) {
			p := plugintest.Start(t, Plugin, "urls: ['http://"+addr+"/', '"+good+"']", plugintest.Env("prometheus", ""))
			b, err := p.Within(httpxtest.Patience(want), 0)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %s", err, want)
			}
			if b.Len() != 1 {
				t.Errorf("%d samples of the other target", b.Len())
			}
		})
	}
}

// TestNothingLeaks asks a server that comes and goes, and one that is not there.
func TestNothingLeaks(t *testing.T) {
	url, turn := httpxtest.Flapping(t, "a 1\nb 2\n")
	p := plugintest.Start(t, Plugin, "urls: ['"+url+"', 'http://"+servicetest.Refusing+"']", plugintest.Env("prometheus", ""))
	servicetest.NoLeaks(t, 500, func(round int) {
		turn(round)
		if b, err := p.Batch(float64(round)); err == nil || (b.Len() > 0) != (round%5 == 0) {
			t.Fatalf("round %d: %d samples, %v", round, b.Len(), err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(recorded(f, "text")))
	f.Add([]byte(recorded(f, "openmetrics")))
	f.Add([]byte("#TYPE\n# TYPE a\na{}1\n{} 1\n{\"\\\" 1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parser{rest: data}
		for {
			s, line, ok, more := p.next()
			if !more {
				break
			}
			name, labels, readable := parseID(string(s.id))
			if ok && !bytes.HasPrefix(line, s.id) || ok && !bytes.HasPrefix(s.id, s.name) {
				t.Errorf("%q has the ID %q and the name %q", line, s.id, s.name)
			}
			for _, l := range labels {
				if readable && (l.Key == "" || name == "") {
					t.Errorf("%q: an empty name", line)
				}
			}
		}
	})
}

// large is a page of counters with three labels.
func large(n int) string {
	var b strings.Builder
	b.WriteString("# TYPE requests_total counter\n")
	for i := range n {
		fmt.Fprintf(&b, "requests_total{code=\"200\",handler=\"/api/v1/%d\",method=\"GET\"} %d\n", i, i*7)
	}
	return b.String()
}

// BenchmarkRead is a page in steady state, without the request; the other is what Prometheus' own library takes for parsing alone.
func BenchmarkRead(b *testing.B) {
	_, node := nodeExporterPage(b)
	for name, page := range map[string][]byte{"node_exporter": node, "10000": []byte(large(10_000))} {
		b.Run(name, func(b *testing.B) {
			in, err := build(plugintest.Env("prometheus", ""), defaults())
			if err != nil {
				b.Fatal(err)
			}
			t := in.targets[0]
			t.text = page
			at, samples := time.Now(), 0
			for b.Loop() {
				at = at.Add(time.Second)
				out := telemetry.NewBatch(at, at, 30_000)
				if err := t.read(out); err != nil {
					b.Fatal(err)
				}
				samples += out.Len()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(samples), "ns/sample")
		})
		b.Run(name+"/expfmt", func(b *testing.B) {
			for b.Loop() {
				parser := expfmt.NewTextParser(model.UTF8Validation)
				if _, err := parser.TextToMetricFamilies(bytes.NewReader(page)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
