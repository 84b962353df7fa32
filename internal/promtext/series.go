package promtext

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// handle holds the series for a series of the page. A name and a set of labels identify a series; according to OpenMetrics
// 1.0 the order of labels may change from page to page. All IDs of a series share its handle.
//
// The series end with the ID that they were made for, even if the page has the series with another ID. Pages that change the
// order of labels are rare, and a series that ended too early begins again with its next sample.
type handle struct {
	kind      kind
	isInvalid bool // its ID cannot be parsed
	lastRound int  // of its last sample; 0: none yet
	gauge     *telemetry.Series
	total     *telemetry.Total
}

// maxUnseenRounds is the number of gathers after which a series that is not on the page is removed, as in [telemetry.Vec].
const maxUnseenRounds = 3

// findHandle returns the handle of a sample's series. It is nil if the series is new and the quota is full.
func (r *Reader) findHandle(s sample) *handle {
	if !r.Quota.isFull() || telemetry.HasBytes(r.byID, s.id) {
		return *telemetry.GetBytes(r.byID, s.id)
	}
	name, labels, ok := parseID(string(s.id))
	if !ok {
		return nil
	}
	return r.byIdentity[identity(name, sortLabels(labels))] // a known series with a new ID
}

// addID returns the handle of a new ID: that of a known series, or a new one.
func (r *Reader) addID(f *telemetry.Factory, id string) *handle {
	r.charge(idCost + len(id))
	name, labels, ok := parseID(id)
	if !ok {
		return &handle{isInvalid: true}
	}
	key := identity(name, sortLabels(labels))
	if key == id {
		key = id // share the memory of the ID
	}
	h := r.byIdentity[key]
	if h == nil {
		h = &handle{}
		r.byIdentity[key] = h
		r.makeSeries(f, h, id, r.kind)
		r.charge(h.cost(id))
	}
	return h
}

// sortLabels sorts labels by name, with le and quantile last, as the library of Prometheus writes them. It removes labels
// without a value, which mean the same as no label (prometheus.io/docs/concepts/data_model).
func sortLabels(labels []telemetry.Label) []telemetry.Label {
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

// identity returns the canonical ID of a series. Different series have different identities.
func identity(name string, labels []telemetry.Label) string {
	id := appendName(nil, name)
	separator := byte('{')
	for _, l := range labels {
		id = append(id, separator)
		id = append(appendName(id, l.Key), '=')
		id = strconv.AppendQuote(id, l.Value)
		separator = ','
	}
	if len(labels) > 0 {
		id = append(id, '}')
	}
	return string(id)
}

// appendName appends a name, in quotes if it needs them.
func appendName(to []byte, name string) []byte {
	if strings.ContainsAny(name, " \t=,\"{}\\\n") {
		return strconv.AppendQuote(to, name)
	}
	return append(to, name...)
}

// sweep ends a gather. It removes the series that were on none of the last pages.
func (r *Reader) sweep(out *telemetry.Batch) {
	before := r.byID.Len() + len(r.byIdentity)
	r.byID.Sweep(out)
	for key, h := range r.byIdentity {
		if r.round-h.lastRound >= maxUnseenRounds {
			delete(r.byIdentity, key)
		}
	}
	if r.byID.Len()+len(r.byIdentity) != before {
		r.recount()
	}
}
