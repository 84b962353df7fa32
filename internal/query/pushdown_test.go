package query_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

func TestPushedDown(t *testing.T) {
	const minute = 60_000
	plain := func(start, end, step int64, function string) storage.SelectHints {
		return storage.SelectHints{Start: start - 5*minute + 1, End: end, Step: step, Func: function}
	}
	over := func(start, end, step, window int64, function string) storage.SelectHints {
		return storage.SelectHints{Start: start - window + 1, End: end, Step: step, Range: window, Func: function}
	}
	for name, tc := range map[string]struct {
		hints    storage.SelectHints
		nested   bool
		function string
		bucket   int64
	}{
		"step of a minute":        {plain(1e9, 2e9, minute, ""), false, "last", minute},
		"step of 7 minutes":       {plain(1e9, 2e9, 7*minute, "sum"), false, "last", minute},
		"step of an hour":         {plain(1e9, 2e9, 60*minute, "sum"), false, "last", 5 * minute},
		"short step":              {plain(1e9, 2e9, 15_000, ""), false, "", 0},
		"odd step":                {plain(1e9, 2e9, 61_000, ""), false, "", 0},
		"time of the sample":      {plain(1e9, 2e9, minute, "timestamp"), false, "", 0},
		"subquery":                {plain(1e9, 2e9, minute, ""), true, "", 0},
		"maximum, once":           {over(1e9, 1e9, 0, 60*minute, "max_over_time"), false, "max", 60 * minute},
		"minimum, step is window": {over(1e9, 2e9, 5*minute, 5*minute, "min_over_time"), false, "min", 5 * minute},
		"last, step in window":    {over(1e9, 2e9, 2*minute, 5*minute, "last_over_time"), false, "last", minute},
		"rate":                    {over(1e9, 2e9, 5*minute, 5*minute, "rate"), false, "", 0},
		"sum":                     {over(1e9, 2e9, 5*minute, 5*minute, "sum_over_time"), false, "", 0},
	} {
		if function, bucket := query.PushDown(&tc.hints, 5*minute, tc.nested); function != tc.function || bucket != tc.bucket {
			t.Errorf("%s: %q of %d ms, want %q of %d", name, function, bucket, tc.function, tc.bucket)
		}
	}
}

// What Redis aggregates changes no bit of a result.
func TestPushDownIsIdentical(t *testing.T) {
	exprs := []string{
		`m`, `m offset 45s`, `m offset -7m`, `sum(m)`, `m{host="a"} - on() group_right m{host!="a"}`, `m @ 1750006800`, `m @ end() + m`, `timestamp(m)`, `timestamp(abs(m))`,
		`absent(m{host="b"})`, `count(m)`, `max_over_time(m[1m])`, `min_over_time(m[5m])`, `last_over_time(m[10m])`, `max_over_time(m[1h] offset 13s)`, `last_over_time(m[5m] @ 1750006801.3)`,
		`max(max_over_time(m[7m]))`, `timestamp(last_over_time(m[5m]))`, `max_over_time(m[30m:1m])`, `max_over_time(max_over_time(m[5m])[10m:2m])`, `sum_over_time(m[5m])`, `max_over_time(m[61s])`,
	}
	servers := querytest.Servers(t)
	delete(servers, "front") // it is slow, and its replies are those of the embedded server
	for name, client := range servers {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, 4))
			var samples []querytest.Sample
			for _, host := range []string{"a", "b", "c"} {
				interval, last := int64(1000+random.IntN(40_000)), int64(0)
				for ms := int64(0); ms < 3*3600_000; ms += interval {
					at := T*1000 + ms + random.Int64N(interval/3)
					v := []float64{math.Copysign(0, -1), 0, random.NormFloat64(), random.NormFloat64() * 1e300, math.Round(random.Float64() * 10)}[random.IntN(5)]
					if random.IntN(100) == 0 {
						ms += random.Int64N(1000_000) // a gap
					}
					if at > last {
						samples = append(samples, querytest.Sample{Labels: labels.FromStrings("__name__", "m", "host", host), Time: at, Value: v})
						last = at
					}
				}
			}
			querytest.Add(t, client, samples)
			pushed, complete := query.New(client, query.Limits{}), query.New(client, query.Limits{})
			t.Cleanup(pushed.Close)
			t.Cleanup(complete.Close)
			complete.DisablePushDown()
			steps := []time.Duration{0, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 7 * time.Minute, time.Hour, 90 * time.Second}
			for range 60 {
				start := at(random.Float64() * 8000)
				w := window{start: start, end: start.Add(time.Duration(random.Int64N(int64(2 * time.Hour)))), step: steps[random.IntN(len(steps))]}
				if random.IntN(3) == 0 {
					w.start = w.start.Truncate(time.Minute)
				}
				if random.IntN(3) == 0 {
					w.lookback = time.Duration(1+random.IntN(10)) * time.Minute
				}
				for _, expr := range exprs {
					if want, got := evaluate(t.Context(), complete, w, expr), evaluate(t.Context(), pushed, w, expr); inOrder(expr, want) != inOrder(expr, got) {
						t.Fatalf("%s from %s to %s step %s lookback %s:\nall samples %.500s\npushed down %.500s", expr, w.start.UTC(), w.end.UTC(), w.step, w.lookback, want, got)
					}
				}
			}
		})
	}
}

