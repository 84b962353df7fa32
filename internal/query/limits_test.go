package query_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// fill returns an engine with 20 series of 100 samples, one per second.
func fill(t *testing.T, limits query.Limits) *query.Engine {
	t.Helper()
	client := querytest.Open(t)
	var samples []querytest.Sample
	for h := range 20 {
		l := labels.FromStrings("__name__", "m", "host", fmt.Sprint(h))
		for s := range 100 {
			samples = append(samples, querytest.Sample{Labels: l, Time: int64(T+s) * 1000, Value: float64(s)})
		}
	}
	querytest.Add(t, client, samples)
	e := query.New(client, limits)
	t.Cleanup(e.Close)
	return e
}

// A query that exceeds a limit fails. The error names the limit and how to stay below it; nothing is left out in silence.
func TestLimitsOfAQuery(t *testing.T) {
	for name, tc := range map[string]struct {
		limits query.Limits
		expr   string
		kind   query.Kind
		want   string
	}{
		"series":                   {query.Limits{Series: 19}, `sum(m)`, query.Execution, "more than 19 series: add matchers"},
		"series, by the index":     {query.Limits{Series: 19}, `sum({host=~".+"})`, query.Execution, "more than 19 series: add matchers"},
		"series are enough":        {query.Limits{Series: 20}, `sum(m)`, "", ""},
		"samples":                  {query.Limits{Samples: 1999}, `sum(rate(m[5m]))`, query.Execution, "1999 samples: use a shorter time range"},
		"samples are enough":       {query.Limits{Samples: 2001}, `sum(rate(m[5m]))`, "", ""},
		"samples, together":        {query.Limits{Samples: 2500}, `sum(rate(m[5m])) + sum(rate(m[4m]))`, query.Execution, "samples"},
		"samples of a subquery":    {query.Limits{Samples: 10_000}, `sum_over_time(vector(1)[1d:1s])`, query.Execution, "10000 samples at once"},
		"steps of a subquery":      {query.Limits{}, `sum_over_time(vector(1)[1y:1ms])`, query.Execution, "more than 1000000 steps"},
		"steps, nested":            {query.Limits{}, `max_over_time(max_over_time(vector(1)[1s:1s])[100y:1h])`, query.Execution, "more than 1000000 steps"},
		"steps, hundreds of years": {query.Limits{}, `max_over_time(max_over_time(vector(1)[290y:])[290y:])`, query.Execution, "more than 1000000 steps"},
		"windows":                  {query.Limits{}, `max_over_time(max_over_time(vector(1)[5d:1s])[1d:1m])`, query.Execution, "more than 300000000 results"},
		"steps, with @":            {query.Limits{}, `max_over_time(vector(1)[5m:1s] @ 1)`, "", ""},
		"nested subqueries":        {query.Limits{Timeout: time.Second, Samples: 1000}, `max_over_time(max_over_time(vector(1)[500s:1s])[10h:10s])`, query.Execution, "samples"},
		"selectors":                {query.Limits{}, manySelectors(250), query.BadData, "200 different selectors"},
		"equal selectors":          {query.Limits{}, strings.TrimSuffix(strings.Repeat("m + ", 250), "+ "), "", ""},
		"groups":                   {query.Limits{}, `count by (` + strings.TrimSuffix(strings.Repeat("host,", 10_000), ",") + `) (m)`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := fill(t, tc.limits)
			r, err := e.Instant(t.Context(), tc.expr, at(99), query.Params{})
			if kind(err) != tc.kind || tc.kind != "" && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%q: %.300v", kind(err), err)
			}
			if err == nil {
				r.Close()
			}
		})
	}
}

func manySelectors(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("m%d", i)
	}
	return strings.Join(all, " or ")
}

// The timeout of a query is the engine's, or a shorter one of the caller.
func TestTimeout(t *testing.T) {
	const endless = `sum_over_time(vector(1)[1h:1s])`
	e := fill(t, query.Limits{Timeout: 50 * time.Millisecond})
	_, err := e.Range(t.Context(), endless, at(0), at(11_000), time.Second, query.Params{Timeout: time.Hour})
	if kind(err) != query.Timeout || !strings.Contains(err.Error(), "50ms") {
		t.Error(err)
	}
	e = fill(t, query.Limits{})
	_, err = e.Range(t.Context(), endless, at(0), at(11_000), time.Second, query.Params{Timeout: time.Millisecond})
	if kind(err) != query.Timeout || !strings.Contains(err.Error(), "1ms") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Instant(ctx, "m", at(0), query.Params{}); kind(err) != query.Canceled {
		t.Error(err)
	}
}

