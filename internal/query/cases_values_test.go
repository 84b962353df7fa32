package query_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

// points returns the result of a range query, such as "a 0:1 60:2; b 0:1": the value of the label host, then each point with its seconds
// after T.
func points(t *testing.T, e *query.Engine, expr string, from, to, step float64, p query.Params) string {
	t.Helper()
	r, err := e.Range(t.Context(), expr, at(from), at(to), time.Duration(step*float64(time.Second)), p)
	if err != nil {
		t.Errorf("%s: %v", expr, err)
		return ""
	}
	defer r.Close()
	var all []string
	for _, s := range r.Value.(promql.Matrix) {
		var b strings.Builder
		b.WriteString(s.Metric.Get("host"))
		for _, f := range s.Floats {
			fmt.Fprintf(&b, " %v:%v", float64(f.T-T*1000)/1000, f.F)
		}
		all = append(all, strings.TrimSpace(b.String()))
	}
	return strings.Join(all, "; ")
}

// value returns the value of an instant query with one series, or "" without one.
func value(t *testing.T, e *query.Engine, expr string, seconds float64, p query.Params) string {
	t.Helper()
	r, err := e.Instant(t.Context(), expr, at(seconds), p)
	if err != nil {
		t.Errorf("%s: %v", expr, err)
		return ""
	}
	defer r.Close()
	v := r.Value.(promql.Vector)
	if len(v) > 1 {
		t.Errorf("%s: %d series", expr, len(v))
	}
	if len(v) == 0 {
		return ""
	}
	return fmt.Sprint(v[0].F)
}

func TestStalenessAndEdges(t *testing.T) {
	e := newCase(t, "staleness-and-edges", query.Limits{})
	minute := query.Params{Lookback: time.Minute}
	for _, tc := range []struct {
		expr string
		at   float64
		p    query.Params
		want string
	}{
		{`beat{host="a"}`, 419.999, query.Params{}, "120"}, {`beat{host="a"}`, 420, query.Params{}, ""}, {`beat{host="a"}`, 420.001, query.Params{}, ""},
		{`count(beat)`, 420, query.Params{}, "1"}, {`absent(beat{host="a"})`, 420, query.Params{}, "1"},
		{`count_over_time(beat{host="b"}[5m])`, 600, query.Params{}, "5"}, {`count_over_time(beat{host="b"}[5m])`, 601, query.Params{}, "5"},
		{`rate(beat{host="b"}[1m])`, 600, query.Params{}, ""}, {`rate(beat{host="b"}[1m])`, 601, query.Params{}, ""},
		{`rate(beat{host="b"}[2m])`, 600, query.Params{}, "1"}, {`rate(beat{host="b"}[2m])`, 659, query.Params{}, "1"},
		{`increase(beat{host="b"}[5m])`, 600, query.Params{}, "300"}, {`increase(beat{host="b"}[5m])`, 601, query.Params{}, "300"},
		{`count_over_time(beat{host="b"}[5m:1m])`, 600, query.Params{}, "5"}, {`beat{host="b"} offset 10m`, 600, query.Params{}, "0"},
		{`beat{host="b"} @ 1750003500`, 9, query.Params{}, "300"}, {`max_over_time(beat{host="a"}[1h])`, 3000, query.Params{}, "120"},
		{`beat{host="a"}`, 179, minute, "120"}, {`beat{host="a"}`, 180, minute, ""},
	} {
		if got := value(t, e, tc.expr, tc.at, tc.p); got != tc.want {
			t.Errorf("%s at %v: %q, want %q", tc.expr, tc.at, got, tc.want)
		}
	}
	if got := points(t, e, `beat{host="a"}`, 0, 600, 60, query.Params{}); got != "a 0:0 60:60 120:120 180:120 240:120 300:120 360:120" {
		t.Error(got)
	}
	if got := instant(t, e, `last_over_time(beat{host="a"}[1h])`, at(3000)); got != `{__name__="beat", host="a"} => 120` {
		t.Error(got)
	}
	if got := instant(t, e, `max_over_time(beat{host="a"}[1h])`, at(3000)); got != `{host="a"} => 120` {
		t.Error(got)
	}
	if got := value(t, e, `count_over_time(beat{host="b"}[1m])`, 600, query.Params{}); got != "1" {
		t.Error(got)
	}
	expectKinds(t, e, query.BadData, `rate(beat[0s])`)
}

// Redis stores neither NaN nor infinities; what it stores comes back with every bit.
func TestResultTypes(t *testing.T) {
	for name, client := range querytest.Servers(t) {
		t.Run(name, func(t *testing.T) {
			testResultTypes(t, query.New(client, query.Limits{}), func(line string) error {
				var args []any
				for _, word := range strings.Fields(line) {
					args = append(args, word)
				}
				return client.Do(t.Context(), args...).Err()
			})
		})
	}
}

func testResultTypes(t *testing.T, e *query.Engine, do func(line string) error) {
	t.Cleanup(e.Close)
	for kind, text := range map[string]string{
		"neg0": "-0", "big": "1234567890123456789012", "e21": "1e21", "tiny": "0.000000001", "mill": "1000000", "third": "0.3333333333333333", "int": "9007199254740993",
	} {
		if err := do(fmt.Sprintf("TS.ADD special:%s %d %s LABELS __name__ special kind %s", kind, int64(T*1000), text, kind)); err != nil {
			t.Fatal(err)
		}
	}
	for kind, want := range map[string]float64{
		"neg0": math.Copysign(0, -1), "big": 1.2345678901234568e+21, "e21": 1e21, "tiny": 1e-9, "mill": 1e6, "third": 0.3333333333333333, "int": 9007199254740992,
	} {
		r, err := e.Instant(t.Context(), fmt.Sprintf("special{kind=%q}", kind), at(0), query.Params{})
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Value.(promql.Vector); len(v) != 1 || math.Float64bits(v[0].F) != math.Float64bits(want) {
			t.Errorf("%s: %v, want %v", kind, v, want)
		}
		r.Close()
	}
	for text, want := range map[string]string{"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"} { // servers that accept them must give them back
		if do(fmt.Sprintf("TS.ADD odd:%s %d %s LABELS __name__ odd kind %s", text, int64(T*1000), text, text)) == nil {
			if got := value(t, e, fmt.Sprintf("odd{kind=%q}", text), 0, query.Params{}); got != want {
				t.Errorf("%s: %s", text, got)
			}
		}
	}
	for expr, want := range map[string]string{
		"1+1": "scalar: 2", `"hello"`: "hello", "1/0": "scalar: +Inf", "-1/0": "scalar: -Inf", "0/0": "scalar: NaN", "scalar(nosuch)": "scalar: NaN", "nosuch": "", "nosuch[5m]": "",
		"vector(1)": "{} => 1", `special{kind="third"} > 1`: "",
	} {
		if got := instant(t, e, expr, at(0)); got != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
	r, err := e.Instant(t.Context(), "nosuch", at(0), query.Params{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if v, ok := r.Value.(promql.Vector); !ok || v == nil {
		t.Errorf("an empty vector is %T, %v", r.Value, v == nil)
	}
}
