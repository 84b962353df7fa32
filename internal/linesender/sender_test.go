package linesender_test

import (
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/simplepattern"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// named writes "HOST.METRIC.VALUES[SUFFIX] value seconds" and replaces blanks.
type named struct{}

func (named) NewLine(s *telemetry.Series, n linesender.Naming) (head, tail []byte, isExact bool) {
	name := n.Prefix + "." + n.Host + "." + s.Name()
	for _, l := range s.Instance() {
		name += "." + l.Value
	}
	clean := strings.ReplaceAll(name, " ", "_")
	return []byte(clean + n.Suffix + " "), nil, clean == name
}

func (named) Append(buf []byte, l *linesender.Line, ms int64, v float64) []byte {
	buf = append(linesender.AppendNumber(append(buf, l.Head...), v), ' ')
	return append(linesender.AppendSeconds(buf, ms), '\n')
}

// sent returns what arrives of some writes, and their results.
func sent(t *testing.T, change func(*linesender.Config), writes ...[]*telemetry.Batch) (text string, results []linesender.Result) {
	t.Helper()
	got := make(chan string, 1)
	addr := servicetest.ServeRaw(t, func(c net.Conn) { text, _ := io.ReadAll(c); got <- string(text) })
	c := defaults(addr)
	c.Prefix = "p"
	if change != nil {
		change(&c)
	}
	s, err := linesender.New(linesender.Env{Host: "own"}, c, kind(), named{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, batches := range writes {
		r := s.Write(t.Context(), batches)
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		results = append(results, r)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return <-got, results
}

func gauge(host, name string, values ...string) *telemetry.Series {
	var labels []telemetry.Label
	for i, v := range values {
		labels = append(labels, telemetry.Label{Key: "l" + strconv.Itoa(i), Value: v})
	}
	return telemetry.NewFactory(host, "test", nil).Gauge(name, telemetry.None, labels...)
}

// at returns a batch with one value of each series, at a time in ms.
func at(ms int64, v float64, series ...*telemetry.Series) *telemetry.Batch {
	b := telemetry.NewBatch(time.UnixMilli(ms), time.UnixMilli(ms), len(series))
	for _, s := range series {
		b.AddAt(s, v, ms)
	}
	return b
}

func TestSelection(t *testing.T) {
	series := func() []*telemetry.Series {
		f := telemetry.NewFactory("own", "test", nil)
		return []*telemetry.Series{
			gauge("own", "net_rx"), gauge("own", "net_tx"), gauge("other", "net_rx"),
			f.Gauge("disk_io", telemetry.None, telemetry.Label{Key: "chart", Value: "disk.sda"}, telemetry.Label{Key: "chart_name", Value: "disk.root"}),
		}
	}
	for _, tc := range []struct{ charts, hosts, want string }{
		{"*", "*", "p.own.net_rx p.own.net_tx p.other.net_rx p.own.disk_io.disk.sda.disk.root"},
		{"net_*", "*", "p.own.net_rx p.own.net_tx p.other.net_rx"},
		{"!*_tx net_*", "*", "p.own.net_rx p.other.net_rx"},
		{"disk.sda", "*", "p.own.disk_io.disk.sda.disk.root"},
		{"!disk.root *", "*", "p.own.net_rx p.own.net_tx p.other.net_rx"},
		{"*", "localhost", "p.own.net_rx p.own.net_tx p.own.disk_io.disk.sda.disk.root"},
		{"*", "!localhost *", "p.other.net_rx"},
		{"*", "!own *", "p.other.net_rx"},
		{"net_rx", "", "p.own.net_rx p.other.net_rx"},
		{"nothing", "*", ""},
	} {
		text, results := sent(t, func(c *linesender.Config) {
			c.Charts, c.Hosts = simplepattern.Parse(tc.charts), simplepattern.Parse(tc.hosts)
		}, []*telemetry.Batch{at(1000, 1, series()...)})
		var names []string
		for line := range strings.Lines(text) {
			name, _, _ := strings.Cut(line, " ")
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != tc.want {
			t.Errorf("charts %q of hosts %q: %q, want %q", tc.charts, tc.hosts, got, tc.want)
		}
		if results[0].Settled != 4 || len(results[0].Rejected) > 0 {
			t.Errorf("%+v", results[0])
		}
	}
}

func TestHostname(t *testing.T) {
	text, _ := sent(t, func(c *linesender.Config) { c.Hostname = "web" }, []*telemetry.Batch{at(1000, 1, gauge("own", "m"), gauge("other", "m"))})
	if text != "p.web.m 1 1\np.other.m 1 1\n" {
		t.Error(text)
	}
}

// TestNoTwoSeriesShareAName has series whose names would be the same.
func TestNoTwoSeriesShareAName(t *testing.T) {
	names := func(text string) (names []string) {
		for line := range strings.Lines(text) {
			name, _, _ := strings.Cut(line, " ")
			names = append(names, name)
		}
		return names
	}
	together := func(values ...string) []*telemetry.Batch {
		b := telemetry.NewBatch(time.UnixMilli(1000), time.UnixMilli(1000), 0)
		for _, v := range values {
			b.AddAt(gauge("own", "m", v), 1, 1000)
		}
		return []*telemetry.Batch{b}
	}
	const blank, plain = "p.own.m.a_b_86c9a95c", "p.own.m.a_b"
	for name, tc := range map[string]struct {
		writes [][]*telemetry.Batch
		want   []string
	}{
		"in one write":             {[][]*telemetry.Batch{together("a b", "a_b")}, []string{blank, plain}},
		"in one write, turned":     {[][]*telemetry.Batch{together("a_b", "a b")}, []string{plain, blank}},
		"the plain one first":      {[][]*telemetry.Batch{together("a_b"), together("a b"), together("a_b")}, []string{plain, blank, plain}},
		"the plain one later":      {[][]*telemetry.Batch{together("a b"), together("a_b"), together("a b")}, []string{plain, "p.own.m.a_b_89abf62f", plain}},
		"made anew: no collision":  {[][]*telemetry.Batch{together("a b"), together("a b")}, []string{plain, plain}},
		"three, of which no plain": {[][]*telemetry.Batch{together("a b c", "a_b c", "a b_c")}, []string{"p.own.m.a_b_c_4173d2f5", "p.own.m.a_b_c_f1e9aada", "p.own.m.a_b_c_4847f42e"}},
	} {
		text, _ := sent(t, nil, tc.writes...)
		if diff := cmp.Diff(tc.want, names(text)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestInspectNamesCollisions(t *testing.T) {
	c := defaults(servicetest.RefusingAddr)
	named, err := linesender.New(linesender.Env{Host: "own"}, c, kind(), named{}, false)
	if err != nil {
		t.Fatal(err)
	}
	r := named.Inspect(t.Context(), []*telemetry.Series{gauge("own", "m", "a b"), gauge("own", "m", "a_b"), gauge("own", "n")})
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "would have the same name") || !strings.Contains(r.Warnings[0], "a b") {
		t.Errorf("%+v", r)
	}
	if len(r.Notes) == 0 || r.Notes[len(r.Notes)-1] != "3 of 3 series are sent" {
		t.Errorf("%+v", r)
	}
}

func TestRejectedSamples(t *testing.T) {
	b := telemetry.NewBatch(time.UnixMilli(1000), time.UnixMilli(1000), 0)
	m := gauge("own", "m")
	for _, v := range []float64{math.NaN(), 1, math.Inf(1), math.Inf(-1)} {
		b.AddAt(m, v, 1000)
	}
	for _, ms := range []int64{-1, 1e13, math.MinInt64} {
		b.AddAt(m, 2, ms)
	}
	text, results := sent(t, nil, []*telemetry.Batch{b})
	if text != "p.own.m 1 1\n" {
		t.Error(text)
	}
	want := map[string]int{"not_finite": 3, "bad_time": 3}
	if diff := cmp.Diff(want, results[0].Rejected); diff != "" || results[0].Settled != 7 {
		t.Errorf("%s %+v", diff, results[0])
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", -1: "-1", 1.5: "1.5", 0.1: "0.1", -0.25: "-0.25", 1e15: "1000000000000000", 9223372036854775808: "9223372036854776000",
		1e21: "1e+21", 1e-7: "1e-07", 1e-6: "0.000001", math.MaxFloat64: "1.7976931348623157e+308", 123456789.125: "123456789.125", 16777217: "16777217",
	} {
		got := string(linesender.AppendNumber(nil, v))
		if back, err := strconv.ParseFloat(got, 64); got != want || err != nil || back != v {
			t.Errorf("%v: %s, want %s (%v, %v)", v, got, want, back, err)
		}
	}
}

func TestBuckets(t *testing.T) {
	const first, other = 1_700_000_000_000, "other"
	m, o := gauge("own", "m"), gauge("own", other)
	writes := [][]*telemetry.Batch{
		{at(first-5000, 10, m), at(first-3000, 20, m, o)},
		{at(first, 60, m)},                          // the end of the bucket: it is sent now
		{at(first, 60, m)},                          // again: ignored
		{at(first+1000, 5, m), at(first+500, 9, m)}, // the second one is too late
		{at(first+11_000, 7, m)},                    // in the next bucket
	}
	for source, want := range map[linesender.DataSource]string{
		linesender.Average: "p.own.m 30 1700000000\np.own.m 5 1700000010\np.own.other 20 1700000000\n",
		linesender.Sum:     "p.own.m 90 1700000000\np.own.m 5 1700000010\np.own.other 20 1700000000\n",
	} {
		text, results := sent(t, func(c *linesender.Config) { c.DataSource = source }, again(writes)...)
		if diff := cmp.Diff(want, text); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
		for i, r := range results {
			if i == 3 && r.Rejected["too_late"] != 1 || i != 3 && len(r.Rejected) > 0 {
				t.Errorf("write %d: %+v", i, r)
			}
		}
	}
}

// again returns the writes with series of their own.
func again(writes [][]*telemetry.Batch) (copies [][]*telemetry.Batch) {
	series := map[*telemetry.Series]*telemetry.Series{}
	for _, batches := range writes {
		var list []*telemetry.Batch
		for _, b := range batches {
			c := telemetry.NewBatch(time.UnixMilli(b.Time), b.At, b.Len())
			for i := range b.Len() {
				s, ms, v := b.Sample(i)
				if series[s] == nil {
					series[s] = gauge(s.Host(), s.Name())
				}
				c.AddAt(series[s], v, ms)
			}
			list = append(list, c)
		}
		copies = append(copies, list)
	}
	return copies
}

// TestBucketsOfEndedSeries has a series that ends within a bucket.
func TestBucketsOfEndedSeries(t *testing.T) {
	m := gauge("own", "m")
	b := telemetry.NewBatch(time.UnixMilli(1000), time.UnixMilli(1000), 0)
	b.Add(m, 4)
	b.End(m)
	text, _ := sent(t, func(c *linesender.Config) { c.DataSource = linesender.Average }, []*telemetry.Batch{b})
	if text != "p.own.m 4 10\n" {
		t.Error(text)
	}
}

// TestBucketsWait has buckets that cannot be sent: their values wait, and are sent once.
func TestBucketsWait(t *testing.T) {
	got := &servicetest.Log{}
	addr := "127.0.0.1:" + servicetest.FreePort(t)
	c := defaults(addr)
	c.DataSource, c.Every, c.Prefix = linesender.Average, conf.Duration(time.Second), "p"
	s, err := linesender.New(linesender.Env{Host: "own"}, c, kind(), named{}, false)
	if err != nil {
		t.Fatal(err)
	}
	m := gauge("own", "m")
	if r := s.Write(t.Context(), []*telemetry.Batch{at(1000, 1, m)}); r.Err == nil || r.Settled != 1 {
		t.Fatalf("%+v", r)
	}
	if r := s.Write(t.Context(), []*telemetry.Batch{at(2000, 2, m)}); r.Err == nil || r.Settled != 0 {
		t.Fatalf("%+v", r)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skip("another program took the port")
	}
	defer func() { _ = l.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := l.Accept(); err == nil {
			_, _ = io.Copy(got, conn)
		}
	}()
	if r := s.Write(t.Context(), []*telemetry.Batch{at(2000, 2, m)}); r.Err != nil || r.Settled != 1 {
		t.Fatalf("%+v", r)
	}
	_ = s.Close()
	<-done
	if got.String() != "p.own.m 1 1\np.own.m 2 2\n" {
		t.Error(got)
	}
}

func TestDestinations(t *testing.T) {
	for text, want := range map[string]string{
		"graphite.lan": "", "graphite.lan:2003": "", "tcp:10.0.0.1": "", "tls:[fd00::1]:2003": "", "[fe80::1%eth0]:2003": "", "udp:h:1": "", "unix:/run/s": "", "/run/s": "",
		"http://h": "", "https://user:geheim@h:4242/x": "",
		"": "must be an address", "h:0": "must be an address", "h:99999": "must be an address", "a b": "must be an address", "unix:s": "absolute path", "tcp:": "must be an address", "http://": "URL",
	} {
		c := defaults(text)
		err := c.ValidateAs(kind())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Error(err)
		}
	}
	telnet := kind()
	telnet.Protocols = telnet.Protocols[:2]
	c := defaults("udp:h")
	if err := c.ValidateAs(telnet); err == nil || !strings.Contains(err.Error(), "cannot use udp: receiver is written over tcp, tls") {
		t.Error(err)
	}
	c = defaults("h", "tcp:h:2003", "http://h")
	err := c.ValidateAs(kind())
	for _, want := range []string{"is in the list already", "must use HTTP exactly if the first one does"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzDestination(f *testing.F) {
	f.Add("tls:[fd00::1]:2003")
	f.Add("https://user:password@host/path?query")
	f.Fuzz(func(t *testing.T, text string) {
		c := defaults(text)
		_ = c.ValidateAs(kind())
	})
}

// FuzzClean checks what names may consist of.
func FuzzClean(f *testing.F) {
	f.Add("my disk/\xff\u00e9")
	f.Add(strings.Repeat("\u00e9", 150))
	f.Fuzz(func(t *testing.T, text string) {
		got := linesender.Clean(text, linesender.IsWord)
		if len(got) > 200 || (got == "") != (text == "") {
			t.Errorf("%q becomes %q", text, got)
		}
		for _, r := range got {
			if !linesender.IsWord(r) {
				t.Errorf("%q becomes %q", text, got)
			}
		}
		if linesender.Clean(got, linesender.IsWord) != got {
			t.Errorf("%q is not stable", got)
		}
	})
}
