package redisinput

import (
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// prefix stands before what Redis calls a thing.
const prefix = "redis_"

// maker makes the series that the user wants.
type maker struct {
	factory  *telemetry.Factory
	settings *Settings
	names    match.List // of the metrics to write; without any, all are
}

// with returns a maker that makes its series with f.
func (m maker) with(f *telemetry.Factory) maker {
	m.factory = f
	return m
}

// wants decides on a metric by its name without "redis_"; with it, the user means the same.
func (m *maker) wants(name string) bool {
	return len(m.names) == 0 || m.names.Match(name) || m.names.Match(prefix+name)
}

// value is where a number goes: to a gauge or a counter. The zero value leaves it out.
type value struct {
	gauge *telemetry.Series
	total *telemetry.Total
}

func (v *value) add(out *telemetry.Batch, number float64) {
	if v.total != nil {
		v.total.Add(out, number)
		return
	}
	out.Add(v.gauge, number)
}

func (m *maker) gauge(name string, u telemetry.Unit, labels ...telemetry.Label) *telemetry.Series {
	if !m.wants(name) {
		return nil
	}
	s := m.factory.Gauge(prefix+name, u, labels...)
	if isDifference(name) {
		return s.Signed()
	}
	return s
}

func (m *maker) counter(name string, u telemetry.Unit, labels ...telemetry.Label) value {
	if !m.wants(name) {
		return value{}
	}
	return value{total: m.factory.Counter(prefix+name, u, labels...)}
}

func (m *maker) info(name string, instance ...telemetry.Label) *metric.Info {
	if !m.wants(name) {
		return nil
	}
	return metric.NewInfo(m.factory, prefix+name, instance...)
}

// pair is one of the pairs in a line of INFO that has several.
type pair struct {
	name string
	unit telemetry.Unit
}

// kind is one kind of such lines.
type kind struct {
	begins           string // of the metrics' names, and of the lines'
	label            string // what the rest of the line's name is
	gauges, counters []pair
}

// thing is what one such line is about: a command, an error, a database.
type thing struct {
	slots []slot
	round int // when it was seen last
}

type slot struct {
	name string
	value
	round int // when it was written last: a name that stands twice in a line counts once
}

// thing makes the series of a line.
func (m *maker) thing(k *kind, labels ...telemetry.Label) thing {
	var t thing
	for _, p := range k.gauges {
		t.slots = append(t.slots, slot{name: p.name, value: value{gauge: m.gauge(k.begins+p.name, p.unit, labels...)}})
	}
	for _, p := range k.counters {
		t.slots = append(t.slots, slot{name: p.name, value: m.counter(k.begins+p.name, p.unit, labels...)})
	}
	return t
}

// add takes a list of pairs.
func (t *thing) add(out *telemetry.Batch, list []byte) {
	for name, text, rest := cutPair(list); name != nil; name, text, rest = cutPair(rest) {
		for i := range t.slots {
			s := &t.slots[i]
			if s.name != string(name) {
				continue
			}
			if v, ok := number(text); ok && s.round != t.round {
				s.round = t.round
				s.add(out, v)
			}
			break
		}
	}
}
