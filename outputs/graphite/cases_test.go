package graphite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/linesender/receivertest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/graphite"
)

// testCase is a series whose text a simple writer would get wrong. Series is the prefix, a dot and the rest: a label's value in the plain form.
type testCase struct {
	Name   string
	Series string
	Tags   map[string]string // not nil: the tagged form
	Value  any
}

// want has what is sent, with the time T. Cases that are not here are not sent.
func want() map[string]string {
	return map[string]string{
		"plain":                         "g1.h.m.host-a_cpu_user 1.5 T",
		"blank in a path component":     "g4.h.m.my_disk 1.5 T",
		"slash":                         "g5.h.m._var_log 1.5 T",
		"empty component":               "g6.h.m._a 1.5 T",
		"dots of a value":               "g1b.h.m.eth0_100_rx 1.5 T",
		"UTF-8":                         "g9.h.m.café 1.5 T",
		"pattern characters":            "ga.h.m._a_b___ 1.5 T",
		"path traversal":                "px.h.m.______gz 1.5 T",
		"300-byte component":            "h1.h.m." + strings.Repeat("y", 191) + "_97a7a141 1.5 T",
		"tags in another order":         "gb.m;disk=sda;host=a;source=test 1.5 T",
		"empty tag value":               "gc.m;b=1;host=h;source=test 1.5 T",
		"value begins with a tilde":     "gd.m;host=_a;source=test 1.5 T",
		"blank in a value":              "gf.m;c=1;host=a_b;source=test 1.5 T",
		"semicolon in a value":          "gh.m;host=h;q=a_b;source=test 1.5 T",
		"equals in a value":             "gg.m;host=h;q=a=b;source=test 1.5 T",
		"tag called name":               "gj.m;host=h;name_=other;source=test 1.5 T",
		"bad characters in a tag name":  "gl.m;a_b=1;c_d=2;host=h;source=test 1.5 T",
		"no tag left":                   "gm.h.m.x 1.5 T",
		"decimal comma":                 "gr.h.m.x 1.5 T",
		"large":                         "gx.h.m.x 9223372036854776000 T",
		"milliseconds":                  "gv.h.m.x 27 T",
		"time stamp -1 or missing":      "gt.h.m.x 25 T",
		"a tag of the same text as gf":  "gf.m;c=1;host=a%b;source=test 1.5 T",
		"two that would be one (blank)": "two.h.m.a_b 1.5 T",
		"two that would be one (plain)": "two.h.m.a_b_17509b2a 1.5 T",
	}
}

func readCases(t *testing.T) []testCase {
	t.Helper()
	data, err := os.ReadFile("testdata/lines.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return append(cases,
		testCase{Name: "two that would be one (blank)", Series: "two.a b"},
		testCase{Name: "two that would be one (plain)", Series: "two.a_b"},
		testCase{Name: "a tag of the same text as gf", Series: "gf.x", Tags: map[string]string{"host": "a%b", "c": "1"}},
	)
}

// build returns an output for samples with the prefix of a case.
func build(t testing.TB, settings string) outputs.MetricWriter {
	t.Helper()
	out := catalogtest.Build(t, graphite.Plugin, settings, outputs.Env{
		ID: "graphite", Host: "h", Instance: "instance", Log: slog.New(slog.DiscardHandler), Secrets: secret.Env{},
	})
	if err := out.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out.(outputs.MetricWriter)
}

// batchOf returns the sample of a case.
func batchOf(c testCase, at time.Time) *telemetry.Batch {
	_, rest, _ := strings.Cut(c.Series, ".")
	if c.Name == "path traversal" {
		rest = c.Series
	}
	labels := []telemetry.Label{{Key: "value", Value: rest}}
	if len(c.Tags) > 0 {
		labels = nil
		for k, v := range c.Tags {
			labels = append(labels, telemetry.Label{Key: k, Value: v})
		}
	}
	v := 1.5
	switch given := c.Value.(type) {
	case float64:
		v = given
	case string:
		v = map[string]float64{"NaN": math.NaN(), "+Inf": math.Inf(1)}[given]
	}
	b := telemetry.NewBatch(at, at, 1)
	b.AddAt(telemetry.NewFactory("h", "test", nil).Gauge("m", telemetry.None, labels...), v, at.UnixMilli())
	return b
}

// sendCases sends all cases to an address and returns how many samples were rejected.
func sendCases(t *testing.T, addr string, at time.Time) (rejected int) {
	t.Helper()
	writers := map[string]outputs.MetricWriter{}
	for _, c := range readCases(t) {
		prefix, _, _ := strings.Cut(c.Series, ".")
		if c.Name == "path traversal" {
			prefix = "px"
		}
		settings := fmt.Sprintf("{destination: [%q], prefix: %s", addr, prefix)
		if len(c.Tags) > 0 {
			settings += ", format: tagged"
		}
		if writers[settings] == nil {
			writers[settings] = build(t, settings+"}")
		}
		var reject *outputs.RejectError
		switch err := writers[settings].WriteMetrics(t.Context(), []*telemetry.Batch{batchOf(c, at)}); {
		case err == nil:
		case errorsAs(err, &reject):
			rejected += reject.N
			if reject.Reasons["not_finite"] != reject.N {
				t.Errorf("%s: %v", c.Name, reject.Reasons)
			}
		default:
			t.Fatal(err)
		}
	}
	return rejected
}

