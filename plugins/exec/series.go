package execinput

import (
	"fmt"
	"math"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// maxSeries bounds the series of one command.
const maxSeries = 10_000

// sample is one value that a command printed.
type sample struct {
	name   string
	labels []telemetry.Label // sorted by key
	uom    string            // unit of measurement, as a detail that does not identify the series
	value  float64
	ms     int64 // time in milliseconds since the epoch; 0: the gather's
}

// printedSeries are the series of what one command prints.
type printedSeries struct {
	*telemetry.Vec[string, *telemetry.Series]
	current *sample // for which the Vec makes a series
	key     []byte
}

func newPrintedSeries(f *telemetry.Factory, command telemetry.Label) *printedSeries {
	p := &printedSeries{}
	p.Vec = telemetry.NewVec(f, func(f *telemetry.Factory, _ string) *telemetry.Series {
		instance := []telemetry.Label{command}
		unit := telemetry.None
		for _, l := range p.current.labels {
			if l.Key == "unit" {
				unit = telemetry.Unit(l.Value)
				continue
			}
			instance = append(instance, l)
		}
		if p.current.uom != "" {
			return f.Info(p.current.name, instance, telemetry.Label{Key: "uom", Value: p.current.uom})
		}
		return f.Gauge(p.current.name, unit, instance...)
	}).Limit(maxSeries)
	return p
}

func (p *printedSeries) addSamples(out *telemetry.Batch, samples []sample) {
	for i := range samples {
		s := &samples[i]
		p.current = s
		p.key = append(p.key[:0], s.name...)
		for _, l := range s.labels {
			p.key = append(append(append(append(p.key, 0), l.Key...), 0), l.Value...)
		}
		series := *telemetry.GetBytes(p.Vec, p.key)
		if s.ms == 0 {
			out.Add(series, s.value)
		} else {
			out.AddAt(series, s.value, s.ms)
		}
	}
}

// parsedOutput is the content of a command's output.
type parsedOutput struct {
	samples      []sample
	events       []telemetry.Event
	problems     int
	firstProblem string
	nagiosText   string // the first line of a nagios check
}

// reportProblem counts a problem. Line 0 means that the problem has no line.
func (p *parsedOutput) reportProblem(line int, format string, args ...any) {
	p.problems++
	if p.problems == 1 {
		p.firstProblem = fmt.Sprintf(format, args...)
		if line > 0 {
			p.firstProblem = fmt.Sprintf("line %d: %s", line, p.firstProblem)
		}
	}
}

// joinProblems returns the first problem and the number of further ones.
func (p *parsedOutput) joinProblems() error {
	switch p.problems {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("parse its output: %s", p.firstProblem)
	}
	return fmt.Errorf("parse its output: %s (and %d more)", p.firstProblem, p.problems-1)
}

// addSample adds a value under the name that a command gave it.
func (p *parsedOutput) addSample(line int, name string, value float64, labels []telemetry.Label, ms int64) {
	name = metric.Name(name, maxName)
	switch {
	case name == "":
		p.reportProblem(line, "a value without a name")
	case math.IsNaN(value) || math.IsInf(value, 0):
		p.reportProblem(line, "%s is %v, which is not a number for Redis", name, value)
	default:
		p.samples = append(p.samples, sample{name: name, labels: labels, value: value, ms: ms})
	}
}

const (
	maxName       = 200 // bytes of a metric name or label key
	maxLabelValue = 200 // bytes
)

// newLabel makes a label of what a command printed. A key that the input or the factory sets itself gets a prefix, so that
// the label is not lost.
func newLabel(key, value string) telemetry.Label {
	key = metric.Name(key, maxName)
	switch key {
	case "cmd", "source", "host", "__name__":
		key = "exported_" + key
	}
	return telemetry.Label{Key: key, Value: metric.LabelValue(value, maxLabelValue)}
}
