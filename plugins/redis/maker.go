package redisinput

import (
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// metricPrefix precedes the names that Redis uses.
const metricPrefix = "redis_"

// seriesMaker makes the series that the user wants.
type seriesMaker struct {
	factory  *telemetry.Factory
	settings *Settings
	wanted   match.List // metrics to write; empty: all
}

// withFactory returns a copy of the maker that makes its series with f.
func (m seriesMaker) withFactory(f *telemetry.Factory) seriesMaker {
	m.factory = f
	return m
}

// isWanted reports whether a metric is written. The name has no "redis_", but the user may write it with or without.
func (m *seriesMaker) isWanted(name string) bool {
	return len(m.wanted) == 0 || m.wanted.Match(name) || m.wanted.Match(metricPrefix+name)
}

// numberSeries is a gauge or a counter. The zero value ignores the numbers that it gets.
type numberSeries struct {
	gauge *telemetry.Series
	total *telemetry.Total
}

func (v *numberSeries) add(out *telemetry.Batch, number float64) {
	if v.total != nil {
		v.total.Add(out, number)
		return
	}
	out.Add(v.gauge, number)
}

func (m *seriesMaker) newGauge(name string, u telemetry.Unit, labels ...telemetry.Label) *telemetry.Series {
	if !m.isWanted(name) {
		return nil
	}
	s := m.factory.Gauge(metricPrefix+name, u, labels...)
	if isDifference(name) {
		return s.Signed()
	}
	return s
}

func (m *seriesMaker) newCounter(name string, u telemetry.Unit, labels ...telemetry.Label) numberSeries {
	if !m.isWanted(name) {
		return numberSeries{}
	}
	return numberSeries{total: m.factory.Counter(metricPrefix+name, u, labels...)}
}

func (m *seriesMaker) newInfo(name string, instance ...telemetry.Label) *metric.Info {
	if !m.isWanted(name) {
		return nil
	}
	return metric.NewInfo(m.factory, metricPrefix+name, instance...)
}

// pair describes one pair of a line of INFO that holds several.
type pair struct {
	name string
	unit telemetry.Unit
}

// lineKind describes one kind of lines that hold pairs.
type lineKind struct {
	prefix           string // of the lines and of the metrics
	label            string // label whose value is the rest of the line's name
	gauges, counters []pair
}

// entity holds the series of the entity that one such line describes: a command, an error, a database.
type entity struct {
	pairs []pairSeries
	round int // round of the last reply that had it
}

// pairSeries is the series of one pair.
type pairSeries struct {
	name string
	numberSeries
	round int // round of the last sample: a name that appears twice in a line counts once
}

// newEntity makes the series of a line.
func (m *seriesMaker) newEntity(k *lineKind, labels ...telemetry.Label) entity {
	var e entity
	for _, p := range k.gauges {
		e.pairs = append(e.pairs, pairSeries{name: p.name, numberSeries: numberSeries{gauge: m.newGauge(k.prefix+p.name, p.unit, labels...)}})
	}
	for _, p := range k.counters {
		e.pairs = append(e.pairs, pairSeries{name: p.name, numberSeries: m.newCounter(k.prefix+p.name, p.unit, labels...)})
	}
	return e
}

// addPairs adds the samples of a list of pairs.
func (e *entity) addPairs(out *telemetry.Batch, list []byte) {
	for name, text, rest := cutPair(list); name != nil; name, text, rest = cutPair(rest) {
		for i := range e.pairs {
			s := &e.pairs[i]
			if s.name != string(name) {
				continue
			}
			if v, ok := parseNumber(text); ok && s.round != e.round {
				s.round = e.round
				s.add(out, v)
			}
			break
		}
	}
}
