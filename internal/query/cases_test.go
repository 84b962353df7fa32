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
		`{host="a"}`: `{__name__="disk_used", host="a", mount="/"} => 1`,
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
