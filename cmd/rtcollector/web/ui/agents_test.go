package ui_test

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestLate checks which inputs and outputs are called late: not those with long intervals, those that only receive, and those that have
// nothing to write.
func TestLate(t *testing.T) {
	r := startRedis(t)
	now := time.Now()
	add := func(host, kind, name string, every time.Duration, age, waiting float64) {
		prefix, counter := "internal_gather", "internal_gather_metrics_gathered"
		if kind == "output" {
			prefix, counter = "internal_write", "internal_write_metrics_written"
		}
		labels := func(metric string) []string {
			return []string{"__name__", metric, "host", host, kind, name}
		}
		constant := func(v float64) func(float64) float64 { return func(float64) float64 { return v } }
		successes := func(t float64) float64 { return math.Floor((math.Min(t, -age) + 1e6) / every.Seconds()) }
		if every == 0 {
			successes = constant(0)
		}
		all := []series{
			{[]string{"__name__", "rtcollector_up", "host", host, "type", "host"}, constant(1)},
			{labels(prefix + "_last_success_age"), constant(age)}, {labels(counter), successes},
		}
		if kind == "output" {
			all = append(all, series{labels("internal_write_event_buffer_size"), constant(waiting)}, series{labels("internal_write_event_buffer_bytes"), constant(waiting)},
				series{labels("internal_write_event_buffer_limit_bytes"), constant(100)})
		}
		r.fillSeries(t, all, now, now.Add(-3*time.Hour), now, 10*time.Second)
	}
	add("a", "input", "every-minute", time.Minute, 50, 0)
	add("b", "input", "every-hour", time.Hour, 3000, 0)
	add("c", "input", "receives", 0, 7000, 0)
	add("d", "input", "stuck", 10*time.Second, 500, 0)
	add("e", "output", "nothing-to-write", 10*time.Second, 500, 0)
	add("f", "output", "idle", 0, 7000, 0)
	add("g", "output", "every-5-minutes", 5*time.Minute, 280, 3)
	add("h", "output", "hangs", 10*time.Second, 500, 30)
	add("i", "output", "never-wrote", 0, 7000, 3)
	add("j", "output", "fills-up", 10*time.Second, 20, 70)

	p := openTab(t, startSite(t, r).base, 1200, 900)
	p.open("/agents?live=0")
	listed := func() []string {
		return eval[[]string](p, `[...document.querySelectorAll("[aria-label=Inputs] tbody tr, [aria-label=Outputs] tbody tr")].map((row) => row.children[1].innerText).sort()`)
	}
	if got, want := listed(), []string{"fills-up", "hangs", "never-wrote", "stuck"}; !slices.Equal(got, want) {
		t.Errorf("in trouble are %q, want %q", got, want)
	}
	for host, want := range map[string]bool{"a": false, "b": false, "c": false, "d": true, "e": false, "f": false, "g": false, "h": true, "i": true, "j": false} {
		p.open("/agents?live=0&q=" + host)
		if got := eval[bool](p, `document.querySelector("[aria-label=Inputs] td .bad, [aria-label=Outputs] td .bad") !== null`); got != want {
			t.Errorf("host %s: the age is red: %v, want %v: %s", host, got, want, p.text("main"))
		}
	}
	p.open("/agents?live=0&q=j")
	if queue := eval[string](p, `document.querySelector("[aria-label=Outputs] tbody tr").lastElementChild.innerText`); nbsp.Replace(queue) != "70 %" {
		t.Errorf("the queue of events is shown as %q, want 70 %%", queue)
	}
}
