package prometheusendpoint_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	endpoint "github.com/rtcollector/rtcollector/outputs/prometheus_endpoint"
)

func TestConformance(t *testing.T) {
	outputtest.Run(t, outputtest.Case{Definition: endpoint.Plugin, Config: "listen: 127.0.0.1:0"})
}

var epoch = time.UnixMilli(1_700_000_000_000)

func newOutput(t testing.TB, log *servicetest.Log, change func(*endpoint.Config)) *endpoint.Output {
	t.Helper()
	c := endpoint.Defaults()
	c.Listen = "127.0.0.1:0"
	if change != nil {
		change(&c)
	}
	if log == nil {
		log = &servicetest.Log{}
	}
	describe := func(name string) (metricdoc.Metric, bool) {
		return metricdoc.Metric{Source: "`/proc/stat` \\ \"quoted\"\nline"}, name == "described"
	}
	o, err := endpoint.New(outputs.Env{Host: "h1", Log: slog.New(slog.NewTextHandler(log, nil)), Describe: describe}, c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// sample is a series and its value.
type sample struct {
	series *telemetry.Series
	value  float64
}

func batchOf(at time.Time, samples ...sample) *telemetry.Batch {
	b := telemetry.NewBatch(at, at, len(samples))
	for _, s := range samples {
		b.AddAt(s.series, s.value, at.UnixMilli())
	}
	return b
}

func label(kv ...string) (all []telemetry.Label) {
	for i := 0; i < len(kv); i += 2 {
		all = append(all, telemetry.Label{Key: kv[i], Value: kv[i+1]})
	}
	return all
}

// lintPage returns what promtool calls an error, "" if there is none. Its advice about names is not an error.
func lintPage(t testing.TB, page string) string {
	t.Helper()
	servicetest.RequireCommands(t, "prometheus", "promtool")
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(page)
	out, _ := cmd.CombinedOutput() // advice has an exit code, too
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "error") || strings.Contains(line, "no help text") {
			return line
		}
	}
	return ""
}

var (
	lineOfPage  = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)( -?\d+)?$`)
	emptyLabels = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*="",?`)
)

// findFault returns a fault that promtool does not find: two samples of one series, samples of a metric that do not stand together, a metric
// with two HELP or TYPE lines or none.
func findFault(page string) string {
	seen, closed := map[string]bool{}, map[string]bool{}
	helps, types := map[string]int{}, map[string]int{}
	current := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if words := strings.SplitN(line, " ", 4); words[0] == "#" {
			switch words[1] {
			case "HELP":
				helps[words[2]]++
			case "TYPE":
				types[words[2]]++
			default:
				return "comment " + line
			}
			continue
		}
		m := lineOfPage.FindStringSubmatch(line)
		if m == nil {
			return "malformed line " + line
		}
		head := strings.ReplaceAll(m[1]+emptyLabels.ReplaceAllString(m[2], ""), "{}", "")
		if seen[head] {
			return "twice: " + head
		}
		seen[head] = true
		if m[1] != current {
			if closed[m[1]] {
				return "not together: " + m[1]
			}
			closed[current] = true
			current = m[1]
		}
	}
	for head := range seen {
		name, _, _ := strings.Cut(head, "{")
		if helps[name] != 1 || types[name] != 1 {
			return fmt.Sprintf("%s has %d HELP and %d TYPE", name, helps[name], types[name])
		}
	}
	return ""
}

// TestChecks shows that promtool and findFault together find what is wrong with the pages of the case, so that the other tests can fail.
func TestChecks(t *testing.T) {
	files, err := filepath.Glob("testdata/pages/*.txt")
	if err != nil || len(files) != 25 {
		t.Fatal(len(files), err)
	}
	// What is allowed: advice only. A histogram without a bucket for +Inf cannot come from us, because we have no histograms.
	right := []string{"a-good", "g-counter-no-total", "h-gauge-total", "i-special", "v-utf8"}
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		fault := lintPage(t, string(page)) + findFault(string(page))
		if (fault == "") != slices.Contains(right, name) {
			t.Errorf("%s: %q", name, fault)
		}
	}
}

// checkPages checks the pages of an output in both formats.
func checkPages(t *testing.T, o *endpoint.Output) string {
	t.Helper()
	page := o.Page(epoch, false)
	if fault := lintPage(t, page) + findFault(page); fault != "" {
		t.Errorf("%s in\n%s", fault, page)
	}
	open := o.Page(epoch, true)
	if err := parseOpenMetrics(open); err != nil {
		t.Errorf("%v in\n%s", err, open)
	}
	return page
}

