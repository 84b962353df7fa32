package web_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/tskey"
)

// T is the time at which the samples of the cases begin.
const T = 1750003200

const badData, execution = "bad_data", "execution"

// apiCases returns requests for the samples of each case. The expected replies were seen on Prometheus 2.42.
func apiCases() map[string][]request {
	return map[string][]request{
		"grafana-probes":            grafanaProbes(),
		"grafana-variables":         grafanaVariables(),
		"post-and-time-formats":     timeFormats(),
		"result-types-and-specials": resultTypes(),
		"errors-and-limits":         errorCases(),
		"untrusted-names":           untrustedNames(),
		"staleness-and-edges":       staleness(),
		"empty-matchers":            emptyMatchers(),
	}
}

func TestCases(t *testing.T) {
	for name, requests := range apiCases() {
		t.Run(name, func(t *testing.T) {
			data := name
			if name == "grafana-probes" {
				data = "" // the store is empty
			}
			eachServer(t, data, func(t *testing.T, base string) {
				for _, r := range requests {
					r.check(t, r.send(t, base))
				}
			})
		})
	}
}

func grafanaProbes() []request {
	return []request{
		{path: "status/buildinfo"},
		{path: "rules", data: `{"groups":[]}`},
		{path: "rules?type=alert", data: `{"groups":[]}`},
		{path: "rules?type=x", status: 400, errorType: badData},
		{path: "alerts", data: `{"alerts":[]}`},
		{path: "query_exemplars?query=up&start=1&end=2", data: `[]`},
		{method: "POST", path: "query_exemplars", form: "query=up&start=1&end=2", data: `[]`},
		{path: "query_exemplars?start=1&end=2", status: 400, errorType: badData},
		{path: "metadata", data: `{}`},
		{path: "metadata?limit=1", data: `{}`},
		{path: "metadata?metric=up", data: `{}`},
		{path: get("format_query", "query", "sum(foo)by(a)"), data: `"sum by (a) (foo)"`},
		{method: "POST", path: "format_query", form: "query=sum(foo)by(a)", data: `"sum by (a) (foo)"`},
		{path: "format_query?query=sum(", status: 400, errorType: badData},
		{method: "POST", path: "rules", form: "a=b", status: 405},
		{path: "parse_query?query=up", status: 404},
		{method: "POST", path: "query", form: "query=1%2B1&time=1750003200", data: `{"resultType":"scalar","result":[1750003200,"2"]}`},
	}
}

func grafanaVariables() []request {
	const prod, nas = `cpu_usage{cluster="prod"}`, `mem_used{host=~"web-1|nas"}`
	times := []string{"start", "1750003200", "end", "1750003800"}
	in := func(path string, params ...string) string { return get(path, append(params, times...)...) }
	return []request{
		{path: in("label/host/values", "match[]", prod), data: `["db-1","web-1","web-2"]`},
		{path: in("label/host/values", "match[]", prod, "match[]", "mem_used"), data: `["db-1","nas","web-1","web-2"]`},
		{path: "label/cluster/values", data: `["attic","lab","prod"]`},
		{path: in("label/__name__/values", "match[]", `{cluster="lab"}`), data: `["cpu_usage","mem_used"]`},
		{path: "label/nosuch/values", data: `[]`},
		{path: get("label/host/values", "match[]", "nosuch_metric"), data: `[]`},
		{path: in("labels", "match[]", "cpu_usage"), data: `["__name__","cluster","host"]`},
		{method: "POST", path: "labels", form: "match[]=mem_used", data: `["__name__","cluster","host"]`},
		{path: in("series", "match[]", prod, "match[]", nas, "match[]", `cpu_usage{host="web-1"}`), data: `[
			{"__name__":"cpu_usage","cluster":"prod","host":"db-1"},{"__name__":"cpu_usage","cluster":"prod","host":"web-1"},
			{"__name__":"cpu_usage","cluster":"prod","host":"web-2"},{"__name__":"mem_used","cluster":"lab","host":"nas"},
			{"__name__":"mem_used","cluster":"prod","host":"web-1"}]`},
		{method: "POST", path: "series", form: "match[]=mem_used&start=1750003200&end=1750003800", data: `[{"__name__":"mem_used","cluster":"lab","host":"nas"},
			{"__name__":"mem_used","cluster":"prod","host":"db-1"},{"__name__":"mem_used","cluster":"prod","host":"web-1"}]`},
		{path: in("series", "match[]", "old_metric"), data: `[]`},
		{path: "series", status: 400, errorType: badData},
		{path: get("series", "match[]", `{cluster="prod"`), status: 400, errorType: badData},
		{path: get("series", "match[]", `{cluster=~".*"}`), status: 400, errorType: badData},
		{path: get("labels", "match[]", `{cluster=~".*"}`), status: 400, errorType: badData},
		{path: "label/1x/values", status: 400, errorType: badData},
		{path: "label/my.label/values", data: `[]`, differs: "version 3 allows every name"},
		{path: "label/U__my_2e_label/values", data: `[]`},
		{method: "POST", path: "label/host/values", form: "start=1750003200", status: 405},
		{path: in("query", "query", "count by (cluster) (cpu_usage)", "time", "1750003800"), data: `{"resultType":"vector","result":[
			{"metric":{"cluster":"lab"},"value":[1750003800,"1"]},{"metric":{"cluster":"prod"},"value":[1750003800,"3"]}]}`},
		{path: get("query", "query", "sort_desc(sum by (host) (cpu_usage))", "time", "1750003800"), data: `{"resultType":"vector","result":[
			{"metric":{"host":"web-9"},"value":[1750003800,"40"]},{"metric":{"host":"db-1"},"value":[1750003800,"30"]},
			{"metric":{"host":"web-2"},"value":[1750003800,"20"]},{"metric":{"host":"web-1"},"value":[1750003800,"10"]}]}`},
		{path: "label/host/values?limit=0", data: `["db-1","gone","nas","web-1","web-2","web-9"]`},
		{path: "label/host/values?limit=6", data: `["db-1","gone","nas","web-1","web-2","web-9"]`},
		{path: "label/host/values?limit=-1", status: 400, errorType: badData, differs: "version 3 has limits"},
	}
}

