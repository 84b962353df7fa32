package plugintest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// patience bounds how long an input and another source may take to agree once.
const patience = 30 * time.Second

// Differences has the differences between an input and another source that reads the same machine.
type Differences struct{ found []string }

// Errorf adds a difference.
func (d *Differences) Errorf(format string, args ...any) {
	d.found = append(d.found, fmt.Sprintf(format, args...))
}

// Between adds the values that do not lie between two readings of another source, made before and after got. Every key of before must
// exist in got.
func (d *Differences) Between(got, before, after map[string]float64) {
	for key, low := range before {
		if v, ok := got[key]; !ok || v < low || v > after[key] {
			d.Errorf("%s is %v (%v), the other source says %v to %v", key, v, ok, low, after[key])
		}
	}
}

// Bracket compares the counters of an input with another source, which it reads before and after the gather. If the source returns
// nothing, the test is skipped.
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

// Vmstat returns the output of vmstat of procps by description. Without the program the test is skipped.
func Vmstat(tb testing.TB) map[string]float64 {
	tb.Helper()
	values := map[string]float64{}
	for line := range strings.Lines(servicetest.CommandOutput(tb, "vmstat", "-s")) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[name], _ = strconv.ParseFloat(number, 64)
	}
	return values
}

// Compare compares an input with another source. It calls look until nothing differs, because processes, interfaces and sockets come
// and go between two readings. If that takes too long, it fails with the last differences.
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
