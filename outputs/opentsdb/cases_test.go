package opentsdb_test

import (
	"context"
	"encoding/json"
	"errors"
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
	"github.com/rtcollector/rtcollector/outputs/opentsdb"
)

// want has what is sent in place of each naive line, with the time T; "": nothing.
func want() map[string]string {
	return map[string]string{
		"put o1.cpu T 1.5 host=a core=0":                    "put o1.cpu T 1.5 core=0 host=a source=test",
		"put o2.cpu T 2":                                    "put o2.cpu T 2 host=h source=test",
		"put o3.disk T 3 host=a path=/Volumes/Time Machine": "put o3.disk T 3 host=a path=/Volumes/Time_Machine source=test",
		"put o4.x T 4 host=a host=b":                        "put o4.x T 4 host=b source=test",
		"put o6.x[0] T 6 host=a":                            "put o6.x_0_ T 6 host=a source=test",
		"put o7.x T 7 host=a:80":                            "put o7.x T 7 host=a_80 source=test",
		"put o8.x T 8 host=a@b":                             "put o8.x T 8 host=a_b source=test",
		"put o9.x T 9 host=café":                            "put o9.x T 9 host=café source=test",
		"put oa.x T 10 host=":                               "put oa.x T 10 host=h source=test",
		"put ob.x T 11 host=\"a\"":                          "put ob.x T 11 host=_a_ source=test",
		"put oc.x T123 12 host=a":                           "put oc.x T 12 host=a source=test",
		"put oe.x T NaN host=a":                             "",
		"put of.x T inf host=a":                             "",
		"put ol.x T +18 host=a":                             "put ol.x T 18 host=a source=test",
		"put om.x T 19 a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9": "put om.x T 19 a=1 b=2 c=3 d=4 e=5 f=6 g=7 host=h",
		"PUT oj.x T 16 host=a":                              "put oj.x T 16 host=a source=test",
	}
}

// readCases returns the naive lines.
func readCases(t *testing.T) (lines []string) {
	t.Helper()
	data, err := os.ReadFile("testdata/lines.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Line string }
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		lines = append(lines, c.Line)
	}
	return lines
}

// sampleOf adds the sample that a naive line stands for.
func sampleOf(b *telemetry.Batch, line string) {
	words := strings.SplitN(line, " ", 5)
	var labels []telemetry.Label
	if len(words) == 5 {
		for _, tag := range regexp.MustCompile(`(\w+)=`).FindAllStringSubmatchIndex(words[4], -1) {
			value, _, _ := strings.Cut(words[4][tag[1]:], "=")
			if i := strings.LastIndexByte(value, ' '); i >= 0 && strings.Contains(words[4][tag[1]:], "=") {
				value = value[:i]
			}
			labels = append(labels, telemetry.Label{Key: words[4][tag[2]:tag[3]], Value: value})
		}
	}
	v := map[string]float64{"NaN": math.NaN(), "inf": math.Inf(1)}[words[3]]
	if v == 0 {
		_, _ = fmt.Sscan(words[3], &v)
	}
	// The last of two labels of one name counts, as in a map of tags.
	slices.Reverse(labels)
	seen := map[string]bool{}
	labels = slices.DeleteFunc(labels, func(l telemetry.Label) bool { again := seen[l.Key]; seen[l.Key] = true; return again })
	b.AddAt(telemetry.NewFactory("h", "test", nil).Gauge(words[1], telemetry.None, labels...), v, b.Time)
}

