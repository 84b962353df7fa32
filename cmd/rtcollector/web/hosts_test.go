package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/selfstat"
)

// TestHosts: each host has its newest sign of life and the user's tags, on every kind of Redis.
func TestHosts(t *testing.T) {
	for name, client := range querytest.Servers(t) {
		t.Run(name, func(t *testing.T) {
			base := serve(t, web.Config{Redis: configOf(t, client)})
			if code, body := fetch(t, base+"/api/hosts"); code != 200 || body != `{"hosts":[],"warnings":[]}` {
				t.Error("nobody has written yet:", code, body)
			}
			querytest.Load(t, client, strings.Join([]string{
				`rtcollector_up{type="host",host="b"} 1 1750003200.5`,
				`rtcollector_up{type="host",host="a"} 1 1750003100`,
				`rtcollector_up{type="host",host="<b>"} 1 1750003000`,
				`system_load1{host="a",source="system",env="prod",rack="7"} 1 1750003100`,
				`system_uptime{host="a",source="system",unit="seconds",env="prod"} 1 1750003100`,
				`internal_goroutines{host="b",source="internal",unit="count",team="x"} 1 1750003100`,
				`cpu_usage{host="a",cpu="cpu0",mistaken="tag"} 1 1750003100`,
				"# EOF", "",
			}, "\n"))
			add := func(labels ...any) { // of an older agent: without a name
				args := append([]any{"TS.CREATE", fmt.Sprint("alive:", labels), "LABELS"}, labels...)
				if err := client.Do(t.Context(), args...).Err(); err != nil {
					t.Fatal(err)
				}
				if err := client.Do(t.Context(), "TS.ADD", fmt.Sprint("alive:", labels), int64(1750003300000), 1).Err(); err != nil {
					t.Fatal(err)
				}
			}
			add("type", "host", "host", "old")
			add("type", "host", "host", "a")
			want := `{"hosts":[{"host":"\u003cb\u003e","last_seen":1750003000,"tags":{}},{"host":"a","last_seen":1750003300,"tags":{"env":"prod","rack":"7"}},` +
				`{"host":"b","last_seen":1750003200.5,"tags":{"team":"x"}},{"host":"old","last_seen":1750003300,"tags":{}}],"warnings":[]}`
			if code, body := fetch(t, base+"/api/hosts"); code != 200 || body != want {
				t.Errorf("%d\n got %s\nwant %s", code, body, want)
			}
		})
	}
}

// TestMetrics: Prometheus' own parser reads the page.
func TestMetrics(t *testing.T) {
	var self selfstat.Registry
	self.NewInput("cpu").Samples.Add(7)
	self.NewOutput(`redis"1`, 0, 0).Written.Add(5)
	base := serve(t, web.Config{Redis: redisconn.Defaults(), Self: &self})
	fetch(t, base+"/api/v1/status/buildinfo")
	fetch(t, base+"/api/v1/status/buildinfo")
	fetch(t, base+"/nowhere/1")
	fetch(t, base+"/nowhere/2")
	code, body := fetch(t, base+"/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil || code != 200 {
		t.Fatal(code, err, body)
	}
	for _, line := range []string{
		`internal_gather_metrics_gathered{input="cpu"} 7`, `internal_write_metrics_written{output="redis\"1"} 5`,
		`rtcollector_web_requests_total{route="/api/v1/status/buildinfo",status="200"} 2`, `rtcollector_web_requests_total{route="/",status="200"} 2`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, body)
		}
	}
	if len(families) < 10 {
		t.Error(len(families))
	}
}
