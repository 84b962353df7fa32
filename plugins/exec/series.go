package execinput

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// sample is one value that a command printed.
type sample struct {
	name   string
	labels []telemetry.Label // sorted by key
	uom    string            // a detail, no part of what it is
	value  float64
	ms     int64 // its time in milliseconds; 0: the gather's
}

// series are those of one command's output.
type series struct {
	known   *telemetry.Vec[string, *telemetry.Series]
	pending *sample // what the series is made for
	key     []byte
}

func (s *series) init(f *telemetry.Factory, command telemetry.Label) {
	s.known = telemetry.NewVec(f, func(f *telemetry.Factory, _ string) *telemetry.Series {
		instance := []telemetry.Label{command}
		unit := telemetry.None
		for _, l := range s.pending.labels {
			if l.Key == "unit" {
				unit = telemetry.Unit(l.Value)
				continue
			}
			instance = append(instance, l)
		}
		if s.pending.uom != "" {
			return f.Info(s.pending.name, instance, telemetry.Label{Key: "uom", Value: s.pending.uom})
		}
		return f.Gauge(s.pending.name, unit, instance...)
	})
}

// maxSeries is how many series a command may have at a time.
const maxSeries = 10_000

func (s *series) add(out *telemetry.Batch, samples []sample) error {
	for i := range samples {
		if i == maxSeries {
			return fmt.Errorf("it prints more than %d metrics: the rest is left out", maxSeries)
		}
		p := &samples[i]
		s.pending = p
		s.key = append(s.key[:0], p.name...)
		for _, l := range p.labels {
			s.key = append(append(append(append(s.key, 0), l.Key...), 0), l.Value...)
		}
		handle := *telemetry.GetBytes(s.known, s.key)
		if p.ms == 0 {
			out.Add(handle, p.value)
		} else {
			out.AddAt(handle, p.value, p.ms)
		}
	}
	return nil
}

func (s *series) sweep(out *telemetry.Batch) { s.known.Sweep(out) }

// parsed is what was found in an output.
type parsed struct {
	samples  []sample
	events   []telemetry.Event
	problems int
	first    string // of them
	said     string // the first line of a nagios check
}

func (p *parsed) problem(line int, format string, args ...any) {
	p.problems++
	if p.problems == 1 {
		p.first = fmt.Sprintf(format, args...)
		if line > 0 {
			p.first = fmt.Sprintf("line %d: %s", line, p.first)
		}
	}
}

// err is the first problem, and how many more there are.
func (p *parsed) err() error {
	switch p.problems {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("parse its output: %s", p.first)
	}
	return fmt.Errorf("parse its output: %s (and %d more)", p.first, p.problems-1)
}

// add takes a value under the name that a command gave it.
func (p *parsed) add(line int, name string, value float64, labels []telemetry.Label, ms int64) {
	name = nameOf(name)
	switch {
	case name == "":
		p.problem(line, "a value without a name")
	case math.IsNaN(value) || math.IsInf(value, 0):
		p.problem(line, "%s is %v, which is no number for Redis", name, value)
	default:
		p.samples = append(p.samples, sample{name: name, labels: labels, value: value, ms: ms})
	}
}

const (
	maxName  = 200
	maxValue = 200 // of a label
)

// nameOf makes a name that may be a key and a label of Redis: without blanks, parentheses, commas and braces.
func nameOf(text string) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f || r == 0xfffd || strings.ContainsRune("(){},", r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(text, "_"))
	return strings.ToValidUTF8(text[:min(len(text), maxName)], "")
}

// labelOf makes a label of what a command printed. One that is ours has its name changed, so that it is not lost.
func labelOf(key, value string) telemetry.Label {
	key = nameOf(key)
	switch key {
	case "cmd", "source", "host", "__name__":
		key = "exported_" + key
	}
	value = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(value, "_"))
	return telemetry.Label{Key: key, Value: strings.TrimSpace(strings.ToValidUTF8(value[:min(len(value), maxValue)], ""))}
}

// sortLabels puts labels in an order that does not depend on the command's. Of two with one key, the last counts.
func sortLabels(labels []telemetry.Label) []telemetry.Label {
	slices.Reverse(labels)
	slices.SortStableFunc(labels, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	labels = slices.CompactFunc(labels, func(a, b telemetry.Label) bool { return a.Key == b.Key })
	return slices.DeleteFunc(labels, func(l telemetry.Label) bool { return l.Key == "" || l.Value == "" })
}