func timeFormats() []request {
	const ninety = `{"resultType":"vector","result":[{"metric":{"__name__":"ramp","host":"a"},"value":[1750003295,"90"]}]}`
	at := func(ms string) string {
		return `{"resultType":"vector","result":[{"metric":{"__name__":"ramp","host":"a"},"value":[1750003295.` + ms + `,"90"]}]}`
	}
	multipart := "--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nramp\r\n--x\r\nContent-Disposition: form-data; name=\"time\"\r\n\r\n1750003295\r\n--x--\r\n"
	all := []request{
		{method: "POST", path: "query", form: "query=ramp&time=1750003295", data: ninety},
		{method: "POST", path: "query?time=1750003295", form: "query=ramp", data: ninety},
		{method: "POST", path: "query?query=nosuch", form: "query=ramp&time=1750003295", data: ninety},
		{method: "POST", path: "query", form: multipart, kind: "multipart/form-data; boundary=x", data: ninety},
		{path: "query?query=ramp&time=2025-06-15T16:01:35Z", data: ninety},
		{path: "query?query=ramp&time=2025-06-15T18:01:35%2B02:00", data: ninety},
		{path: "query?query=ramp&time=1.750003295e9", data: ninety},
		{path: "query?query=ramp&time=1750003295.123", data: at("123")},
		{path: "query?query=ramp&time=2025-06-15T16:01:35.250Z", data: at("250")},
		{path: "query?query=ramp&time="},
		{path: "query?query=ramp&time=1750003295123", data: `{"resultType":"vector","result":[]}`},
		{path: "query?query=ramp&time=1750003295&timeout=5", data: ninety},
		{path: "query?query=ramp&timeout=abc", status: 400, errorType: badData},
		{method: "POST", path: "query", form: `{"query":"ramp"}`, kind: "application/json", status: 400, errorType: badData},
		{path: "query_range?query=1%2B1&start=1750003200&end=1750003215&step=15", data: `{"resultType":"matrix","result":[{"metric":{},"values":[[1750003200,"2"],[1750003215,"2"]]}]}`},
		{path: "query_range?query=ramp&start=1750003200&end=1750003200&step=1", data: ramp(0)},
		{path: "query_range?query=ramp&start=1750003201&end=1750003200&step=1", status: 400, errorType: badData},
		{path: "query_range?query=ramp[1m]&start=1750003200&end=1750003260&step=15", status: 400, errorType: badData},
		{path: "query_range?query=%22x%22&start=1750003200&end=1750003260&step=15", status: 400, errorType: badData},
		{path: "query_range?query=ramp&start=1750003200&end=1750014200&step=1"},
		{path: "query_range?query=ramp&start=1750003200&end=1750014201&step=1", status: 400, errorType: badData},
	}
	for _, text := range []string{"now", "2025-06-15T16:01:35", "2025-06-15%2016:01:35Z", "2025-06-15T18:01:35+02:00"} {
		all = append(all, request{path: "query?query=ramp&time=" + text, status: 400, errorType: badData})
	}
	for step, seconds := range map[string][]float64{
		"15": {0, 15, 30, 45, 60}, "15s": {0, 15, 30, 45, 60}, "15.5": {0, 15.5, 31, 46.5}, "1m": {0, 60},
		"1m30s": {0}, "1h30m": {0}, "1d": {0}, "1w": {0}, "1y": {0}, "1e1": {0, 10, 20, 30, 40, 50, 60}, "1500ms": nil, "0.5": nil,
	} {
		r := request{path: "query_range?query=ramp&start=1750003200&end=1750003260&step=" + step}
		if seconds != nil {
			r.data = ramp(seconds...)
		}
		all = append(all, r)
	}
	for _, step := range []string{"0", "-5", "NaN", "%2BInf", "-5s", "", "15S", "1.5m", "30s1m", "1M"} {
		all = append(all, request{path: "query_range?query=ramp&start=1750003200&end=1750003260&step=" + step, status: 400, errorType: badData})
	}
	return all
}

