package query_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

func names(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("web-%04d.example.com", i)
	}
	return strings.Join(all, "|")
}

// Expressions that would keep the parser or the engine busy for long are refused with the limit they exceed.
func TestExpressionLimits(t *testing.T) {
	e := query.New(querytest.Open(t), query.Limits{})
	for name, tc := range map[string]struct{ expr, want string }{
		"length":             {strings.Repeat("1+", 300_000) + "1", "65536"},
		"long string":        {`x{a="` + strings.Repeat("a", 1<<20) + `"}`, "65536"},
		"operators":          {strings.Repeat("1+", 20_000) + "1", "500 operators"},
		"words":              {strings.Repeat("a and ", 5000) + "a", "500 operators"},
		"minus":              {strings.Repeat("-", 60_000) + "1", "500 operators"},
		"parentheses":        {strings.Repeat("(", 60_000), "200 nested"},
		"balanced":           {strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300), "200 nested"},
		"calls":              {strings.Repeat("abs(", 300) + "a" + strings.Repeat(")", 300), "200 nested"},
		"subqueries":         {"a" + strings.Repeat("[1m:1s]", 5000), "500 operators"},
		"matchers":           {"a{" + strings.Repeat(`b="",`, 5000) + "}", "500 operators"},
		"repeats":            {`a{b=~"` + strings.Repeat("(abc){1000}", 40) + `"}`, "regular expressions"},
		"classes":            {`a{b=~"` + strings.Repeat(`\\pL`, 5000) + `"}`, "regular expressions"},
		"many regexps":       {"a{" + strings.Repeat(`b=~"x{1000}",`, 60) + "}", "regular expressions"},
		"unfinished":         {`"` + strings.Repeat("(", 60_000), "bad"},
		"replace":            {`label_replace(a,"b","c","d","` + strings.Repeat("(abc){1000}", 40) + `")`, "regular expressions"},
		"regexp is not code": {`x{a=~"` + strings.Repeat("(a+)", 1000) + `"}`, ""},
		"comment":            {"1 # " + strings.Repeat("(", 10_000), ""},
		"comment, code":      {"1 # (\n" + strings.Repeat("+1", 2000), "500 operators"},
		"raw string":         {"x{a=`" + strings.Repeat("(", 1000) + "\\`}", ""},
		"1,000 host names":   {`x{a="b",host=~"` + names(1000) + `"}`, ""},
		"500 terms":          {strings.Repeat("1+", 500) + "1", ""},
		"200 parentheses":    {strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := e.Instant(t.Context(), tc.expr, time.Unix(0, 0), query.Params{})
			_, formatErr := e.Format(tc.expr)
			if tc.want == "" {
				if err != nil || formatErr != nil {
					t.Fatal(err, formatErr)
				}
				r.Close()
				return
			}
			for _, err := range []error{err, formatErr} {
				var known *query.Error
				if !errors.As(err, &known) || known.Kind != query.BadData || tc.want != "bad" && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %.200v", err)
				}
			}
		})
	}
}

// The limits accept everything that Prometheus' parser accepts, unless it is long.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		`sum by (a) (rate(x{b=~"c|d"}[5m] offset 1m)) / ignoring(e) group_left y @ start() # z`, "a['", "\"\\", "`", "#", "[((", "1e-5", "ä{“}",
	} {
		f.Add(seed)
	}
	e := query.New(querytest.Open(f), query.Limits{})
	f.Fuzz(func(t *testing.T, expr string) {
		formatted, err := e.Format(expr)
		if err != nil || len(formatted) > 1000 {
			return
		}
		if again, err := e.Format(formatted); err != nil || again != formatted {
			t.Errorf("%q is formatted as %q, and that as %q: %v", expr, formatted, again, err)
		}
	})
}