// Series that have the same labels under two keys are one.
func TestPushDownMergesTwins(t *testing.T) {
	client := querytest.Open(t)
	for i, key := range []string{"old", "new"} {
		do(t, client, fmt.Sprintf("TS.ADD %s %d %d LABELS __name__ m host a", key, int64(T+100+10*i)*1000, i))
		do(t, client, fmt.Sprintf("TS.ADD %s %d 7", key, int64(T+4000)*1000))
	}
	e := query.New(client, query.Limits{})
	if got := values(t, e, "m", window{start: at(120), end: at(240), step: 2 * time.Minute}); got[120] != 1 || got[240] != 1 {
		t.Errorf("values %v", got)
	}
}

func TestPushDownAndLookback(t *testing.T) {
	e := newCase(t, "pushdown-lookback", query.Limits{})
	list := func(from, to, step float64, next func(i int) float64) map[float64]float64 {
		all := map[float64]float64{}
		for i := 0; from+float64(i)*step <= to; i++ {
			all[from+float64(i)*step] = next(i)
		}
		return all
	}
	up := func(first, by float64) func(int) float64 { return func(i int) float64 { return first + by*float64(i) } }
	same := func(v float64) func(int) float64 { return up(v, 0) }
	tail := list(600, 900, 60, same(1339))
	tail[900] = 1000
	for _, tc := range []struct {
		expr           string
		from, to, step float64
		want           map[float64]float64
	}{
		{"sum(power)", 60, 180, 15, list(60, 180, 15, up(1303, 1))},
		{"count(power)", 60, 180, 15, list(60, 180, 15, same(3))},
		{"max(power)", 60, 180, 15, list(60, 180, 15, same(1000))},
		{"sum(power)", 60, 540, 120, list(60, 540, 120, up(1303, 8))},
		{`power{host="a"}`, 60, 180, 30, list(60, 180, 30, up(102, 1))},
		{`power{host="b"}`, 60, 180, 30, list(60, 180, 30, up(201, 1))},
		{`power{host="c"}`, 60, 180, 30, list(60, 180, 30, same(1000))},
		{`max_over_time(power{host="a"}[1m])`, 60, 180, 60, list(60, 180, 60, up(102, 2))},
		{`count_over_time(power{host="a"}[1m])`, 60, 180, 60, list(60, 180, 60, same(2))},
		{`sum_over_time(power{host="b"}[1m])`, 60, 180, 60, list(60, 180, 60, up(401, 4))},
		{`min_over_time(power{host="a"}[1m])`, 60, 180, 60, list(60, 180, 60, up(101, 2))},
		{`avg_over_time(power{host="a"}[1m])`, 60, 180, 60, list(60, 180, 60, up(101.5, 2))},
		{"sum(power)", 600, 960, 60, tail},
	} {
		got := values(t, e, tc.expr, window{start: at(tc.from), end: at(tc.to), step: time.Duration(tc.step) * time.Second})
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s step %v: %s", tc.expr, tc.step, diff)
		}
	}
	avg := values(t, e, "avg(power)", window{start: at(60), end: at(120), step: 15 * time.Second})
	for i := range 5 {
		if v := avg[float64(60+15*i)]; math.Abs(v-(1303+float64(i))/3) > 1e-9 {
			t.Errorf("average %v", v)
		}
	}
	// The sum is that of the series, at every step.
	for _, step := range []time.Duration{15 * time.Second, 2 * time.Minute} {
		for _, offset := range []string{"", " offset 45s"} {
			w := window{start: at(67), end: at(600), step: step}
			sum := values(t, e, "sum(power"+offset+")", w)
			parts := map[float64]float64{}
			for _, host := range []string{"a", "b", "c"} {
				for at, v := range values(t, e, fmt.Sprintf("power{host=%q}%s", host, offset), w) {
					parts[at] += v
				}
			}
			if diff := cmp.Diff(parts, sum); diff != "" || len(sum) == 0 {
				t.Error(step, offset, diff)
			}
		}
	}
}
