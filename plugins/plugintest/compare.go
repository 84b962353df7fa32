package plugintest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// patience is how long an input and another account of the machine may take to agree once.
const patience = 30 * time.Second

// Differences are what one comparison of an input with another account of this machine found.
type Differences struct{ found []string }

// Errorf adds a difference.
func (d *Differences) Errorf(format string, args ...any) {
	d.found = append(d.found, fmt.Sprintf(format, args...))
}

// Between adds what is not between two readings of another account, of which one was made before, the other after ours. All of
// the first must be there.
func (d *Differences) Between(got, before, after map[string]float64) {
	for key, low := range before {
		if v, ok := got[key]; !ok || v < low || v > after[key] {
			d.Errorf("%s is %v (%v), the other account says %v to %v", key, v, ok, low, after[key])
		}
	}
}

// Bracket compares what an input gathers with another account of what only grows, read before and after. Where that has nothing,
// the test is skipped.
func Bracket(tb testing.TB, p *Probe, account func() map[string]float64) {
	tb.Helper()
	Compare(tb, func(d *Differences) {
		before := account()
		got := p.Gather(0)
		after := account()
		if len(before) == 0 {
			tb.Skip("nothing to compare with")
		}
		d.Between(got, before, after)
	})
}

// Vmstat is what vmstat of procps has counted, by its own words; without it, the test is skipped.
func Vmstat(tb testing.TB) map[string]float64 {
	tb.Helper()
	values := map[string]float64{}
	for line := range strings.Lines(servicetest.Output(tb, "vmstat", "-s")) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[name], _ = strconv.ParseFloat(number, 64)
	}
	return values
}

// Compare holds an input against another account of this machine, which does not stand still: processes, interfaces and
// sockets come and go between two readings. It looks until nothing differs, and fails with what differed last.
func Compare(tb testing.TB, look func(d *Differences)) {
	tb.Helper()
	var d Differences
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		d.found = nil
		look(&d)
		if len(d.found) == 0 {
			return
		}
	}
	tb.Errorf("the two never agreed within %v; last:\n%s", patience, strings.Join(d.found, "\n"))
}
