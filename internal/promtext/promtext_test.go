package promtext

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func readTestdata(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parseWithExpfmt parses a page with the library of Prometheus.
func parseWithExpfmt(t testing.TB, page []byte) map[string]float64 {
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

// parseWithParser parses a page with the parser of this package.
func parseWithParser(t testing.TB, page []byte) map[string]float64 {
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

func nodeExporterPage(t testing.TB) []byte {
	t.Helper()
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
	return page
}

// The parser and the library of Prometheus agree on the page of a real exporter.
func TestAgainstExpfmt(t *testing.T) {
	page := nodeExporterPage(t)
	want := parseWithExpfmt(t, page)
	if diff := cmp.Diff(want, parseWithParser(t, page)); diff != "" || len(want) < 200 {
		t.Errorf("%d samples: %s", len(want), diff)
	}
}

// gatherPage returns the samples of a page by their names and labels, without the labels of the reader.
func gatherPage(t *testing.T, r *Reader, second int, page string) (map[string]float64, error) {
	t.Helper()
	at := time.Unix(1_700_000_000+int64(second), 0)
	out := telemetry.NewBatch(at, at, 0)
	n, err := r.Read(out, []byte(page))
	m := map[string]float64{}
	for i := range out.Len() {
		s, _, v := out.Sample(i)
		key := s.Name()
		for _, l := range s.Labels() {
			if l.Key != "host" && l.Key != "source" {
				key += " " + l.Key + "=" + l.Value
			}
		}
		if _, twice := m[key]; twice {
			t.Errorf("%s appears twice", key)
		}
		m[key] = v
	}
	if n > strings.Count(page, "\n")+1 {
		t.Errorf("%d samples of %q", n, page)
	}
	return m, err
}

func newReader() *Reader {
	return NewReader(telemetry.NewFactory("h", "test", nil), telemetry.Label{Key: "of", Value: "x"})
}

func TestReservedNamesAndLabels(t *testing.T) {
	r := newReader()
	r.ReservedNames = []string{"up"}
	got, err := gatherPage(t, r, 0, "up 0\nup{of=\"y\",host=\"z\"} 1\nup_to 2\n")
	want := map[string]float64{"exported_up of=x": 0, "exported_up exported_host=z exported_of=y of=x": 1, "up_to of=x": 2}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// A page that is too long gives the same series each time.
func TestMaxSamples(t *testing.T) {
	r := newReader()
	r.MaxSamples = 3
	for i := range 3 {
		got, err := gatherPage(t, r, i, "a 1\nb 2\nc 3\nd 4\n")
		if err == nil || err.Error() != "the page has more than 3 samples: the rest is left out" || len(got) != 3 {
			t.Errorf("%v %v", got, err)
		}
		if got, err := gatherPage(t, r, i, "a 1\nb 2\nc 3\n"); err != nil || len(got) != 3 {
			t.Errorf("as many as may be: %v %v", got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(readTestdata(f, "text")))
	f.Add([]byte(readTestdata(f, "openmetrics")))
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

// Two IDs have the same identity exactly if they mean the same series, whatever the order of their labels.
func FuzzIdentity(f *testing.F) {
	f.Add(`m{a="1",b="2"}`, `m{b="2",a="1"}`)
	f.Add(`m{a="1\",b=\"2"}`, `{"m{a",b="2"}`)
	f.Add(`{"m",le="1",a=""}`, "m{le=\"1\"}")
	f.Fuzz(func(t *testing.T, first, second string) {
		read := func(id string) (meaning, key string, ok bool) {
			name, labels, ok := parseID(id)
			labels = sortLabels(labels)
			key = identity(name, labels)
			slices.Reverse(labels)
			if again := identity(name, sortLabels(labels)); again != key {
				t.Errorf("%q is %q, and %q in another order", id, key, again)
			}
			return fmt.Sprintf("%q %q", name, sortLabels(labels)), key, ok
		}
		a, keyA, okA := read(first)
		b, keyB, okB := read(second)
		if okA && okB && (a == b) != (keyA == keyB) {
			t.Errorf("%s is %q, and %s is %q", a, keyA, b, keyB)
		}
	})
}

// largePage returns a page of counters with three labels.
func largePage(n int) string {
	var b strings.Builder
	b.WriteString("# TYPE requests_total counter\n")
	for i := range n {
		fmt.Fprintf(&b, "requests_total{code=\"200\",handler=\"/api/v1/%d\",method=\"GET\"} %d\n", i, i*7)
	}
	return b.String()
}

// BenchmarkRead reads a page of known series, without the request. For comparison it also parses the page with the library
// of Prometheus.
func BenchmarkRead(b *testing.B) {
	node := nodeExporterPage(b)
	for name, page := range map[string][]byte{"node_exporter": node, "10000": []byte(largePage(10_000))} {
		b.Run(name, func(b *testing.B) {
			r := NewReader(telemetry.NewFactory("h", "prometheus", nil))
			at, samples := time.Now(), 0
			for b.Loop() {
				at = at.Add(time.Second)
				out := telemetry.NewBatch(at, at, 30_000)
				if _, err := r.Read(out, page); err != nil {
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
