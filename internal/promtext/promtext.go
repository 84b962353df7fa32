// Package promtext turns pages of metrics, in the text format 0.0.4 of Prometheus or in OpenMetrics 1.0, into series.
package promtext

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Reader reads the pages of one source, one after the other, and keeps their series.
type Reader struct {
	Most  int      // samples that are taken of a page; 0: all
	Quota *Quota   // of all readers of an input; nil: no limit
	Taken []string // names that are not for the page: there they get "exported_" in front

	factory *telemetry.Factory
	labels  []telemetry.Label
	texts   *telemetry.Vec[string, *handle] // by the text of a sample's name and labels: a known one need not be parsed
	series  map[string]*handle              // by identity, which all texts of a series share
	round   int
	kind    kind // of the sample at hand
	cost    int  // of texts and series, as the quota knows it
	left    int  // samples of this page that the quota leaves out
	page    []byte
	rates   map[string]bool // the page's own metrics that are called like rates; nil: not known yet
}

// NewReader returns a reader whose series all have these labels, before those of the page. The page decides what values its
// metrics can have.
func NewReader(f *telemetry.Factory, labels ...telemetry.Label) *Reader {
	r := &Reader{factory: f.Unbounded(), labels: labels, series: map[string]*handle{}}
	r.texts = telemetry.NewVec(r.factory, r.learn).Limit(math.MaxInt) // bounded by what the texts cost
	return r
}

// Len is the number of series that are kept.
func (r *Reader) Len() int { return len(r.series) }

// Read writes the samples of a page and says how many it has. The error is of the first line that is none; the others are
// written. What was not on several pages in a row is forgotten.
func (r *Reader) Read(out *telemetry.Batch, page []byte) (samples int, err error) {
	r.round++
	r.page, r.rates = page, nil
	r.left = 0
	defer func() {
		r.page = nil // it is the caller's, and may be large
		r.sweep(out)
	}()
	p := parser{rest: page}
	wrong := 0
	for {
		s, line, ok, more := p.next()
		if !more {
			break
		}
		if r.Most > 0 && samples == r.Most {
			return samples, fmt.Errorf("there are more than %d samples: the rest is left out", r.Most)
		}
		if ok && r.add(out, s) {
			samples++
			continue
		}
		if wrong++; wrong == 1 {
			err = fmt.Errorf("line %d is no sample: %.80q", p.line, line)
		}
	}
	if wrong > 1 {
		err = fmt.Errorf("%w, and %d more", err, wrong-1)
	}
	if r.left > 0 {
		err = errors.Join(err, r.Quota.err(r.left))
	}
	return samples, err
}

// add writes a sample, and says whether its line could be read.
func (r *Reader) add(out *telemetry.Batch, s sample) bool {
	r.kind = s.kind
	h := r.handleOf(s)
	if h == nil {
		r.left++
		return true
	}
	if !h.wrong && h.kind != s.kind {
		r.makeSeries(r.factory, h, string(s.id), s.kind)
	}
	twice := h.round == r.round
	h.round = r.round
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

// makeSeries makes the series of a handle, for samples of this kind.
func (r *Reader) makeSeries(f *telemetry.Factory, h *handle, id string, k kind) {
	name, labels, _ := parseID(id)
	if slices.Contains(r.Taken, name) {
		name = "exported_" + name
	}
	unit := unitOf(name, k)
	instance := r.labelsOf(canonical(labels))
	*h = handle{kind: k, round: h.round}
	switch {
	case k == counter && !r.has(name+"_rate"):
		h.total = f.Counter(name, unit, instance...)
	case k == counter:
		h.gauge = f.New(name, telemetry.Counter, unit, instance...)
	default:
		h.gauge = f.Gauge(name, unit, instance...)
	}
}

// labelsOf returns the labels of a series: the reader's, then those of the page, where none may stand in for one of ours. One
// that would is renamed to what no other label of the series is called, as Prometheus does it.
func (r *Reader) labelsOf(labels []telemetry.Label) []telemetry.Label {
	all := slices.Clone(r.labels)
	has := func(in []telemetry.Label, key string) bool {
		return slices.ContainsFunc(in, func(l telemetry.Label) bool { return l.Key == key })
	}
	for _, l := range labels {
		if key := l.Key; telemetry.Reserved(key) || has(all, key) {
			for l.Key = "exported_" + key; has(all, l.Key) || has(labels, l.Key); {
				l.Key = "exported_" + l.Key
			}
		}
		all = append(all, l)
	}
	return all
}

// has says whether the page has a metric. It is asked for new series only, so that the names are listed when they are needed.
func (r *Reader) has(name string) bool {
	if r.rates == nil {
		r.rates = map[string]bool{}
		p := parser{rest: r.page}
		for {
			s, _, ok, more := p.next()
			if !more {
				break
			}
			if ok && bytes.HasSuffix(s.name, []byte("_rate")) {
				r.rates[string(s.name)] = true
			}
		}
	}
	return r.rates[name]
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