// ramp returns the data of a range query of the series ramp, whose value is the second rounded down to ten.
func ramp(seconds ...float64) string {
	var values []string
	for _, s := range seconds {
		values = append(values, fmt.Sprintf(`[%s,"%d"]`, strconv.FormatFloat(T+s, 'f', -1, 64), int(s)/10*10))
	}
	return `{"resultType":"matrix","result":[{"metric":{"__name__":"ramp","host":"a"},"values":[` + strings.Join(values, ",") + `]}]}`
}

// TestMissingParameters: the message names the parameter.
func TestMissingParameters(t *testing.T) {
	eachServer(t, "post-and-time-formats", func(t *testing.T, base string) {
		all := map[string]string{"query": "ramp", "start": "1750003200", "end": "1750003260", "step": "15"}
		for missing := range all {
			var params []string
			for name, value := range all {
				if name != missing {
					params = append(params, name, value)
				}
			}
			r := request{path: get("query_range", params...)}
			if got := r.send(t, base); got.status != 400 || got.ErrorType != badData || !strings.Contains(got.Error, `"`+missing+`"`) {
				t.Errorf("without %s: %+v", missing, got)
			}
		}
	})
}

func resultTypes() []request {
	scalar := func(expr, value string) request {
		return request{path: get("query", "query", expr, "time", "1750003200"), data: fmt.Sprintf(`{"resultType":"scalar","result":[1750003200,%q]}`, value)}
	}
	all := []request{
		scalar("1+1", "2"), scalar("1/0", "+Inf"), scalar("-1/0", "-Inf"), scalar("0/0", "NaN"), scalar("scalar(nosuch)", "NaN"),
		{path: get("query", "query", `"hello"`, "time", "1750003200"), data: `{"resultType":"string","result":[1750003200,"hello"]}`},
		{path: "query?query=time()&time=1750003200.5", data: `{"resultType":"scalar","result":[1750003200.5,"1750003200.5"]}`},
		{path: "query?query=vector(1)&time=1750003200", data: `{"resultType":"vector","result":[{"metric":{},"value":[1750003200,"1"]}]}`},
		{path: "query?query=nosuch", data: `{"resultType":"vector","result":[]}`},
		{path: "query?query=nosuch[5m]", data: `{"resultType":"matrix","result":[]}`},
		{path: get("query", "query", `special{kind="nan"} > 0`, "time", "1750003200"), data: `{"resultType":"vector","result":[]}`},
		{path: get("query", "query", `sum(special{kind="mill"} * Inf - special{kind="mill"} * Inf)`, "time", "1750003200"), data: `{"resultType":"vector","result":[{"metric":{},"value":[1750003200,"NaN"]}]}`},
		{path: get("query_range", "query", `sum by (kind) (special{kind=~"mill|tiny"} / 0 * (special{kind=~"mill|tiny"} - 1e6))`, "start", "1750003200", "end", "1750003230", "step", "15"), data: `{"resultType":"matrix","result":[
			{"metric":{"kind":"mill"},"values":[[1750003200,"NaN"],[1750003215,"NaN"],[1750003230,"NaN"]]},
			{"metric":{"kind":"tiny"},"values":[[1750003200,"-Inf"],[1750003215,"-Inf"],[1750003230,"-Inf"]]}]}`},
	}
	for kind, value := range map[string]string{
		"neg0": "-0", "big": "1.2345678901234568e+21", "e21": "1e+21", "tiny": "1e-09", "mill": "1000000",
		"third": "0.3333333333333333", "int": "9007199254740992",
	} {
		all = append(all, request{path: get("query", "query", `special{kind="`+kind+`"}`, "time", "1750003200"),
			data: fmt.Sprintf(`{"resultType":"vector","result":[{"metric":{"__name__":"special","kind":%q},"value":[1750003200,%q]}]}`, kind, value)})
	}
	return all
}

