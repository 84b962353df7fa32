package prometheus

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// handle is what a series of the page is written to.
type handle struct {
	kind  kind
	wrong bool // its labels cannot be read
	round int  // the gather that it was last written in
	gauge *telemetry.Series
	total *telemetry.Total
}

// add writes a sample, and says whether its line could be read.
func (t *target) add(out *telemetry.Batch, s sample) bool {
	h := telemetry.GetBytes(t.series, s.id)
	if h.kind != s.kind && !h.wrong || h.round == 0 {
		*h = t.newHandle(string(s.id), s.kind)
	}
	twice := h.round == t.round
	h.round = t.round
	switch {
	case h.wrong:
		return false
	case twice, math.IsNaN(s.value), math.IsInf(s.value, 0):
	case h.total != nil:
		h.total.Add(out, s.value)
	default:
		out.Add(h.gauge, s.value)
	}
	return true
}

func (t *target) newHandle(id string, k kind) handle {
	h := handle{kind: k}
	name, labels, ok := parseID(id)
	if !ok {
		h.wrong = true
		return h
	}
	unit := unitOf(name, k)
	instance := t.labelsOf(labels)
	switch {
	case k == counter && !t.has(name+"_rate"):
		h.total = t.factory.Counter(name, unit, instance...)
	case k == counter:
		h.gauge = t.factory.New(name, telemetry.Counter, unit, instance...)
	default:
		h.gauge = t.factory.Gauge(name, unit, instance...)
	}
	return h
}

// labelsOf are the labels of a series: those of the target, then those of the page, where none may stand in for one of ours.
func (t *target) labelsOf(labels []telemetry.Label) []telemetry.Label {
	all := slices.Clone(t.labels)
	taken := func(key string) bool {
		return telemetry.Reserved(key) || slices.ContainsFunc(all, func(l telemetry.Label) bool { return l.Key == key })
	}
	for _, l := range labels {
		for taken(l.Key) {
			l.Key = "exported_" + l.Key
		}
		all = append(all, l)
	}
	return all
}

// has says whether the page has a metric. It is asked for new series only, so that the names are listed when they are needed.
func (t *target) has(name string) bool {
	if t.names == nil {
		t.names = map[string]bool{}
		p := parser{rest: t.text}
		for {
			s, _, ok, more := p.next()
			if !more {
				break
			}
			if ok && bytes.HasSuffix(s.name, []byte("_rate")) {
				t.names[string(s.name)] = true
			}
		}
	}
	return t.names[name]
}

// unitOf reads the unit off a metric's name, which ends in it: https://prometheus.io/docs/practices/naming/.
func unitOf(name string, k kind) telemetry.Unit {
	if k == counter {
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_total"), "_sum")
	}
	word := name[strings.LastIndexByte(name, '_')+1:]
	switch u := telemetry.Unit(word); u {
	case telemetry.Seconds, telemetry.Milliseconds, telemetry.Microseconds, telemetry.Nanoseconds, telemetry.Bytes, telemetry.Bits, telemetry.Percent,
		telemetry.Celsius, telemetry.Volts, telemetry.Amperes, telemetry.Watts, telemetry.Joules, telemetry.Hertz, telemetry.Packets:
		return u
	}
	return telemetry.None
}