// parseOpenMetrics reads a page with Prometheus' own parser.
func parseOpenMetrics(page string) error {
	p := textparse.NewOpenMetricsParser([]byte(page), labels.NewSymbolTable())
	families, series := map[string]bool{}, map[string]bool{}
	for {
		kind, err := p.Next()
		switch {
		case err != nil && err.Error() == "EOF":
			return nil
		case err != nil:
			return err
		case kind == textparse.EntryType:
			name, _ := p.Type()
			if families[string(name)] {
				return fmt.Errorf("two families %s", name)
			}
			families[string(name)] = true
		case kind == textparse.EntrySeries:
			var l labels.Labels
			p.Labels(&l)
			if series[l.String()] {
				return fmt.Errorf("twice: %s", l)
			}
			series[l.String()] = true
		}
	}
}

func hostileLabels() [][]telemetry.Label {
	return [][]telemetry.Label{
		nil,
		label("a", "\"", "b", "\\", "c", "x\ny", "d", "x\ry", "e", "x\x00y", "f", "\xff", "g", "café"),
		label("le", "1"), label("quantile", "0.5"), label("__name__", "x"), label("job", "j"), label("a-b", "1"), label("9x", "1"), label("", "1"), label("l", ""),
		label("a-b", "1", "a_b", "2", "a.b", "3"), label("a_b", "1"), label("ü", "ü"), label("l", `\n`), label("l", "\n"), label("l", `",x="`),
	}
}

func hostileNames() []string {
	return []string{
		"a.b", "a_b", "a-b", "9x", "a:b", "é", "", "h", "h_count", "h_sum", "h_bucket", "h_total", "h_created", "up", "x_total", "x", "y_total", "y_created", "NaN",
		"rtcollector_endpoint_series", "__name__", "described", "a\nb", "a{b}", "#", "bytes_bytes", "EOF",
	}
}

func TestHostileSeries(t *testing.T) {
	log := &servicetest.Log{}
	o := newOutput(t, log, nil)
	f := telemetry.NewFactory("h1", "te\"st", map[string]string{"t-g": "v\n"})
	var samples []sample
	for i, name := range hostileNames() {
		for j, labels := range hostileLabels() {
			kind := telemetry.Kind((i + j/8) % 2) // some names have both kinds
			values := []float64{1, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -0.5, 12345678901234567890}
			samples = append(samples, sample{f.New(name, kind, telemetry.Bytes, labels...), values[(i+j)%len(values)]})
		}
	}
	err := o.WriteAt(epoch, batchOf(epoch, samples...))
	var reject *outputs.RejectError
	if !errors.As(err, &reject) || reject.N == 0 || reject.Reasons["collision"] != reject.N || !strings.Contains(err.Error(), "rename one of them") {
		t.Fatalf("error %v", err)
	}
	page := checkPages(t, o)
	if got := strings.Count(page, "\nh") + strings.Count(page, "\na"); got == 0 || !strings.Contains(page, fmt.Sprintf("\nrtcollector_endpoint_left_out_samples_total %d\n", reject.N)) {
		t.Error("samples or the count of collisions are missing")
	}
	if n := log.Count("metric is served under names"); n == 0 || n > len(hostileNames()) {
		t.Errorf("%d warnings", n)
	}
	var again *outputs.RejectError
	if err := o.WriteAt(epoch, batchOf(epoch, samples...)); !errors.As(err, &again) || again.N != reject.N {
		t.Errorf("the second time: %v", err)
	}
	checkPages(t, o)
}

// TestRandomSeries: from any set of series the page is valid.
func TestRandomSeries(t *testing.T) {
	names, sets := hostileNames(), hostileLabels()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		o := newOutput(t, nil, nil)
		for range 3 {
			var samples []sample
			for range 30 {
				f := telemetry.NewFactory("h1", []string{"one", "two"}[r.IntN(2)], nil)
				l := slices.Concat(sets[r.IntN(len(sets))], label(names[r.IntN(len(names))], "v"))
				samples = append(samples, sample{f.New(names[r.IntN(len(names))], telemetry.Kind(r.IntN(2)), telemetry.Bytes, l...), r.NormFloat64()})
			}
			b := batchOf(epoch, samples...)
			for i := range 5 {
				b.End(samples[i].series)
			}
			_ = o.WriteAt(epoch, b)
			page := o.Page(epoch, false)
			if fault := findFault(page); fault != "" {
				t.Fatalf("seed %d: %s in\n%s", seed, fault, page)
			}
			if err := parseOpenMetrics(o.Page(epoch, true)); err != nil {
				t.Fatalf("seed %d: %v in\n%s", seed, err, o.Page(epoch, true))
			}
		}
		if seed < 10 {
			checkPages(t, o)
		}
	}
}