func errorCases() []request {
	var all []request
	for _, expr := range []string{"sum(", "", "foo(side_a)", "rate(side_a)", "side_a[5m] + 1", `side_a{a="b"`, `side_a{host=~"("}`} {
		all = append(all, request{path: get("query", "query", expr, "time", "1750003200"), status: 400, errorType: badData})
	}
	for _, expr := range []string{
		"side_a * on(host) side_b", "side_a * on(host) group_left side_b", `label_replace(side_a,"dev","","dev",".*")`,
		`label_replace(side_a,"host","$1","host","(")`,
	} {
		all = append(all, request{path: get("query", "query", expr, "time", "1750003200"), status: 422, errorType: execution})
	}
	hosts := "side_a{host=~\"h"
	for i := range 1000 {
		hosts += fmt.Sprintf("|some-host-%04d.lan", i)
	}
	return append(all,
		request{method: "DELETE", path: "query?query=1", status: 405}, request{method: "PUT", path: "query?query=1", status: 405},
		request{method: "HEAD", path: "query?query=1", status: 405}, request{path: "x", status: 404}, request{method: "OPTIONS", path: "query", status: 204},
		request{method: "POST", path: "query", form: "query=count(" + strings.ReplaceAll(hosts, "|", "%7C") + "\"})&time=1750003200",
			data: `{"resultType":"vector","result":[{"metric":{},"value":[1750003200,"2"]}]}`},
	)
}

func untrustedNames() []request {
	var all []request
	for selector, value := range map[string]string{
		`name="a\"b"`: "3", `name="back\\slash"`: "4", `name=~"a\\|b"`: "13", `name="a|b"`: "13", `name=".*"`: "14", `name="<script>alert(1)</script>"`: "1",
	} {
		all = append(all, request{path: get("query", "query", "sum(evil{"+selector+"})", "time", "1750003200"),
			data: fmt.Sprintf(`{"resultType":"vector","result":[{"metric":{},"value":[1750003200,%q]}]}`, value)})
	}
	return append(all, request{path: get("query", "query", "count(evil)", "time", "1750003200"), data: `{"resultType":"vector","result":[{"metric":{},"value":[1750003200,"16"]}]}`},
		request{path: get("query", "query", `evil{name=~"a|b"}`, "time", "1750003200"), data: `{"resultType":"vector","result":[]}`})
}

// TestNamesFromStrangers: every text comes back as it was written, and selects its series.
func TestNamesFromStrangers(t *testing.T) {
	eachServer(t, "untrusted-names", func(t *testing.T, base string) {
		for _, s := range caseSamples(t, "untrusted-names") {
			written := s.Labels.Get("name")
			stored := tskey.Clean(written)
			result := asJSON([]any{map[string]any{"metric": map[string]string{"__name__": "evil", "host": "h", "name": stored}, "value": []any{T, fmt.Sprint(s.Value)}}})
			for _, name := range []string{written, stored} {
				r := request{path: get("query", "query", "evil{name="+strconv.Quote(name)+"}", "time", "1750003200"), data: `{"resultType":"vector","result":` + result + `}`}
				r.check(t, r.send(t, base))
			}
		}
	})
}