func errorsAs(err error, target **outputs.RejectError) bool {
	r, ok := err.(*outputs.RejectError) //nolint:errorlint // the contract
	*target = r
	return ok
}

// TestCases checks each line, byte for byte.
func TestCases(t *testing.T) {
	at := time.Unix(time.Now().Unix(), 0)
	got := &servicetest.Log{}
	addr := servicetest.ServeRaw(t, func(c net.Conn) {
		text, _ := io.ReadAll(c)
		_, _ = got.Write(text)
	})
	t.Run("send", func(t *testing.T) {
		if n := sendCases(t, addr, at); n != 2 {
			t.Errorf("%d samples were rejected, want 2", n)
		}
	})
	var expected []string
	for _, line := range want() {
		expected = append(expected, strings.ReplaceAll(line, "T", fmt.Sprint(at.Unix())))
	}
	slices.Sort(expected)
	var lines []string
	servicetest.Until(t, "all lines have arrived", func(context.Context) error {
		lines = strings.Split(strings.TrimSuffix(got.String(), "\n"), "\n")
		if len(lines) < len(expected) {
			return fmt.Errorf("%d lines", len(lines))
		}
		return nil
	})
	slices.Sort(lines)
	if diff := cmp.Diff(expected, lines); diff != "" {
		t.Error(diff)
	}
	valid := regexp.MustCompile(`^[^\s;/*?\[\]{},.]+(\.[^\s;/*?\[\]{},.]+)*(;[^\s;!^=]+=[^\s;~][^\s;]*)* -?[0-9.]+(e[+-]?\d+)? \d{10}$`)
	for _, line := range lines {
		if !valid.MatchString(line) {
			t.Errorf("not a line: %q", line)
		}
	}
}

// TestRealCarbon sends the cases to carbon: each series has its own file and name, and carbon complains about nothing.
func TestRealCarbon(t *testing.T) {
	c := receivertest.StartCarbon(t)
	at := time.Unix(time.Now().Unix(), 0)
	sendCases(t, c.Addr, at)
	var expected []string
	for _, line := range want() {
		name, _, _ := strings.Cut(line, " ")
		expected = append(expected, name)
	}
	slices.Sort(expected)
	servicetest.Until(t, "carbon has created all series", func(context.Context) error {
		if n := len(c.Created()); n < len(expected) {
			return fmt.Errorf("%d of %d", n, len(expected))
		}
		return nil
	})
	if diff := cmp.Diff(expected, c.Created()); diff != "" {
		t.Error(diff)
	}
	for _, word := range []string{"invalid", "Error", "error", "not allowed", "may not"} {
		if strings.Contains(c.Log(), word) {
			t.Errorf("carbon says %q:\n%s", word, c.Log())
		}
	}
	for name, v := range map[string]float64{"g4.h.m.my_disk": 1.5, "gx.h.m.x": 9223372036854775808, "gv.h.m.x": 27} {
		servicetest.Until(t, "carbon has written "+name, func(context.Context) error {
			if got, ok := c.Fetch(t, name, at.Unix()); !ok || got != v {
				return fmt.Errorf("%v %v", got, ok)
			}
			return nil
		})
	}
}

