package query_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// compact creates a series whose raw samples are kept for some time, and its compactions: "avg:10m".
func compact(t testing.TB, client *redisconn.Client, sample querytest.Sample, keep time.Duration, compactions ...string) {
	t.Helper()
	create := func(key string, keep time.Duration, l labels.Labels) {
		args := []any{"TS.CREATE", key, "RETENTION", keep.Milliseconds(), "LABELS"}
		l.Range(func(l labels.Label) { args = append(args, l.Name, l.Value) })
		if err := client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	create(sample.Key(), keep, sample.Labels)
	for _, c := range compactions {
		agg, bucket, _ := strings.Cut(c, ":")
		size, err := time.ParseDuration(bucket)
		if err != nil {
			t.Fatal(err)
		}
		key := sample.Key() + c
		create(key, 0, labels.NewBuilder(sample.Labels).Set("agg", agg).Set("bucket", bucket).Labels())
		if err := client.Do(t.Context(), "TS.CREATERULE", sample.Key(), key, "AGGREGATION", agg, size.Milliseconds()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// add writes the samples of series that exist.
func add(t testing.TB, client *redisconn.Client, samples []querytest.Sample) {
	t.Helper()
	pipe := client.Pipeline()
	for _, s := range samples {
		pipe.Do(t.Context(), "TS.ADD", s.Key(), s.Time, fmt.Sprint(s.Value))
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// only returns the samples of one metric of a case.
func only(t testing.TB, samples []querytest.Sample, name string) (all []querytest.Sample) {
	t.Helper()
	for _, s := range samples {
		if s.Labels.Get("__name__") == name {
			all = append(all, s)
		}
	}
	return all
}

// evaluateOne returns the only value of an instant query and its warnings.
func evaluateOne(t *testing.T, e *query.Engine, expr string, at time.Time) (float64, string) {
	t.Helper()
	r, err := e.Instant(t.Context(), expr, at, query.Params{})
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer r.Close()
	v := r.Value.(promql.Vector)
	if len(v) != 1 {
		t.Fatalf("%s: %v", expr, v)
	}
	return v[0].F, strings.Join(r.Warnings, "; ")
}

func TestCounterTiers(t *testing.T) {
	samples := querytest.ParseFile(t, "testdata/cases/counter-tiers/samples.om")
	e := newCase(t, "counter-tiers", query.Limits{}) // raw samples are kept, and there are compactions
	for expr, want := range map[string]string{
		"increase(hid_total[31m])": `{host="a"} => 422`, "resets(hid_total[31m])": `{host="a"} => 1`,
		"increase(tall_total[30m])": `{host="a"} => 180`, "resets(tall_total[30m])": `{host="a"} => 1`,
		`count({__name__="hid_total"})`: "{} => 1",
	} {
		if got := instant(t, e, expr, at(1800)); got != want {
			t.Errorf("%s: %s, want %s", expr, got, want)
		}
	}
	for name, tc := range map[string]struct {
		metric      string
		compactions []string
		expr        string
		low, high   float64
		warning     string
	}{
		"hidden reset":           {"hid_total", []string{"first:10m", "last:10m"}, "increase(hid_total[31m])", 418, 425, ""},
		"hidden, resets":         {"hid_total", []string{"first:10m", "last:10m"}, "resets(hid_total[31m])", 1, 1, ""},
		"hidden, avg too":        {"hid_total", []string{"avg:10m", "first:10m", "last:10m"}, "increase(hid_total[31m])", 418, 425, ""},
		"hidden, rate":           {"hid_total", []string{"first:10m", "last:10m"}, "rate(hid_total[31m]) * 1860", 418, 425, ""},
		"hidden, only last":      {"hid_total", []string{"last:10m"}, "increase(hid_total[31m])", 0, 425, "compact counters with first and last"},
		"hidden, only max":       {"hid_total", []string{"max:10m"}, "increase(hid_total[31m])", 0, 425, "compact counters with first and last"},
		"hidden, value":          {"hid_total", []string{"first:10m", "last:10m"}, "hid_total offset 5m", 181, 182, ""},
		"hidden, value of last":  {"hid_total", []string{"last:10m"}, "hid_total offset 5m", 179, 179, ""},
		"tall":                   {"tall_total", []string{"first:10m", "last:10m"}, "increase(tall_total[30m])", 120, 181, ""},
		"tall, resets":           {"tall_total", []string{"first:10m", "last:10m"}, "resets(tall_total[30m])", 1, 1, ""},
		"tall, only avg":         {"tall_total", []string{"avg:10m"}, "increase(tall_total[30m])", 0, 181, "cannot be computed"},
		"tall, only sum":         {"tall_total", []string{"sum:10m"}, "rate(tall_total[30m])", 0, 1, "cannot be computed"},
		"tall, delta, avg":       {"tall_total", []string{"avg:10m"}, "delta(tall_total[30m])", 0, 181, "cannot be computed"},
		"tall, delta, max":       {"tall_total", []string{"max:10m"}, "delta(tall_total[30m])", 0, 181, "cannot be computed"},
		"tall, irate, avg":       {"tall_total", []string{"avg:10m"}, "irate(tall_total[30m])", 0, 1, "cannot be computed"},
		"tall, resets, avg":      {"tall_total", []string{"avg:10m"}, "resets(tall_total[30m])", 0, 0, "cannot be computed"},
		"hidden, last of bucket": {"hid_total", []string{"first:10m", "last:10m"}, "last_over_time(hid_total[10m] offset 20m)", 60, 60, ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := querytest.Open(t)
			raw := only(t, samples, tc.metric)
			compact(t, client, raw[0], 100*time.Second, tc.compactions...)
			add(t, client, raw)
			got, warnings := evaluateOne(t, query.New(client, query.Limits{}), tc.expr, at(1800))
			if got < tc.low || got > tc.high {
				t.Errorf("%s is %v, want %v to %v", tc.expr, got, tc.low, tc.high)
			}
			if !strings.Contains(warnings, tc.warning) || tc.warning == "" && warnings != "" {
				t.Errorf("warnings %q, want %q", warnings, tc.warning)
			}
		})
	}
}

// values returns the values of the only series in a result, by seconds since T. It is empty without one.
func values(t *testing.T, e *query.Engine, expr string, w window) map[float64]float64 {
	t.Helper()
	r, err := e.Range(t.Context(), expr, w.start, w.end, w.step, query.Params{})
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer r.Close()
	all := map[float64]float64{}
	for _, s := range r.Value.(promql.Matrix) {
		for _, p := range s.Floats {
			all[float64(p.T)/1000-T] = p.F
		}
	}
	return all
}

// Where raw samples are not kept, values come from compactions: without gaps, without a seam where raw samples begin, and never far from
// the truth. Where raw samples are kept, values are exactly those of the raw samples.
func TestSeam(t *testing.T) {
	const end, interval, bucket = 40_000, 10, 600
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		phase := random.IntN(interval)
		kept := 5000 + random.IntN(10_000)
		var samples [3][]querytest.Sample
		gauge, counter, resets := 100.0, 0.0, 0
		for s := phase; s <= end; s += interval {
			gauge += random.Float64() - 0.5
			if counter += random.Float64(); random.IntN(700) == 0 {
				counter, resets = random.Float64(), resets+1
			}
			for i, v := range []float64{gauge, counter, float64(1_000_000 + 5*s)} {
				name := []string{"g", "c_total", "steady_total"}[i]
				samples[i] = append(samples[i], querytest.Sample{Labels: labels.FromStrings("__name__", name, "host", "a"), Time: int64(T+s) * 1000, Value: v})
			}
		}
		truthClient, client := querytest.Open(t), querytest.Open(t)
		for i, compactions := range [][]string{{"avg:10m", "max:10m", "min:10m", "avg:1h"}, {"first:10m", "last:10m", "first:1h", "last:1h"}, {"first:10m", "last:10m"}} {
			querytest.Add(t, truthClient, samples[i])
			compact(t, client, samples[i][0], time.Duration(kept)*time.Second, compactions...)
			add(t, client, samples[i])
		}
		truth, ours := query.New(truthClient, query.Limits{}), query.New(client, query.Limits{})
		seam := 0.0
		for _, s := range samples[0] {
			if at := float64(s.Time)/1000 - T; at >= float64(samples[0][len(samples[0])-1].Time)/1000-T-float64(kept) {
				seam = at // of the first raw sample
				break
			}
		}
		for _, step := range []time.Duration{15 * time.Second, time.Minute, 10 * time.Minute, 1000 * time.Second, time.Hour} {
			w := window{start: at(8000 + float64(random.IntN(100))), end: at(end), step: step}
			for expr, tc := range map[string]struct {
				window    float64
				tolerance float64 // in units of the result; rates depend on the phase of samples, as always
			}{
				`g`:                       {300, 20},
				`max_over_time(g[20m])`:   {1200, 20},
				`min_over_time(g[5m])`:    {300, 20},
				`avg_over_time(g[1h])`:    {3600, 10},
				`delta(c_total[10m])`:     {600, math.Inf(1)},
				`increase(c_total[5m])`:   {300, 2 * bucket / interval},
				`increase(c_total[30m])`:  {1800, 2 * bucket / interval},
				`increase(c_total[2h])`:   {7200, 2 * bucket / interval},
				`rate(steady_total[1m])`:  {60, 5.0 * interval / 60},
				`rate(steady_total[5m])`:  {300, 5.0 * interval / 300},
				`rate(steady_total[2h])`:  {7200, 0.01},
				`irate(steady_total[5m])`: {300, 5.0 * interval / 300},
				`deriv(steady_total[7m])`: {420, 5.0 * interval / 420},
			} {
				want, got := values(t, truth, expr, w), values(t, ours, expr, w)
				for at, v := range want {
					g, ok := got[at]
					switch {
					case !ok:
						t.Errorf("seed %d: %s, step %s: no value at %v; raw from %v", seed, expr, step, at, seam)
					case at-tc.window >= seam && g != v:
						t.Errorf("seed %d: %s, step %s: %v at %v, want exactly %v", seed, expr, step, g, at, v)
					case math.Abs(g-v) > tc.tolerance, strings.HasPrefix(expr, "increase") && g < 0:
						t.Errorf("seed %d: %s, step %s: %v at %v, want about %v; raw from %v", seed, expr, step, g, at, v, seam)
					default:
						continue
					}
					break
				}
				if len(got) > len(want) {
					t.Errorf("seed %d: %s, step %s: %d values, want %d", seed, expr, step, len(got), len(want))
				}
			}
			if w.step > time.Minute {
				nested := values(t, ours, "max_over_time(rate(steady_total[5m])[1h:1m])", w)
				for at, v := range nested {
					if math.Abs(v-5) > 0.3 {
						t.Errorf("seed %d: nested %v at %v", seed, v, at)
						break
					}
				}
			}
		}
	}
}

// Compactions are read in the same way from all kinds of servers, with the bucket that is still open.
func TestCompactionsOnServers(t *testing.T) {
	raw := only(t, querytest.ParseFile(t, "testdata/cases/counter-tiers/samples.om"), "hid_total")
	for name, client := range querytest.Servers(t) {
		t.Run(name, func(t *testing.T) {
			compact(t, client, raw[0], 100*time.Second, "first:10m", "last:10m", "min:20m")
			add(t, client, raw)
			e := query.New(client, query.Limits{})
			t.Cleanup(e.Close)
			if got, warnings := evaluateOne(t, e, "increase(hid_total[31m])", at(1800)); got < 418 || got > 425 || warnings != "" {
				t.Errorf("increase %v, %q", got, warnings)
			}
			if got, _ := evaluateOne(t, e, "min_over_time(hid_total[10m])", at(1800)); got != 182 { // of the bucket that is still open
				t.Errorf("minimum %v", got)
			}
			if got := instant(t, e, `count({host="a"})`, at(1800)); got != "{} => 1" {
				t.Errorf("without agg: %s", got)
			}
			if got := instant(t, e, `count({host="a",agg=~".+"})`, at(1800)); got != "{} => 2" { // the other bucket began before the lookback
				t.Errorf("with agg: %s", got)
			}
		})
	}
}