func TestPage(t *testing.T) {
	o := newOutput(t, nil, nil)
	f := telemetry.NewFactory("h1", "test", nil)
	total, rx := f.New("cpu_seconds_total", telemetry.Counter, telemetry.Seconds), f.New("rx_bytes", telemetry.Counter, telemetry.Bytes, label("iface", "eth0")...)
	described := f.Gauge("described", telemetry.None)
	if err := o.WriteAt(epoch, batchOf(epoch, sample{total, 7}, sample{rx, 1e9}, sample{described, math.NaN()})); err != nil {
		t.Fatal(err)
	}
	if err := o.WriteAt(epoch, batchOf(epoch.Add(time.Second), sample{total, 0.25})); err != nil { // restarted
		t.Fatal(err)
	}
	_ = o.WriteAt(epoch, batchOf(epoch.Add(-time.Second), sample{total, 99})) // late
	want := `# HELP cpu_seconds_total of the input test
# TYPE cpu_seconds_total counter
cpu_seconds_total{host="h1",source="test",unit="seconds"} 0.25
# HELP described /proc/stat \\ "quoted"\nline
# TYPE described gauge
described{host="h1",source="test"} NaN
# HELP rx_bytes of the input test
# TYPE rx_bytes counter
rx_bytes{host="h1",iface="eth0",source="test",unit="bytes"} 1e+09
# HELP rtcollector_endpoint_series series on this page
# TYPE rtcollector_endpoint_series gauge
rtcollector_endpoint_series 3
`
	if page := checkPages(t, o); !strings.HasPrefix(page, want) {
		t.Errorf("got\n%s\nwant\n%s", page, want)
	}
	open := o.Page(epoch, true)
	want = `# HELP cpu_seconds of the input test
# TYPE cpu_seconds counter
# UNIT cpu_seconds seconds
cpu_seconds_total{host="h1",source="test",unit="seconds"} 0.25
cpu_seconds_created{host="h1",source="test",unit="seconds"} 1700000000.000
# HELP described /proc/stat \\ \"quoted\"\nline
# TYPE described gauge
described{host="h1",source="test"} NaN
# HELP rx_bytes of the input test
# TYPE rx_bytes unknown
# UNIT rx_bytes bytes
rx_bytes{host="h1",iface="eth0",source="test",unit="bytes"} 1e+09
`
	if !strings.HasPrefix(open, want) || !strings.HasSuffix(open, "\n# EOF\n") {
		t.Errorf("got\n%s\nwant\n%s", open, want)
	}
	both := []sample{{f.New("both", telemetry.Counter, telemetry.None, label("l", "1")...), 1}, {f.Gauge("both", telemetry.None, label("l", "2")...), 2}}
	_ = o.WriteAt(epoch, batchOf(epoch, both...))
	if page := checkPages(t, o); !strings.Contains(page, "# TYPE both untyped\n") || !strings.Contains(o.Page(epoch, true), "# TYPE both unknown\n") {
		t.Error("a metric that is a counter and a gauge has a type")
	}
	timed := newOutput(t, nil, func(c *endpoint.Config) { c.Timestamps = true })
	_ = timed.WriteAt(epoch, batchOf(epoch.Add(7), sample{f.Gauge("g", telemetry.None), 1}))
	if page := checkPages(t, timed); !strings.Contains(page, "} 1 1700000000000\n") || !strings.Contains(timed.Page(epoch, true), "} 1 1700000000.000\n") {
		t.Error(page)
	}
}

