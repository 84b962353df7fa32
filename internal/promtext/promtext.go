// Package promtext turns pages of metrics, in the text format 0.0.4 of Prometheus or in OpenMetrics 1.0, into samples.
//
//   - promtext.go: [Reader] reads the pages of one source.
//   - parse.go, scan.go: from bytes to names, labels and numbers.
//   - series.go: the series of a reader, whatever the order of their labels. quota.go: [Quota] bounds their memory.
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
	MaxSamples    int      // samples read per page; 0: all
	Quota         *Quota   // shared by all readers of an input; nil: no limit
	ReservedNames []string // metric names that a page must not use: there they get the prefix "exported_"

	factory       *telemetry.Factory
	labels        []telemetry.Label
	byID          *telemetry.Vec[string, *handle] // by the ID of a sample, so that known IDs are not parsed
	byIdentity    map[string]*handle              // by identity, which all IDs of a series share
	round         int                             // counts the pages
	kind          kind                            // of the current sample
	cost          int                             // of texts and series, as charged to the quota, in bytes
	excessSamples int                             // samples of this page that exceed the quota
	page          []byte
	rateNames     map[string]bool // metrics of the page whose names end in _rate; nil: not listed yet
}

// NewReader returns a reader. Its series have these labels, followed by those of the page. They have no bounds, because only
// the source knows which values are possible.
func NewReader(f *telemetry.Factory, labels ...telemetry.Label) *Reader {
	r := &Reader{factory: f.Unbounded(), labels: labels, byIdentity: map[string]*handle{}}
	r.byID = telemetry.NewVec(r.factory, r.addID).Limit(math.MaxInt) // the quota bounds them
	return r
}

// Len returns the number of series that the reader keeps.
func (r *Reader) Len() int { return len(r.byIdentity) }

// Read adds the samples of a page and returns their number. A line that is not a sample is skipped; the error names the
// first one. Series that were missing on several pages in a row end.
func (r *Reader) Read(out *telemetry.Batch, page []byte) (samples int, err error) {
	r.round++
	r.page, r.rateNames = page, nil
	r.excessSamples = 0
	defer func() {
		r.page = nil // it belongs to the caller and may be large
		r.sweep(out)
	}()
	p := parser{rest: page}
	badLines := 0
	for {
		s, line, ok, more := p.next()
		if !more {
			break
		}
		if r.MaxSamples > 0 && samples == r.MaxSamples {
			return samples, fmt.Errorf("the page has more than %d samples: the rest is left out", r.MaxSamples)
		}
		if ok && r.addSample(out, s) {
			samples++
			continue
		}
		if badLines++; badLines == 1 {
			err = fmt.Errorf("line %d is not a sample: %.80q", p.line, line)
		}
	}
	if badLines > 1 {
		err = fmt.Errorf("%w, and %d more", err, badLines-1)
	}
	if r.excessSamples > 0 {
		err = errors.Join(err, r.Quota.exceededError(r.excessSamples))
	}
	return samples, err
}

// addSample adds a sample and reports whether its line could be parsed.
func (r *Reader) addSample(out *telemetry.Batch, s sample) bool {
	r.kind = s.kind
	h := r.findHandle(s)
	if h == nil {
		r.excessSamples++
		return true
	}
	if !h.isInvalid && h.kind != s.kind {
		r.makeSeries(r.factory, h, string(s.id), s.kind)
	}
	seenBefore := h.lastRound == r.round
	h.lastRound = r.round
	switch {
	case h.isInvalid:
		return false
	case seenBefore, math.IsNaN(s.value), math.IsInf(s.value, 0):
	case h.total != nil:
		h.total.Add(out, s.value)
	default:
		out.Add(h.gauge, s.value)
	}
	return true
}

// makeSeries makes the series of a handle for samples of this kind.
func (r *Reader) makeSeries(f *telemetry.Factory, h *handle, id string, k kind) {
	name, labels, _ := parseID(id)
	if slices.Contains(r.ReservedNames, name) {
		name = "exported_" + name
	}
	unit := parseUnit(name, k)
	instance := r.mergeLabels(sortLabels(labels))
	*h = handle{kind: k, lastRound: h.lastRound}
	switch {
	case k == counter && !r.hasRate(name+"_rate"):
		h.total = f.Counter(name, unit, instance...)
	case k == counter:
		h.gauge = f.New(name, telemetry.Counter, unit, instance...)
	default:
		h.gauge = f.Gauge(name, unit, instance...)
	}
}

// mergeLabels returns the labels of a series: those of the reader, then those of the page. A label of the page that has the
// name of one of ours gets the prefix "exported_", repeatedly if necessary, as in Prometheus.
func (r *Reader) mergeLabels(labels []telemetry.Label) []telemetry.Label {
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

// hasRate reports whether the page has a metric of this name, which ends in _rate. Only new series need it, so the names are
// listed at the first call for a page.
func (r *Reader) hasRate(name string) bool {
	if r.rateNames == nil {
		r.rateNames = map[string]bool{}
		p := parser{rest: r.page}
		for {
			s, _, ok, more := p.next()
			if !more {
				break
			}
			if ok && bytes.HasSuffix(s.name, []byte("_rate")) {
				r.rateNames[string(s.name)] = true
			}
		}
	}
	return r.rateNames[name]
}

// parseUnit returns the unit at the end of a metric's name (https://prometheus.io/docs/practices/naming/), or None.
func parseUnit(name string, k kind) telemetry.Unit {
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
