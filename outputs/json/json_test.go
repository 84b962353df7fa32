package jsonlines_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	jsonlines "github.com/rtcollector/rtcollector/outputs/json"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
)

func TestConformance(t *testing.T) {
	addr := servicetest.ServeRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	outputtest.Run(t, outputtest.Case{Definition: jsonlines.Plugin, Config: "{destination: [\"" + addr + "\"]}"})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer s.Close()
	outputtest.Run(t, outputtest.Case{Definition: jsonlines.Plugin, Config: "{destination: [\"" + s.URL + "\"]}"})
}

// sent returns what arrives over TCP.
func sent(t *testing.T, settings string, b *telemetry.Batch) string {
	t.Helper()
	got := make(chan string, 1)
	addr := servicetest.ServeRaw(t, func(c net.Conn) { text, _ := io.ReadAll(c); got <- string(text) })
	out := catalogtest.Build(t, jsonlines.Plugin, fmt.Sprintf("{destination: [%q]%s}", addr, settings), outputs.Env{Host: "h", Log: slog.New(slog.DiscardHandler), Secrets: secret.Env{}})
	if err := out.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := out.(outputs.MetricWriter).WriteMetrics(t.Context(), []*telemetry.Batch{b}); err != nil {
		t.Error(err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	return <-got
}

const evil = "a \"b\"\n{c}\\\x1b[2J\xff\u2028é"

func TestObjects(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	b := telemetry.NewBatch(at, at, 0)
	f := telemetry.NewFactory("h", "test", map[string]string{"site": "x"})
	b.Add(f.Gauge("disk_used", telemetry.Bytes, telemetry.Label{Key: "mount", Value: "/a b"}), 1e15)
	b.Add(f.Gauge("m", telemetry.None, telemetry.Label{Key: evil, Value: evil}), -0.25)
	b.AddAt(f.Gauge("m", telemetry.None, telemetry.Label{Key: "host", Value: "other"}), math.MaxFloat64, b.Time)
	text := sent(t, ", prefix: lab", b)
	lines := strings.SplitAfter(text, "\n")
	want := `{"prefix":"lab","host":"h","metric":"disk_used","labels":{"mount":"/a b","site":"x","source":"test","unit":"bytes"},"timestamp":1700000000123,"value":1000000000000000}` + "\n"
	if lines[0] != want {
		t.Errorf("%s\nwant\n%s", lines[0], want)
	}
	scan := bufio.NewScanner(strings.NewReader(text))
	var values []float64
	for scan.Scan() {
		var object struct {
			Labels map[string]string
			Value  float64
		}
		if err := json.Unmarshal(scan.Bytes(), &object); err != nil {
			t.Errorf("%s: %v", scan.Text(), err)
		}
		values = append(values, object.Value)
		if clean := strings.ToValidUTF8(evil, "\uFFFD"); len(values) == 2 && object.Labels[clean] != clean {
			t.Errorf("%q", object.Labels)
		}
		if len(values) == 3 && object.Labels["host"] != "other" {
			t.Errorf("%q", object.Labels)
		}
	}
	if diff := cmp.Diff([]float64{1e15, -0.25, math.MaxFloat64}, values); diff != "" {
		t.Error(diff)
	}
}

func TestNetdataObjects(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	b := telemetry.NewBatch(at, at, 0)
	f := telemetry.NewFactory("h", "netdata_plugins", nil).With(telemetry.Label{Key: "family", Value: "sda"}, telemetry.Label{Key: "context", Value: "disk.io"})
	b.Add(f.Gauge("disk_io", "KiB/s", telemetry.Label{Key: "chart", Value: "disk.sd\"a"}, telemetry.Label{Key: "chart_name", Value: "root"}, telemetry.Label{Key: "dimension", Value: "reads"}), 1.5)
	want := `{"prefix":"netdata","hostname":"h","chart_id":"disk.sd\"a","chart_name":"disk.root","chart_family":"sda","chart_context":"disk.io","chart_type":"disk","units":"KiB/s","id":"reads","name":"reads","value":1.5,"timestamp":1700000000}` + "\n"
	if diff := cmp.Diff(want, sent(t, ", prefix: netdata, names: netdata", b)); diff != "" {
		t.Error(diff)
	}
}

func TestHTTP(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "geheim")
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("Authorization")+"\n"+string(text))
	}))
	defer s.Close()
	out := catalogtest.Build(t, jsonlines.Plugin, fmt.Sprintf("{destination: [%s/ingest], bearer_token: secret:token, batch_size: 2}", s.URL),
		outputs.Env{Host: "h", Log: slog.New(slog.DiscardHandler), Secrets: secret.Env{}})
	defer func() { _ = out.Close() }()
	at := time.UnixMilli(1_700_000_000_000)
	b := telemetry.NewBatch(at, at, 0)
	for i := range 3 {
		b.Add(telemetry.NewFactory("h", "t", nil).Gauge("m", telemetry.None), float64(i))
	}
	if err := out.(outputs.MetricWriter).WriteMetrics(t.Context(), []*telemetry.Batch{b}); err != nil {
		t.Fatal(err)
	}
	line := func(v int) string {
		return fmt.Sprintf(`{"host":"h","metric":"m","labels":{"source":"t"},"timestamp":1700000000000,"value":%d}`+"\n", v)
	}
	head := "POST /ingest application/x-ndjson Bearer geheim\n"
	if diff := cmp.Diff([]string{head + line(0) + line(1), head + line(2)}, bodies); diff != "" {
		t.Error(diff)
	}
}

func TestConfigErrors(t *testing.T) {
	for settings, want := range map[string]string{
		"{host: h, bearer_token: x}":                        "bearer_token: is only for HTTP",
		"{host: h, headers: {a: b}}":                        "headers: is only for HTTP",
		"{protocol: http, username: u, bearer_token: x}":    "bearer_token: replaces username and password",
		"{protocol: ftp}":                                   "must be tcp, tls, udp, http or https",
		"{batch_size: 0}":                                   "batch_size: must be between 1 and 50000",
		"{jitter: 1m}":                                      "jitter: must be at most 5s",
		"{update_every: 1500ms}":                            "update_every: must be whole seconds",
		"{names: other}":                                    "must be rtcollector, netdata or netdata_ids",
		"{data_source: raw}":                                "must be as_collected, average or sum",
		"{send_charts_matching: ''}":                        "send_charts_matching: selects nothing",
		"{socks5_proxy: 'http://user:geheim@x'}":            "socks5_proxy: must be a URL such as socks5://",
		"{destination: [a, 'tcp:a']}":                       "destination[1]: is in the list already",
		"{port: 70000}":                                     "port must be between 1 and 65535",
		"{destination: ['http://h'], tls: {cert: /x}}":      "must be set together with key",
		"{protocol: https, tls: {ca: /x}, password: p}":     "password: needs a username",
		"{destination: ['https://user:geheim@h:1/ bad%%']}": "must be a URL",
	} {
		_, problems := catalogtest.Decode(t, jsonlines.Plugin, settings)
		if text := problems.Error(); !strings.Contains(text, want) || strings.Contains(text, "geheim") {
			t.Errorf("%s: %q, want %q", settings, text, want)
		}
	}
}
