package prometheusendpoint

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/promname"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// sweepEvery is how often series without samples are removed while nobody reads the page.
const sweepEvery = time.Minute

// maxNamed bounds how many renamed metrics are logged.
const maxNamed = 100

// store keeps the newest sample of each series, for the goroutine of the output and those of the requests.
type store struct {
	slot     telemetry.Slot
	keep     time.Duration // after the last sample of a series
	describe func(string) (metricdoc.Metric, bool)
	log      *slog.Logger

	mu       sync.Mutex
	families []*family // sorted by name
	byName   map[string]*family
	entries  map[string]*entry // by their head
	swept    time.Time
	renamed  map[string]bool // metrics whose renaming was logged
	leftOut  int64           // samples, because of collisions

	buffers buffers
}

// family is all series with one name.
type family struct {
	name     string
	help     string
	unit     telemetry.Unit // of the first series
	entries  []*entry       // sorted by head
	counters int            // how many of them are counters
}

// entry is a series on the page.
type entry struct {
	family   *family // nil: it was removed
	series   *telemetry.Series
	identity string // see place
	head     string // of its line: name{labels}
	value    float64
	ms       int64 // time of the sample
	expires  time.Time
	created  int64    // a counter restarted after this time, in milliseconds; 0: unknown
	windows  []window // by reader
}

// place is what the output remembers of a series.
type place struct {
	name     string // as Prometheus allows it
	labels   []telemetry.Label
	head     string
	identity string // distinguishes series whose names became equal; "" if nothing was replaced
	renamed  bool
	entry    *entry // nil: another series has the place
}

func newStore(env outputs.Env, keep time.Duration) *store {
	return &store{
		slot: env.Slot, keep: keep, describe: env.Describe, log: env.Log,
		byName: map[string]*family{}, entries: map[string]*entry{}, renamed: map[string]bool{},
	}
}

// write keeps the samples of batches and removes the series that ended. The error is nil or an [outputs.RejectError].
func (s *store) write(batches []*telemetry.Batch, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rejected, example := 0, ""
	for _, b := range batches {
		for i := range b.Len() {
			series, ms, v := b.Sample(i)
			if e := s.entryOf(series); e != nil {
				e.put(v, ms, now.Add(max(s.keep, 2*series.Interval())))
			} else {
				rejected++
				example = series.String()
			}
		}
		for _, series := range b.Ended() {
			if p, ok := series.Memo(s.slot).(*place); ok && p.entry != nil && p.entry.series == series {
				s.remove(p.entry)
			}
		}
	}
	if now.Sub(s.swept) >= sweepEvery {
		s.sweep(now)
	}
	if rejected == 0 {
		return nil
	}
	s.leftOut += int64(rejected)
	err := fmt.Errorf("another series has the same name and labels as %s once both are written as Prometheus allows: rename one of them", example)
	return &outputs.RejectError{N: rejected, Err: err, Reasons: map[string]int{"collision": rejected}}
}

// entryOf returns the entry of a series, or nil if another series has its place.
func (s *store) entryOf(series *telemetry.Series) *entry {
	p, ok := series.Memo(s.slot).(*place)
	if !ok {
		p = newPlace(series)
		series.SetMemo(s.slot, p)
	}
	if p.entry != nil && p.entry.family != nil {
		return p.entry
	}
	p.entry = nil
	if e := s.entries[p.head]; e != nil {
		if e.identity == p.identity { // the same series, made anew
			e.family.counters += countersIn(series) - countersIn(e.series)
			e.series, p.entry = series, e
		}
		return p.entry
	}
	if isOwn(p.name) {
		return nil
	}
	p.entry = s.add(p, series)
	return p.entry
}

func newPlace(series *telemetry.Series) *place {
	labels, renamed := promname.Labels(series.Labels())
	p := &place{name: promname.Metric(series.Name()), labels: labels}
	p.renamed = renamed || p.name != series.Name()
	if p.renamed || !slices.Equal(labels, series.Labels()) {
		p.identity = fmt.Sprintf("%q %q", series.Name(), series.Labels())
	}
	p.head = string(appendHead(nil, p.name, labels))
	return p
}

// put keeps a sample unless a newer one is known.
func (e *entry) put(v float64, ms int64, expires time.Time) {
	for i := range e.windows {
		e.windows[i].add(v)
	}
	if ms < e.ms {
		return
	}
	if v < e.value && e.series.Kind() == telemetry.Counter && e.ms > 0 {
		e.created = e.ms
	}
	e.value, e.ms, e.expires = v, ms, expires
}

// add makes the entry of a series, and its family if that is new.
func (s *store) add(p *place, series *telemetry.Series) *entry {
	f := s.byName[p.name]
	if f == nil {
		f = &family{name: p.name, help: s.help(series), unit: series.Unit()}
		s.byName[p.name] = f
		i, _ := slices.BinarySearchFunc(s.families, p.name, func(f *family, name string) int { return strings.Compare(f.name, name) })
		s.families = slices.Insert(s.families, i, f)
	}
	e := &entry{family: f, series: series, identity: p.identity, head: p.head}
	i, _ := slices.BinarySearchFunc(f.entries, p.head, compareHead)
	f.entries = slices.Insert(f.entries, i, e)
	s.entries[p.head] = e
	f.counters += countersIn(series)
	if p.renamed && !s.renamed[series.Name()] && len(s.renamed) < maxNamed {
		s.renamed[series.Name()] = true
		s.log.Warn("metric is served under names that Prometheus allows", "metric", series.String(), "as", p.head)
	}
	return e
}

// countersIn returns 1 for a counter and 0 for a gauge.
func countersIn(series *telemetry.Series) int {
	if series.Kind() == telemetry.Counter {
		return 1
	}
	return 0
}

func compareHead(e *entry, head string) int { return strings.Compare(e.head, head) }

// help returns the text of HELP. Promtool complains about metrics without one.
func (s *store) help(series *telemetry.Series) string {
	if s.describe != nil {
		if doc, ok := s.describe(series.Name()); ok && doc.Help() != "" {
			return doc.Help()
		}
	}
	for _, l := range series.Labels() {
		if l.Key == "source" {
			return "of the input " + strings.ToValidUTF8(l.Value, "\uFFFD")
		}
	}
	return "of rtcollector"
}

// remove takes a series from the page.
func (s *store) remove(e *entry) {
	f := e.family
	if f == nil {
		return
	}
	e.family = nil
	delete(s.entries, e.head)
	if i, ok := slices.BinarySearchFunc(f.entries, e.head, compareHead); ok {
		f.entries = slices.Delete(f.entries, i, i+1)
	}
	f.counters -= countersIn(e.series)
	if len(f.entries) > 0 {
		return
	}
	delete(s.byName, f.name)
	if i, ok := slices.BinarySearchFunc(s.families, f.name, func(f *family, name string) int { return strings.Compare(f.name, name) }); ok {
		s.families = slices.Delete(s.families, i, i+1)
	}
}

// sweep removes the series that had no sample for too long.
func (s *store) sweep(now time.Time) {
	s.swept = now
	var gone []*entry
	for _, e := range s.entries {
		if now.After(e.expires) {
			gone = append(gone, e)
		}
	}
	for _, e := range gone {
		s.remove(e)
	}
}

// kind returns the type of a family in the text format. Series of one name whose inputs disagree have no type.
func (f *family) kind() string {
	switch f.counters {
	case 0:
		return "gauge"
	case len(f.entries):
		return "counter"
	}
	return "untyped"
}
