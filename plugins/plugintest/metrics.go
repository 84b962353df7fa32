package plugintest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// checkMetrics compares the series of an input with the tables of its README.
func checkMetrics(t reporter, readme string, all []*telemetry.Series) {
	documented := metricdoc.Parse(readme)
	reported := map[string]bool{}
	for _, s := range all {
		if mismatch := describeMismatch(s, documented); mismatch != "" && !reported[mismatch] {
			reported[mismatch] = true
			t.Errorf("%s %s", s.Name(), mismatch)
		}
	}
	for _, m := range documented {
		for _, name := range m.Names {
			if !slices.ContainsFunc(all, func(s *telemetry.Series) bool { return coversMetric(name, m.HasRate, s.Name()) }) {
				t.Errorf("the README has the metric %s, but no case gathers it", name)
			}
		}
	}
}

// coversMetric reports whether a name of a table, which may be a glob, matches a metric.
func coversMetric(name string, hasRate bool, metric string) bool {
	isRate := hasRate && strings.HasSuffix(metric, "_rate")
	return name == metric || strings.Contains(name, "*") && !isRate && match.NewList(name).Match(metric)
}

// describeMismatch returns how a series differs from its documentation, "" if it does not.
func describeMismatch(s *telemetry.Series, documented []metricdoc.Metric) string {
	m, ok := metricdoc.Find(documented, s.Name())
	if !ok {
		return fmt.Sprintf("(%s) is in no table of the README that begins with %q", s.Name(), metricdoc.Header)
	}
	if m.Unit != metricdoc.Any && m.Unit != s.Unit() || m.Kind != metricdoc.Any && m.Kind != s.Kind().String() {
		return fmt.Sprintf("is a %s in %q, the README says %s in %q", s.Kind(), s.Unit(), m.Kind, m.Unit)
	}
	var keys []string
	for _, l := range s.Labels() {
		if common := slices.Contains([]string{"host", "source", "unit", testTag}, l.Key); !common {
			keys = append(keys, l.Key)
		}
	}
	for _, key := range keys {
		if !slices.Contains(m.Labels, key) && !slices.Contains(m.Optional, key) && !slices.Contains(m.Optional, metricdoc.Any) {
			return fmt.Sprintf("has the label %s, which the README does not mention", key)
		}
	}
	for _, key := range m.Labels {
		if !slices.Contains(keys, key) {
			return fmt.Sprintf("has no label %s, which the README promises", key)
		}
	}
	return ""
}
