package promtext

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// handle is what a series of the page is written to. A series is its name and its set of labels: OpenMetrics 1.0 says that
// the order of labels may change from page to page. All texts that mean the same series share its handle.
//
// Its series end with the text that they were made for, not with the last of its texts: a page that changes the order of its
// labels is rare, and a series that ended too early begins again with its next sample.
type handle struct {
	kind  kind
	wrong bool // its labels cannot be read
	round int  // the gather that it was last written in; 0: none yet
	gauge *telemetry.Series
	total *telemetry.Total
}

// keepUnseen is for how many gathers a series is kept that is not on the page: as long as a [telemetry.Vec] keeps a text.
const keepUnseen = 3

// handleOf returns the handle of a sample's series. It is nil if the series is new and the quota is used up.
func (r *Reader) handleOf(s sample) *handle {
	if !r.Quota.full() || telemetry.HasBytes(r.texts, s.id) {
		return *telemetry.GetBytes(r.texts, s.id)
	}
	name, labels, ok := parseID(string(s.id))
	if !ok {
		return nil
	}
	return r.series[identity(name, canonical(labels))] // a known series with another text
}

// learn returns the handle of a text that was not seen before: that of a known series, or a new one.
func (r *Reader) learn(f *telemetry.Factory, id string) *handle {
	r.charge(textCost + len(id))
	name, labels, ok := parseID(id)
	if !ok {
		return &handle{wrong: true}
	}
	key := identity(name, canonical(labels))
	if key == id {
		key = id // shares the memory of the text
	}
	h := r.series[key]
	if h == nil {
		h = &handle{}
		r.series[key] = h
		r.makeSeries(f, h, id, r.kind)
		r.charge(h.cost(id))
	}
	return h
}

// canonical sorts labels by their names, with le and quantile last, and leaves out those without a value, which are the
// same as none (prometheus.io/docs/concepts/data_model). Prometheus' own library writes its pages in this order.
func canonical(labels []telemetry.Label) []telemetry.Label {
	labels = slices.DeleteFunc(labels, func(l telemetry.Label) bool { return l.Value == "" })
	isLast := func(l telemetry.Label) int {
		if l.Key == "le" || l.Key == "quantile" {
			return 1
		}
		return 0
	}
	slices.SortFunc(labels, func(a, b telemetry.Label) int {
		return cmp.Or(isLast(a)-isLast(b), strings.Compare(a.Key, b.Key), strings.Compare(a.Value, b.Value))
	})
	return labels
}

// identity is the text that a series has in the plainest form of the format. Different series have different ones.
func identity(name string, labels []telemetry.Label) string {
	id := appendName(nil, name)
	between := byte('{')
	for _, l := range labels {
		id = append(id, between)
		id = append(appendName(id, l.Key), '=')
		id = strconv.AppendQuote(id, l.Value)
		between = ','
	}
	if len(labels) > 0 {
		id = append(id, '}')
	}
	return string(id)
}

// appendName appends a name, in quotes where it cannot do without them.
func appendName(to []byte, name string) []byte {
	if strings.ContainsAny(name, " \t=,\"{}\\\n") {
		return strconv.AppendQuote(to, name)
	}
	return append(to, name...)
}

// sweep ends a gather: what was on none of the last pages is forgotten.
func (r *Reader) sweep(out *telemetry.Batch) {
	before := r.texts.Len() + len(r.series)
	r.texts.Sweep(out)
	for key, h := range r.series {
		if r.round-h.round >= keepUnseen {
			delete(r.series, key)
		}
	}
	if r.texts.Len()+len(r.series) != before {
		r.recount()
	}
}