// build returns an open output.
func build(t testing.TB, settings string) outputs.Output {
	t.Helper()
	out := catalogtest.Build(t, opentsdb.Plugin, settings, outputs.Env{
		ID: "opentsdb", Host: "h", Instance: "instance", Log: slog.New(slog.DiscardHandler), Secrets: secret.Env{},
	})
	if err := out.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func write(t testing.TB, out outputs.Output, batches ...*telemetry.Batch) error {
	t.Helper()
	return out.(outputs.MetricWriter).WriteMetrics(t.Context(), batches)
}

// sendCases sends the samples of all cases.
func sendCases(t *testing.T, settings string, at time.Time) {
	t.Helper()
	b := telemetry.NewBatch(at, at, 0)
	for _, line := range readCases(t) {
		sampleOf(b, line)
	}
	var reject *outputs.RejectError
	if err := write(t, build(t, settings), b); !errors.As(err, &reject) || reject.N != 2 || reject.Reasons["not_finite"] != 2 {
		t.Errorf("%v", err)
	}
}

func expectedLines(at time.Time) (lines []string) {
	for _, line := range want() {
		if line != "" {
			lines = append(lines, strings.Replace(line, " T ", fmt.Sprintf(" %d ", at.Unix()), 1))
		}
	}
	slices.Sort(lines)
	return lines
}

func TestCases(t *testing.T) {
	received := make(chan string, 1)
	addr := servicetest.ServeRaw(t, func(c net.Conn) {
		text, _ := io.ReadAll(c)
		received <- string(text)
	})
	at := time.Unix(1_700_000_000, 123e6)
	t.Run("send", func(t *testing.T) { sendCases(t, fmt.Sprintf("{destination: [%q], prefix: ''}", addr), at) })
	lines := strings.Split(strings.TrimSuffix(<-received, "\n"), "\n")
	slices.Sort(lines)
	if diff := cmp.Diff(expectedLines(at), lines); diff != "" {
		t.Error(diff)
	}
	for _, line := range lines {
		if !regexp.MustCompile(`^put [\p{L}0-9._/-]+ \d{10} -?[0-9.]+(e[+-]?\d+)?( [\p{L}0-9._/-]+=[\p{L}0-9._/-]+){1,8}$`).MatchString(line) {
			t.Errorf("not a line of OpenTSDB: %q", line)
		}
	}
	for naive := range want() {
		if !slices.Contains(readCases(t), naive) {
			t.Errorf("%q is not a case", naive)
		}
	}
	if len(readCases(t)) != len(want()) {
		t.Errorf("%d cases, %d expected lines", len(readCases(t)), len(want()))
	}
}

// TestRealVictoriaMetrics sends the cases over both protocols.
func TestRealVictoriaMetrics(t *testing.T) {
	for _, protocol := range []string{"telnet", "http"} {
		t.Run(protocol, func(t *testing.T) {
			v := receivertest.StartVictoriaMetrics(t)
			addr := v.OpenTSDB
			if protocol == "http" {
				addr = "http://" + v.OpenTSDBHTTP
			}
			at := time.Unix(time.Now().Unix(), 0)
			sendCases(t, fmt.Sprintf("{destination: [%q], prefix: '', batch_size: 3}", addr), at)
			var got []string
			servicetest.Until(t, "all series are stored", func(ctx context.Context) error {
				all, err := v.Export(ctx)
				if err != nil || len(all) < len(expectedLines(at)) {
					return fmt.Errorf("%d series: %w", len(all), err)
				}
				got = nil
				for _, s := range all {
					line := fmt.Sprintf("put %s %d %v", s.Labels["__name__"], s.Times[0]/1000, s.Values[0])
					var tags []string
					for k, v := range s.Labels {
						if k != "__name__" {
							tags = append(tags, " "+k+"="+v)
						}
					}
					slices.Sort(tags)
					got = append(got, line+strings.Join(tags, ""))
				}
				return nil
			})
			slices.Sort(got)
			if diff := cmp.Diff(expectedLines(at), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRealInfluxDB(t *testing.T) {
	i := receivertest.StartInfluxDB(t)
	for _, addr := range []string{i.OpenTSDB, "http://" + i.OpenTSDB} {
		out := build(t, fmt.Sprintf("{destination: [%q], prefix: %s}", addr, map[bool]string{true: "web", false: "lines"}[strings.HasPrefix(addr, "http")]))
		at := time.Unix(time.Now().Unix(), 0)
		b := telemetry.NewBatch(at, at, 0)
		b.Add(telemetry.NewFactory("h", "test", nil).Gauge("disk_used", telemetry.Bytes, telemetry.Label{Key: "mount", Value: "/srv/a b"}), 1548)
		if err := write(t, out, b); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"lines.disk_used", "web.disk_used"} {
		servicetest.Until(t, name+" is stored", func(ctx context.Context) error {
			answer, err := i.Query(ctx, fmt.Sprintf("SELECT * FROM %q", name))
			if err != nil || !strings.Contains(answer, `"h","/srv/a_b","test","bytes",1548`) {
				return fmt.Errorf("%s: %w", answer, err)
			}
			return nil
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	addr := servicetest.ServeRaw(b, func(c net.Conn) {
		room := make([]byte, 1<<20)
		for {
			if _, err := c.Read(room); err != nil {
				return
			}
		}
	})
	out := build(b, fmt.Sprintf("{destination: [%q]}", addr))
	const samples = 10_000
	at := time.Unix(1_700_000_000, 0)
	batch := telemetry.NewBatch(at, at, samples)
	f := telemetry.NewFactory("h", "bench", nil)
	for i := range samples {
		batch.Add(f.Gauge("disk_used", telemetry.Bytes, telemetry.Label{Key: "mount", Value: fmt.Sprint("/srv/", i)}), float64(i)*1.37)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := write(b, out, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*samples/b.Elapsed().Seconds(), "lines/s")
}