// TestSeriesGo: a series disappears when it ends, or some time after its last sample, and comes back with the next one.
func TestSeriesGo(t *testing.T) {
	o := newOutput(t, nil, nil)
	f := telemetry.NewFactory("h1", "test", nil)
	ends, stops := f.Gauge("ends", telemetry.None), f.Gauge("stops", telemetry.None)
	rare := telemetry.NewFactory("h1", "test", nil).Every(time.Hour).Gauge("rare", telemetry.None)
	shown := func(after time.Duration) string {
		var names []string
		for _, name := range []string{"ends", "stops", "rare"} {
			if strings.Contains(o.Page(epoch.Add(after), false), "\n"+name+"{") {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	b := batchOf(epoch)
	b.Add(ends, 1)
	b.Add(stops, 1)
	b.Add(rare, 1)
	_ = o.WriteAt(epoch, b)
	if got := shown(5 * time.Minute); got != "ends stops rare" {
		t.Error(got)
	}
	last := batchOf(epoch)
	last.End(ends)
	_ = o.WriteAt(epoch, last)
	if got := shown(5 * time.Minute); got != "stops rare" {
		t.Error(got)
	}
	if got := shown(5*time.Minute + 1); got != "rare" {
		t.Error(got)
	}
	if got := shown(2 * time.Hour); got != "rare" {
		t.Error(got)
	}
	_ = o.WriteAt(epoch.Add(3*time.Hour), batchOf(epoch, sample{ends, 1}))
	if got := shown(3 * time.Hour); got != "ends" {
		t.Error(got)
	}
	again := telemetry.NewFactory("h1", "test", nil).Gauge("ends", telemetry.None) // after a reload, the input makes its series anew
	if err := o.WriteAt(epoch.Add(3*time.Hour), batchOf(epoch.Add(time.Second), sample{again, 2})); err != nil || !strings.Contains(o.Page(epoch.Add(3*time.Hour), false), "} 2\n") {
		t.Error(err)
	}
}

// A series whose place is taken gets it when the other one ends.
func TestPlaceOfAnother(t *testing.T) {
	o := newOutput(t, nil, nil)
	f := telemetry.NewFactory("h1", "test", nil)
	first, second := f.Gauge("a.b", telemetry.None), f.Gauge("a_b", telemetry.None)
	b := batchOf(epoch)
	b.Add(first, 1)
	b.Add(second, 2)
	if err := o.WriteAt(epoch, b); err == nil || !strings.Contains(o.Page(epoch, false), "} 1\n") {
		t.Fatal(err)
	}
	last := batchOf(epoch)
	last.End(first)
	_ = o.WriteAt(epoch, last)
	if err := o.WriteAt(epoch, batchOf(epoch, sample{second, 2})); err != nil || !strings.Contains(o.Page(epoch, false), "} 2\n") {
		t.Error(err)
	}
}

func TestAcceptHeader(t *testing.T) {
	for header, want := range map[string]bool{
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": true,
		"": false, "*/*": false, "text/plain": false, "application/openmetrics-text": true, "application/openmetrics-text;version=0.0.1": false,
		"application/openmetrics-text;q=0": false, "application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.4": false,
		"application/openmetrics-text;q=x": false, ";;,\x00": false, "text/html,application/xhtml+xml": false,
	} {
		if got := endpoint.PrefersOpenMetrics([]string{header}); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func manySeries(n int) *telemetry.Batch {
	f := telemetry.NewFactory("server-01.example.org", "linux_net", map[string]string{"dc": "fra1", "role": "db"})
	b := telemetry.NewBatch(epoch, epoch, n)
	for i := range n {
		b.Add(f.Gauge(fmt.Sprintf("net_metric_%d_bytes_per_second", i%100), telemetry.Bytes.PerSecond(), label("iface", fmt.Sprintf("eth%d", i/100))...), float64(i)*1.37)
	}
	return b
}

// BenchmarkPage makes a page of 10,000 series.
func BenchmarkPage(b *testing.B) {
	for _, format := range []string{"text", "openmetrics"} {
		b.Run(format, func(b *testing.B) {
			o := newOutput(b, nil, nil)
			_ = o.WriteAt(epoch, manySeries(10_000))
			var page []byte
			b.ReportAllocs()
			for b.Loop() {
				page = o.AppendPage(page[:0], epoch, format == "openmetrics")
			}
			b.SetBytes(int64(len(page)))
		})
	}
}

// BenchmarkWrite writes the samples of 10,000 series that are known.
func BenchmarkWrite(b *testing.B) {
	o, batch := newOutput(b, nil, nil), manySeries(10_000)
	b.ReportAllocs()
	for b.Loop() {
		_ = o.WriteAt(epoch, batch)
	}
}
