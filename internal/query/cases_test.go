package query_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

// T is the time at which the samples of all cases begin.
const T = 1750003200

// at returns T plus seconds.
func at(seconds float64) time.Time {
	return time.UnixMilli(T*1000 + int64(seconds*1000))
}

// newCase returns an engine on a Redis with the samples of a case.
func newCase(t *testing.T, name string, limits query.Limits) *query.Engine {
	t.Helper()
	client := querytest.Open(t)
	querytest.LoadFile(t, client, "testdata/cases/"+name+"/samples.om")
	return query.New(client, limits)
}

// instant returns the result of an expression, sorted unless it sorts: `{a="b"} => 1; {a="c"} => 2`.
func instant(t *testing.T, e *query.Engine, expr string, at time.Time) string {
	t.Helper()
	r, err := e.Instant(t.Context(), expr, at, query.Params{})
	if err != nil {
		t.Errorf("%s: %v", expr, err)
		return ""
	}
	defer r.Close()
	lines := strings.Split(strings.ReplaceAll(r.Value.String(), fmt.Sprintf(" @[%d]", at.UnixMilli()), ""), "\n")
	if !strings.HasPrefix(expr, "sort") {
		slices.Sort(lines)
	}
	return strings.Join(lines, "; ")
}

// hosts returns the values of the label host in the result of an expression, sorted.
func hosts(t *testing.T, e *query.Engine, expr string) string {
	t.Helper()
	r, err := e.Instant(t.Context(), expr, at(0), query.Params{})
	if err != nil {
		t.Errorf("%s: %v", expr, err)
		return ""
	}
	defer r.Close()
	var all []string
	for _, s := range r.Value.(promql.Vector) {
		all = append(all, s.Metric.Get("host"))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// kind returns the kind of an error, "" without one.
func kind(err error) query.Kind {
	var known *query.Error
	if err == nil {
		return ""
	}
	if !errors.As(err, &known) {
		return query.Kind(fmt.Sprintf("no kind: %v", err))
	}
	return known.Kind
}

func expectKinds(t *testing.T, e *query.Engine, want query.Kind, exprs ...string) {
	t.Helper()
	for _, expr := range exprs {
		r, err := e.Instant(t.Context(), expr, at(0), query.Params{})
		if got := kind(err); got != want {
			t.Errorf("%s: %q, want %q: %v", expr, got, want, err)
		}
		if err == nil {
			r.Close()
		}
	}
}

func TestEmptyMatchers(t *testing.T) {
	e := newCase(t, "empty-matchers", query.Limits{})
	for matcher, want := range map[string]string{
		`role=""`: "a", `role=~""`: "a", `role!~".+"`: "a", `role="",tier=""`: "a",
		`role!=""`: "b c d", `role=~".+"`: "b c d", `role=~".*"`: "a b c d", `role!~".*"`: "",
		`role!="db"`: "a c", `role!~"db"`: "a c", `role=~"db|"`: "a b d", `role=~"|web"`: "a c", `role!~"db|"`: "c",
		`role!="",tier=""`: "b c", `nosuch=""`: "a b c d", `nosuch!="x"`: "a b c d", `nosuch=~".*"`: "a b c d",
		`nosuch!=""`: "", `nosuch="x"`: "", `role=~"d"`: "", `role=~"d.*"`: "b d", `role=~"(?i)DB"`: "b d", `role=~"^db$"`: "b d",
		`role=~"db|web"`: "b c d", `role=~"db|web",role!="db"`: "c", `tier="gold"`: "d",
	} {
		if got := hosts(t, e, "disk_used{"+matcher+"}"); got != want {
			t.Errorf("%s: %q, want %q", matcher, got, want)
		}
	}
	for expr, want := range map[string]string{
		"sum by (role) (disk_used)":                         "{role=\"db\"} => 6; {role=\"web\"} => 3; {} => 1",
		"count by (nosuch) (disk_used)":                     "{} => 4",
		`absent(disk_used{host="z",role=~"a.*",tier!="x"})`: `{host="z"} => 1`,
		`{host="a"}`:                  `{__name__="disk_used", host="a", mount="/"} => 1`,
		`count({__name__=~"disk.*"})`: "{} => 4", `count({host!=""})`: "{} => 4", `count({host!="",role=~"d.+"})`: "{} => 2",
		`{__name__=~"disk.*",role!~".+"}`: `{__name__="disk_used", host="a", mount="/"} => 1`, `count({__name__=~"nosuch.+"})`: "",
	} {
		if diff := cmp.Diff(want, instant(t, e, expr, at(0))); diff != "" {
			t.Error(expr, diff)
		}
	}
	expectKinds(t, e, query.BadData, `{}`, `{role=""}`, `{role=~".*"}`, `{__name__=~".*"}`, `{__name__!="disk_used"}`, `disk_used{__name__="x"}`)
}

func TestErrors(t *testing.T) {
	e := newCase(t, "errors-and-limits", query.Limits{})
	expectKinds(t, e, query.BadData, `sum(`, ``, `foo(side_a)`, `rate(side_a)`, `side_a[5m] + 1`, `side_a{a="b"`, `side_a{host=~"("}`)
	expectKinds(t, e, query.Execution, `side_a * on(host) side_b`, `side_a * on(host) group_left side_b`, `label_replace(side_a,"dev","","dev",".*")`,
		`label_replace(side_a,"host","$1","host","(")`, `label_replace(side_a,"1\xff","$1","host","x")`)
}

func TestUntrustedNames(t *testing.T) {
	e := newCase(t, "untrusted-names", query.Limits{})
	r, err := e.Instant(t.Context(), "evil", at(0), query.Params{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := len(r.Value.(promql.Vector)); got != 16 {
		t.Errorf("%d results", got)
	}
	for matcher, want := range map[string]string{
		`name="a\"b"`: "3", `name="back\\slash"`: "4", `name="line\nbreak"`: "5", `name=~"a|b"`: "", `name=~"a\\|b"`: "13", `name="a|b"`: "13",
		`name=".*"`: "14", `name=" lead"`: "15", `name="lead"`: "15", `name="<script>alert(1)</script>"`: "1", `name="<script>alert_1_</script>"`: "1",
		`name=~"<script>.*"`: "1", `name=~"a\\|b|\\.\\*"`: "13 14", `name!=" lead",name=~".*lead"`: "", `name="<img src=x onerror=alert(1)>"`: "2",
		`name!="<img src=x onerror=alert(1)>",name=~"<img.*"`: "",
	} {
		r, err := e.Instant(t.Context(), "evil{"+matcher+"}", at(0), query.Params{})
		if err != nil {
			t.Errorf("%s: %v", matcher, err)
			continue
		}
		var got []string
		for _, s := range r.Value.(promql.Vector) {
			got = append(got, fmt.Sprint(s.F))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", matcher, got, want)
		}
		r.Close()
	}
}

func TestGrafanaVariables(t *testing.T) {
	e := newCase(t, "grafana-variables", query.Limits{})
	within := func(selectors ...string) query.Selection {
		return query.Selection{Selectors: selectors, Start: at(0), End: at(600)}
	}
	values := func(label string, s query.Selection) func() ([]string, []string, error) {
		return func() ([]string, []string, error) { return e.LabelValues(t.Context(), label, s) }
	}
	names := func(s query.Selection) func() ([]string, []string, error) {
		return func() ([]string, []string, error) { return e.LabelNames(t.Context(), s) }
	}
	for name, tc := range map[string]struct {
		list func() ([]string, []string, error)
		want string
	}{
		"one selector":     {values("host", within(`cpu_usage{cluster="prod"}`)), "db-1 web-1 web-2"},
		"two selectors":    {values("host", within(`cpu_usage{cluster="prod"}`, "mem_used")), "db-1 nas web-1 web-2"},
		"no times":         {values("cluster", query.Selection{}), "attic lab prod"},
		"times":            {values("cluster", within()), "lab prod"},
		"only before":      {values("cluster", query.Selection{End: at(-1)}), "attic"},
		"metrics":          {values("__name__", within(`{cluster="lab"}`)), "cpu_usage mem_used"},
		"metrics, regexp":  {values("__name__", within(`{cluster=~"l.+"}`)), "cpu_usage mem_used"},
		"unknown label":    {values("nosuch", query.Selection{}), ""},
		"unknown metric":   {values("host", query.Selection{Selectors: []string{"nosuch_metric"}}), ""},
		"names":            {names(within("cpu_usage")), "__name__ cluster host"},
		"names, no times":  {names(query.Selection{Selectors: []string{"mem_used"}}), "__name__ cluster host"},
		"limit":            {values("host", query.Selection{Selectors: []string{"cpu_usage"}, Limit: 2}), "db-1 web-1 | results truncated due to limit: 2"},
		"limit is reached": {values("host", query.Selection{Selectors: []string{"cpu_usage"}, Limit: 4}), "db-1 web-1 web-2 web-9"},
		"limit of names":   {names(query.Selection{Limit: 1}), "__name__ | results truncated due to limit: 1"},
	} {
		got, warnings, err := tc.list()
		if text := strings.Join(append(got, prefixed("| ", warnings)...), " "); text != tc.want || err != nil {
			t.Errorf("%s: %s, want %s, %v", name, text, tc.want, err)
		}
	}
	series, _, err := e.Series(t.Context(), within(`cpu_usage{cluster="prod"}`, `mem_used{host=~"web-1|nas"}`, `cpu_usage{host="web-1"}`))
	want := `[{__name__="cpu_usage", cluster="prod", host="db-1"} {__name__="cpu_usage", cluster="prod", host="web-1"} ` +
		`{__name__="cpu_usage", cluster="prod", host="web-2"} {__name__="mem_used", cluster="lab", host="nas"} {__name__="mem_used", cluster="prod", host="web-1"}]`
	if diff := cmp.Diff(want, fmt.Sprint(series)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if series, _, err := e.Series(t.Context(), within("old_metric")); len(series) != 0 || err != nil {
		t.Error(series, err)
	}
	for _, bad := range []string{`{cluster="prod"`, `{cluster=~".*"}`} {
		if _, _, err := e.Series(t.Context(), within(bad)); kind(err) != query.BadData {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for expr, want := range map[string]string{
		"count by (cluster) (cpu_usage)": `{cluster="lab"} => 1; {cluster="prod"} => 3`,
		"sort_desc(cpu_usage)": `cpu_usage{cluster="lab", host="web-9"} => 40; cpu_usage{cluster="prod", host="db-1"} => 30; ` +
			`cpu_usage{cluster="prod", host="web-2"} => 20; cpu_usage{cluster="prod", host="web-1"} => 10`,
	} {
		if diff := cmp.Diff(want, strings.ReplaceAll(strings.ReplaceAll(instant(t, e, expr, at(600)), `{__name__="cpu_usage", `, "cpu_usage{"), "  ", " ")); diff != "" {
			t.Error(expr, diff)
		}
	}
}

func prefixed(prefix string, texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, prefix+text)
	}
	return all
}