// TestRealCarbonUDP sends more than fits into one datagram.
func TestRealCarbonUDP(t *testing.T) {
	c := receivertest.StartCarbon(t)
	w := build(t, fmt.Sprintf("{destination: [%q], prefix: p}", "udp:"+c.Addr))
	at := time.Unix(time.Now().Unix(), 0)
	b := telemetry.NewBatch(at, at, 100)
	f := telemetry.NewFactory("h", "test", nil)
	for i := range 100 {
		b.Add(f.Gauge("m", telemetry.None, telemetry.Label{Key: "i", Value: fmt.Sprint(i)}), float64(i))
	}
	if err := w.WriteMetrics(t.Context(), []*telemetry.Batch{b}); err != nil {
		t.Fatal(err)
	}
	servicetest.Until(t, "carbon has all series", func(context.Context) error {
		if n := len(c.Created()); n != 100 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	if strings.Contains(c.Log(), "invalid") {
		t.Error(c.Log())
	}
}

// TestRealVictoriaMetrics sends the cases to VictoriaMetrics.
func TestRealVictoriaMetrics(t *testing.T) {
	v := receivertest.StartVictoriaMetrics(t)
	at := time.Unix(time.Now().Unix(), 0)
	sendCases(t, v.Graphite, at)
	var expected []string
	for _, line := range want() {
		name, _, _ := strings.Cut(line, " ")
		expected = append(expected, name)
	}
	slices.Sort(expected)
	var got []string
	servicetest.Until(t, "all series are stored", func(ctx context.Context) error {
		all, err := v.Export(ctx)
		if err != nil || len(all) < len(expected) {
			return fmt.Errorf("%d series: %w", len(all), err)
		}
		got = nil
		for _, s := range all {
			got = append(got, nameOf(s.Labels))
			if len(s.Times) != 1 || s.Times[0] != at.UnixMilli() {
				t.Errorf("%v has the times %v", s.Labels, s.Times)
			}
		}
		return nil
	})
	slices.Sort(got)
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Error(diff)
	}
	if log := v.Log(); strings.Contains(log, "error") && strings.Contains(log, "graphite") && strings.Contains(log, "cannot parse") {
		t.Error(log)
	}
}

func nameOf(labels map[string]string) string {
	var tags []string
	for k, v := range labels {
		if k != "__name__" {
			tags = append(tags, ";"+k+"="+v)
		}
	}
	slices.Sort(tags)
	return labels["__name__"] + strings.Join(tags, "")
}

func TestNetdataNames(t *testing.T) {
	received := make(chan string, 10)
	addr := servicetest.ServeRaw(t, func(c net.Conn) {
		text, _ := io.ReadAll(c)
		received <- string(text)
	})
	f := telemetry.NewFactory("web.example.com", "netdata_plugins", nil)
	at := time.Unix(1_700_000_000, 0)
	b := telemetry.NewBatch(at, at, 4)
	series := func(chart, name, dimension string) *telemetry.Series {
		return f.Gauge("disk_io", telemetry.None, telemetry.Label{Key: "chart", Value: chart}, telemetry.Label{Key: "chart_name", Value: name}, telemetry.Label{Key: "dimension", Value: dimension})
	}
	b.Add(series("disk.sd-a", "disk.root fs", "reads"), 1)
	b.Add(series("net.eth0:1", "lan", "received bytes"), 2)
	b.Add(series("system.cpu", "", "\u00e9.x"), 3)
	b.Add(f.Gauge("load1", telemetry.None), 4)
	for names, want := range map[string]string{
		"netdata":     "netdata.web.example.com.disk.root_fs.reads 1 1700000000\nnetdata.web.example.com.net.lan.received_bytes 2 1700000000\nnetdata.web.example.com.system.cpu.__.x 3 1700000000\nnetdata.web_example_com.load1 4 1700000000\n",
		"netdata_ids": "netdata.web.example.com.disk.sd_a.reads 1 1700000000\nnetdata.web.example.com.net.eth0_1.received_bytes 2 1700000000\nnetdata.web.example.com.system.cpu.__.x 3 1700000000\nnetdata.web_example_com.load1 4 1700000000\n",
	} {
		out := catalogtest.Build(t, graphite.Plugin, fmt.Sprintf("{destination: [%q], prefix: netdata, names: %s}", addr, names), outputs.Env{Host: "h", Slot: telemetry.Slot{}, Log: slog.New(slog.DiscardHandler)})
		// Each output has its own series here, because their memos are in the same slot.
		fresh := telemetry.NewBatch(at, at, 4)
		for i := range b.Len() {
			s, ms, v := b.Sample(i)
			fresh.AddAt(telemetry.NewFactory(s.Host(), "netdata_plugins", nil).Gauge(s.Name(), telemetry.None, s.Instance()...), v, ms)
		}
		if err := out.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := out.(outputs.MetricWriter).WriteMetrics(t.Context(), []*telemetry.Batch{fresh}); err != nil {
			t.Fatal(err)
		}
		_ = out.Close()
		if diff := cmp.Diff(want, <-received); diff != "" {
			t.Errorf("%s: %s", names, diff)
		}
	}
}

// endlessSink accepts connections and reads everything.
func endlessSink(t testing.TB) string {
	return servicetest.ServeRaw(t, func(c net.Conn) {
		room := make([]byte, 1<<20)
		for {
			if _, err := c.Read(room); err != nil {
				return
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	for _, format := range []string{"plain", "tagged"} {
		b.Run(format, func(b *testing.B) {
			w := build(b, fmt.Sprintf("{destination: [%q], format: %s}", endlessSink(b), format))
			const samples = 10_000
			at := time.Unix(1_700_000_000, 0)
			batch := telemetry.NewBatch(at, at, samples)
			f := telemetry.NewFactory("h", "bench", nil)
			for i := range samples {
				batch.Add(f.Gauge("disk_used", telemetry.Bytes, telemetry.Label{Key: "mount", Value: fmt.Sprint("/srv/", i)}), float64(i)*1.37)
			}
			batches := []*telemetry.Batch{batch}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.WriteMetrics(b.Context(), batches); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*samples/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