func staleness() []request {
	beat := func(expr, time, value, differs string) request {
		data := `{"resultType":"vector","result":[]}`
		if value != "" {
			data = fmt.Sprintf(`{"resultType":"vector","result":[{"metric":{},"value":[%s,%q]}]}`, time, value)
		}
		return request{path: get("query", "query", expr, "time", time), data: data, differs: differs}
	}
	const left = "version 3 excludes the left end of a range"
	return []request{
		beat(`sum(beat{host="a"})`, "1750003619.999", "120", ""),
		beat(`sum(beat{host="a"})`, "1750003620", "", left),
		beat(`sum(beat{host="a"})`, "1750003620.001", "", ""),
		beat(`count(beat)`, "1750003620", "1", left),
		beat(`sum(count_over_time(beat{host="b"}[5m]))`, "1750003800", "5", left),
		beat(`sum(count_over_time(beat{host="b"}[5m]))`, "1750003801", "5", ""),
		beat(`sum(rate(beat{host="b"}[1m]))`, "1750003800", "", left),
		beat(`sum(rate(beat{host="b"}[1m]))`, "1750003801", "", ""),
		beat(`sum(beat{host="b"} offset 10m)`, "1750003800", "0", ""),
		beat(`sum(beat{host="b"} @ 1750003500)`, "1750003900", "300", ""),
		{path: get("query", "query", `last_over_time(beat{host="a"}[1h])`, "time", "1750006200"),
			data: `{"resultType":"vector","result":[{"metric":{"__name__":"beat","host":"a"},"value":[1750006200,"120"]}]}`},
		{path: get("query", "query", `max_over_time(beat{host="a"}[1h])`, "time", "1750006200"), data: `{"resultType":"vector","result":[{"metric":{"host":"a"},"value":[1750006200,"120"]}]}`},
		{path: get("query", "query", `absent(beat{host="a"})`, "time", "1750003620"), data: `{"resultType":"vector","result":[{"metric":{"host":"a"},"value":[1750003620,"1"]}]}`, differs: left},
		{path: get("query", "query", `beat[0s]`, "time", "1750003620"), status: 400, errorType: badData},
		{path: get("query", "query", `sum(beat{host="a"})`, "time", "1750003379", "lookback_delta", "60s"), data: `{"resultType":"vector","result":[{"metric":{},"value":[1750003379,"120"]}]}`},
		{path: get("query", "query", `sum(beat{host="a"})`, "time", "1750003380", "lookback_delta", "60s"), data: `{"resultType":"vector","result":[]}`, differs: "2.42 has no such parameter"},
		{path: get("query_range", "query", `sum(beat{host="a"})`, "start", "1750003200", "end", "1750003800", "step", "60"),
			data:    `{"resultType":"matrix","result":[{"metric":{},"values":[[1750003200,"0"],[1750003260,"60"],[1750003320,"120"],[1750003380,"120"],[1750003440,"120"],[1750003500,"120"],[1750003560,"120"]]}]}`,
			differs: left},
	}
}

func emptyMatchers() []request {
	hosts := func(matcher string, hosts ...string) request {
		results := make([]string, len(hosts))
		for i, h := range hosts {
			results[i] = fmt.Sprintf(`{"metric":{"host":%q},"value":[1750003200,"1"]}`, h)
		}
		return request{
			path: get("query", "query", "count by (host) (disk_used{"+matcher+"})", "time", "1750003200"),
			data: `{"resultType":"vector","result":[` + strings.Join(results, ",") + `]}`,
		}
	}
	all := []request{
		hosts(`role=""`, "a"), hosts(`role!=""`, "b", "c", "d"), hosts(`role=~".*"`, "a", "b", "c", "d"), hosts(`role!~".*"`), hosts(`role!="db"`, "a", "c"),
		hosts(`role=~"db|"`, "a", "b", "d"), hosts(`role!="",tier=""`, "b", "c"), hosts(`nosuch!=""`), hosts(`role=~"(?i)DB"`, "b", "d"),
		{path: get("query", "query", "sum by (role) (disk_used)", "time", "1750003200"), data: `{"resultType":"vector","result":[
			{"metric":{},"value":[1750003200,"1"]},{"metric":{"role":"db"},"value":[1750003200,"6"]},{"metric":{"role":"web"},"value":[1750003200,"3"]}]}`},
		{path: get("query", "query", "count by (nosuch) (disk_used)", "time", "1750003200"), data: `{"resultType":"vector","result":[{"metric":{},"value":[1750003200,"4"]}]}`},
	}
	for _, expr := range []string{"{}", `{role=""}`, `{role=~".*"}`, `{__name__=~".*"}`, `{__name__!="disk_used"}`, `disk_used{__name__="x"}`} {
		all = append(all, request{path: get("query", "query", expr), status: 400, errorType: badData})
	}
	return all
}