// A query waits for a free place, and says so when it does not get one.
func TestConcurrency(t *testing.T) {
	e := fill(t, query.Limits{Concurrent: 1, Timeout: 20 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := e.Started()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := e.Range(ctx, `sum_over_time(vector(1)[1h:1s])`, at(0), at(11_000), time.Second, query.Params{})
		if kind(err) != query.Canceled {
			t.Errorf("the first query: %v", err)
		}
	})
	<-started
	_, err := e.Instant(t.Context(), "m", at(0), query.Params{Timeout: time.Millisecond})
	if kind(err) != query.Timeout || !strings.Contains(err.Error(), "1 places") {
		t.Error(err)
	}
	cancel()
	wg.Wait()
	if got := value(t, e, `count(m)`, 99, query.Params{}); got != "20" {
		t.Errorf("the next query: %s", got)
	}
}

// A Redis that is away, has no TimeSeries, or refuses something is reported with what to do.
func TestUnavailable(t *testing.T) {
	plain := redistest.StartPlain(t, "")
	config := redisconn.Defaults()
	config.Host, config.Port = servicetest.HostPort(t, plain.Addr())
	e := engineOf(t, config)
	for _, expr := range []string{"up", `{host=~".+"}`} {
		_, err := e.Instant(t.Context(), expr, at(0), query.Params{})
		if expr == "up" && (kind(err) != query.Unavailable || !strings.Contains(err.Error(), "has no TimeSeries module")) {
			t.Errorf("%s: %v", expr, err)
		}
	}
	if got := instant(t, e, "1+1", at(0)); got != "scalar: 2" {
		t.Error(got)
	}
}

func engineOf(t *testing.T, config redisconn.Config) *query.Engine {
	t.Helper()
	client, err := redisconn.Open(t.Context(), config.ForSearches(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	e := query.New(client, query.Limits{})
	t.Cleanup(e.Close)
	return e
}

// The documented rights are enough to read and do not allow to write. Each missing one is named.
func TestRights(t *testing.T) {
	if os.Getenv(redistest.Command) == "" {
		t.Skip("needs a server with TimeSeries: " + redistest.Command)
	}
	server := redistest.Start(t)
	for s := range 100 {
		server.Do("TS.ADD", "h:m", int64(T+s)*1000, s, "LABELS", "__name__", "m", "host", "h")
	}
	server.Do("TS.ADD", "h:m:avg:1m", int64(T*1000), 1, "LABELS", "__name__", "m", "host", "h", "agg", "avg", "bucket", "1m")
	as := func(user, rules string) *query.Engine {
		args := []any{"ACL", "SETUSER", user, "reset", "on", ">secret", "~*"}
		for _, rule := range strings.Fields(rules) {
			args = append(args, rule)
		}
		server.Do(args...)
		config := redisconn.Defaults()
		config.Host, config.Port = servicetest.HostPort(t, server.Addr())
		config.Username, config.Password = secret.Literal(user), secret.Literal("secret")
		return engineOf(t, config)
	}
	expressions := []string{`m`, `rate(m[1m])`, `{host=~".+"}`, `m{agg="avg"}`, `max_over_time(m[1m])`, `m offset 30s`}
	all := redisconn.Rights + " " + tsread.Rights
	e := as("viewer", all)
	for _, expr := range expressions {
		if got := points(t, e, expr, 0, 99, 30, query.Params{}); got == "" {
			t.Errorf("%s: no result", expr)
		}
		if got := instant(t, e, expr, at(59)); got == "" {
			t.Errorf("%s: no result", expr)
		}
	}
	for _, right := range strings.Fields(tsread.Rights) {
		e := as("lacks"+strings.NewReplacer("+", "-", ".", "-").Replace(right), strings.ReplaceAll(" "+all+" ", " "+right+" ", " "))
		var err error
		for _, expr := range expressions {
			if _, err = e.Instant(t.Context(), expr, at(59), query.Params{}); err != nil {
				break
			}
			if _, err = e.Range(t.Context(), expr, at(0), at(99), time.Second, query.Params{}); err != nil {
				break
			}
		}
		if kind(err) != query.Unavailable || !strings.Contains(err.Error(), right) {
			t.Errorf("without %s: %v", right, err)
		}
	}
	var known *query.Error
	if _, err := as("nobody", redisconn.Rights).Instant(t.Context(), "m", at(0), query.Params{}); !errors.As(err, &known) || !strings.Contains(err.Error(), "+ts.mget") {
		t.Error(err)
	}
}
