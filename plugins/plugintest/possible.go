package plugintest

import (
	"math"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Possible checks that a batch has no impossible samples: values outside the bounds of their unit or series, parts that exceed
// their total, two samples of one series.
func Possible(tb testing.TB, b *telemetry.Batch) {
	tb.Helper()
	checkPossible(tb, b)
}

func checkPossible(t reporter, b *telemetry.Batch) {
	checkValues(t, b)
	checkParts(t, b)
	checkOnce(t, b)
}

// checkOnce checks that no series has two samples.
func checkOnce(t reporter, b *telemetry.Batch) {
	series := map[string]bool{}
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		id := s.String()
		if series[id] {
			t.Errorf("%s appears twice in one batch", id)
		}
		series[id] = true
	}
}

// checkValues checks each value.
func checkValues(t reporter, b *telemetry.Batch) {
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		if why := describeImpossible(s, v); why != "" {
			t.Errorf("%s is %v: %s", s, v, why)
		}
	}
}

// describeImpossible returns why a series cannot have a value, or "". It does not use [telemetry.Unit.Bounds], because it checks
// them. A series may declare wider bounds than those of its unit.
func describeImpossible(s *telemetry.Series, v float64) string {
	upper, lower := 0x1p63, -0x1p63
	switch s.Unit() {
	case telemetry.Percent:
		lower, upper = 0, 100
	case telemetry.Celsius:
		lower, upper = -273.15, 1000
	case telemetry.Bits:
		lower, upper = 0, 0x1p66
	case telemetry.Bytes, telemetry.Packets, telemetry.Operations, telemetry.Pages, telemetry.Hertz, telemetry.RPM, telemetry.Joules:
		lower = 0
	}
	if s.Kind() == telemetry.Counter || strings.HasSuffix(string(s.Unit()), "per_second") {
		lower = 0
	}
	declared := s.Bounds()
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "not a number"
	case v < 0 && strings.HasSuffix(s.Name(), "_rate"):
		return "a negative rate"
	case v > upper && declared.Most <= upper:
		return "too large"
	case v < lower && declared.Least >= lower:
		return "too small"
	case v < declared.Least || v > declared.Most:
		return "outside the declared bounds"
	}
	return ""
}

// checkParts checks that metrics called free, used or available do not exceed the metric called total.
func checkParts(t reporter, b *telemetry.Batch) {
	type entity struct{ name, instance string }
	of := func(s *telemetry.Series, name string) entity {
		k := entity{name: name}
		for _, l := range s.Instance() {
			k.instance += l.Key + "=" + l.Value + "\x00"
		}
		return k
	}
	totals := map[entity]float64{}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		if name, ok := strings.CutSuffix(s.Name(), "_total"); ok && s.Kind() == telemetry.Gauge {
			totals[of(s, name)] = v
		}
	}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		for _, suffix := range []string{"_free", "_used", "_available"} {
			name, isPart := strings.CutSuffix(s.Name(), suffix)
			if total, ok := totals[of(s, name)]; isPart && ok && v > total {
				t.Errorf("%s is %v, more than the total of %v", s, v, total)
			}
		}
	}
}
