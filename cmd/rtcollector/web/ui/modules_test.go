package ui_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestModules calls functions of the modules that need no page.
func TestModules(t *testing.T) {
	s := startSite(t, startRedis(t))
	p := openTab(t, s.base, 600, 400)
	p.open("/nowhere")
	for _, c := range []struct{ module, call, want string }{
		{"units", `withUnit(13207024435.2, "bytes")`, `12.3 GiB`},
		{"units", `withUnit(22600000, "bytes/s")`, `22.6 MB/s`},
		{"units", `withUnit(0, "bytes/s")`, `0 B/s`},
		{"units", `withUnit(-1536, "bytes")`, `−1.5 KiB`},
		{"units", `withUnit(1023.99, "bytes")`, `1 KiB`},
		{"units", `withUnit(0.0002, "seconds")`, `200 µs`},
		{"units", `withUnit(Infinity, "bytes")`, `∞`},
		{"units", `withUnit(12, "things")`, `12 things`},
		{"units", `percent(83.7)`, `84 %`},
		{"units", `percent(0.42)`, `0.4 %`},
		{"units", `percent(0)`, `0 %`},
		{"units", `duration(2)`, `2 s`},
		{"units", `duration(75)`, `75 s`},
		{"units", `duration(14 * 60 + 59)`, `14 min`},
		{"units", `duration(3600)`, `1 h`},
		{"units", `duration(41 * 86400 + 5)`, `41 d`},
		{"units", `ago(2.4)`, `2 s ago`},
		{"units", `ago(-90)`, `in 90 s`},
		{"units", `tickLabels(ticks(0, 100, "percent"), "percent").join(" ")`, `0 25 50 75 100 %`},
		{"units", `tickLabels(ticks(0, 8 * 2 ** 30, "bytes"), "bytes").join(" ")`, `0 2 4 6 8 GiB`},
		{"units", `tickLabels(ticks(0, 0.00062, "seconds"), "seconds").join(" ")`, `0 200 400 600 800 µs`},
		{"units", `tickLabels(ticks(-3, 3)).join(" ")`, `−4 −2 0 2 4`},
		{"units", `tickLabels(ticks(0, 1, "")).join(" ")`, `0 0.25 0.5 0.75 1`},
		{"units", `Object.values(unitOf("milliseconds per second")).join(" ")`, `cores 0.001`},
		{"promql", `selector("up", {host: 'a"b\\c\nd'})`, `up{host="a\"b\\c\nd"}`},
		{"promql", `selector("a.b", {})`, `{__name__="a.b"}`},
		{"promql", `matcher("x", "=", ["a|b", ".*"])`, `x=~"a\\|b|\\.\\*"`},
		{"promql", `addMatcher("sum by (host) (rate(net_rx_bytes[5m]))", "iface", "lo")`, `sum by (host) (rate(net_rx_bytes{iface="lo"}[5m]))`},
		{"promql", `addMatcher('up{a="}"} > 1', "b", "c")`, `up{a="}",b="c"} > 1`},
		{"promql", `addMatcher('{__name__="up"}', "b", "c")`, `{__name__="up",b="c"}`},
		{"promql", `addMatcher("1 + 2", "b", "c")`, `1 + 2`},
		{"promql", `JSON.stringify(contextAt("rate(net_r", 10))`, `{"kind":"metric","from":5,"text":"net_r"}`},
		{"promql", `JSON.stringify(contextAt('up{host="a', 10))`, `{"kind":"value","from":9,"text":"a","metric":"up","label":"host"}`},
		{"promql", `JSON.stringify(contextAt('up{host="a",j', 13))`, `{"kind":"label","from":12,"text":"j","metric":"up"}`},
		{"promql", `contextAt("rate(x[5", 8).kind`, `none`},
		{"promql", `contextAt("sum by (ho) (up)", 10).kind`, `grouping`},
		{"promql", `errorPosition("1:5: parse error: unexpected", "sum(\nup)")`, `4`},
		{"promql", `errorPosition("2:1: parse error: unexpected", "sum(\nup)")`, `5`},
		{"promql", `distinctNames([{host: "a", env: "x"}, {host: "b", env: "x"}]).join(" ")`, `a b`},
		{"promql", `distinctNames([{host: "a", i: "1"}, {host: "a", i: "2"}, {host: "b", i: "1"}]).join(" ")`, `{host="a", i="1"} {host="a", i="2"} {host="b", i="1"}`},
		{"time", `stepFor(3600, 240)`, `15`},
		{"time", `stepFor(300, 240, 10)`, `10`},
		{"time", `JSON.stringify(gridOf({start: 1003, end: 1098}, 10))`, `{"start":1010,"end":1090,"step":10}`},
		{"time", `formatTime(1750003210.5, "utc", "milli")`, `2025-06-15 16:00:10.500`},
		{"time", `parseTime("2025-06-15 16:00:10", "utc")`, `1750003210`},
		{"time", `parseTime("yesterday", "utc")`, `NaN`},
		{"time", `timeTicks([1749945600, 1749949200], 3600, "utc").join(" ")`, `15 Jun 01:00`},
		{"state", `hostHref("../../etc")`, `/host/..%2F..%2Fetc`},
		{"state", `hostHref("..")`, `/host?name=..`},
		{"state", `hostOf("/host/a%2Fb", new URLSearchParams())`, `a/b`},
		{"state", `hostOf("/host/%zz", new URLSearchParams())`, `%zz`},
		{"dom", `oneLine("a\nb\tc\u0007\u001b[2J")`, `a↵b→c␇␛[2J`},
		{"data", `JSON.stringify(align([{times: [0, 10, 20, 50], values: [1, 2, 3, 4]}], {start: 0, end: 60, step: 10}))`, `{"x":[0,10,20,30,40,50,60],"columns":[[1,2,3,null,null,4,null]]}`},
		{"data", `parseValue("-Inf")`, `-Infinity`},
		{"plan", `queriesFor(planGroup({panels: [{title: "x", queries: [{metric: "a", rate: true, label: "$b"}]}]}, new Map([["a", 10]]), {host: "h"})[0], 30).queries[0].expr`, `rate(a{host="h"}[40s])`},
		{"plan", `queriesFor(planGroup({panels: [{title: "x", queries: [{metric: "a", rate: true, label: "$b"}]}]}, new Map([["a_rate", 10]]), {host: "h"})[0], 60).queries[0].expr`, `avg_over_time(a_rate{host="h"}[60s])`},
	} {
		got := eval[string](p, fmt.Sprintf(`import("/js/%s.js").then((m) => { with (m) return String(%s); })`, c.module, c.call))
		if got := nbsp.Replace(got); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.module, c.call, got, c.want)
		}
	}
}

// nbsp replaces the spaces before units, which do not break.
var nbsp = strings.NewReplacer("\u00a0", " ")
