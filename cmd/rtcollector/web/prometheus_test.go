package web_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// startPrometheus starts a Prometheus with these samples and returns its address.
func startPrometheus(t *testing.T, samples []querytest.Sample) string {
	t.Helper()
	d := servicetest.New(t)
	data := filepath.Join(d.Dir, "data")
	if len(samples) > 0 {
		text := filepath.Join(d.Dir, "samples.om")
		if err := os.WriteFile(text, []byte(openMetrics(samples)), 0o600); err != nil {
			t.Fatal(err)
		}
		d.Output(d.Command("promtool", "tsdb", "create-blocks-from", "openmetrics", text, data))
	}
	settings := filepath.Join(d.Dir, "prometheus.yml")
	if err := os.WriteFile(settings, []byte("global: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Args = []string{"prometheus", "--config.file=" + settings, "--storage.tsdb.path=" + data, "--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:$PORT"}
	d.Ready = func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.Addr()+"/-/ready", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d: %w", resp.StatusCode, err)
		}
		return nil
	}
	d.Run()
	return "http://" + d.Addr()
}

// openMetrics writes samples as OpenMetrics text.
func openMetrics(samples []querytest.Sample) string {
	var b strings.Builder
	for _, s := range samples {
		b.WriteString(s.Labels.Get(model.MetricNameLabel))
		separator := "{"
		s.Labels.Range(func(l labels.Label) {
			if l.Name != model.MetricNameLabel {
				value := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(l.Value)
				fmt.Fprintf(&b, "%s%s=\"%s\"", separator, l.Name, value)
				separator = ","
			}
		})
		if separator == "," {
			b.WriteString("}")
		}
		fmt.Fprintf(&b, " %s %s\n", strconv.FormatFloat(s.Value, 'g', -1, 64), strconv.FormatFloat(float64(s.Time)/1000, 'f', -1, 64))
	}
	return b.String() + "# EOF\n"
}

// TestAsPrometheus sends the requests of the cases to Prometheus 2.42 as well. Status, type of error, type of content and data are the same.
func TestAsPrometheus(t *testing.T) {
	servicetest.RequireCommands(t, "prometheus", "prometheus", "promtool")
	for name, requests := range apiCases() {
		t.Run(name, func(t *testing.T) {
			client := querytest.Open(t)
			var samples []querytest.Sample
			if name != "grafana-probes" {
				samples = caseSamples(t, name)
				querytest.Add(t, client, samples)
			}
			ours := serve(t, web.Config{Redis: configOf(t, client)})
			theirs := startPrometheus(t, samples)
			compared := 0
			for _, r := range requests {
				if r.differs != "" || strings.HasPrefix(r.path, "status/buildinfo") {
					continue
				}
				want, got := r.send(t, theirs), r.send(t, ours)
				if want.status != got.status || want.ErrorType != got.ErrorType || want.Status != got.Status || mediaType(want) != mediaType(got) {
					t.Errorf("%s:\n got %+v\nwant %+v", r, got, want)
				} else if r.data != "" && r.canonical(want.Data) != r.canonical(got.Data) {
					t.Errorf("%s:\n got %s\nwant %s", r, r.canonical(got.Data), r.canonical(want.Data))
				}
				compared++
			}
			t.Logf("%d requests", compared)
		})
	}
}

func mediaType(r reply) string {
	kind, _, _ := strings.Cut(r.contentType, ";")
	return kind
}

// TestPromtool: Prometheus' own client understands our answers.
func TestPromtool(t *testing.T) {
	servicetest.RequireCommands(t, "prometheus", "promtool")
	client := querytest.Open(t)
	querytest.Add(t, client, caseSamples(t, "grafana-variables"))
	base := serve(t, web.Config{Redis: configOf(t, client)})
	for want, args := range map[string][]string{
		`{cluster="prod"} => 3 @[1750003800]`:                       {"instant", "--time=1750003800", base, `count by (cluster) (cpu_usage{cluster="prod"})`},
		"{} =>\n100 @[1750003200]\n100 @[1750003260]":               {"range", "--start=1750003200", "--end=1750003260", "--step=60s", base, "sum(cpu_usage)"},
		"{__name__=\"cpu_usage\", cluster=\"lab\", host=\"web-9\"}": {"series", "--match=cpu_usage{cluster=\"lab\"}", "--start=1750003200", "--end=1750003800", base},
		"lab\nprod": {"labels", "--match=cpu_usage", "--start=1750003200", "--end=1750003800", base, "cluster"},
	} {
		out, err := exec.CommandContext(t.Context(), "promtool", append([]string{"query"}, args...)...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("promtool query %q: %v\n got %s\nwant %s", args, err, got, want)
		}
	}
}
