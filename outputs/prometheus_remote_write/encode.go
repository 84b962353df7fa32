package prometheusremotewrite

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/golang/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// sample is a sample with what is cached for its series.
type sample struct {
	series *prepared
	ms     int64
	value  float64
}

// request is one request. Its memory is used again for the next one.
type request struct {
	index   map[string]int // of a series, by its labels
	series  []*prepared
	points  []point // ordered by series and time
	message []byte
	body    []byte

	symbols map[string]uint32 // of version 2
	texts   []string
	refs    []byte
}

// point is a sample of a request.
type point struct {
	series int
	ms     int64
	value  float64
}

// fill sets the samples of the request. Each series occurs once, with its samples in the order of time; of several samples at one time
// the last one counts. Samples older than since are left out.
func (r *request) fill(samples []sample, since int64) (expired, duplicates int) {
	if r.index == nil {
		r.index = map[string]int{}
	}
	clear(r.index)
	r.series, r.points = r.series[:0], r.points[:0]
	for _, s := range samples {
		if s.ms < since {
			expired++
			continue
		}
		i, ok := r.index[s.series.encoded]
		if !ok {
			i = len(r.series)
			r.index[s.series.encoded] = i
			r.series = append(r.series, s.series)
		}
		r.points = append(r.points, point{i, s.ms, s.value})
	}
	slices.SortStableFunc(r.points, func(a, b point) int { return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.ms, b.ms)) })
	kept := r.points[:0]
	for _, p := range r.points {
		if n := len(kept); n > 0 && kept[n-1].series == p.series && kept[n-1].ms == p.ms {
			kept[n-1] = p
			duplicates++
			continue
		}
		kept = append(kept, p)
	}
	r.points = kept
	return expired, duplicates
}

// sinceOf returns the time of the oldest sample that is sent.
func sinceOf(now time.Time, maxAge time.Duration) int64 {
	if maxAge == 0 {
		return math.MinInt64
	}
	return now.Add(-maxAge).UnixMilli()
}

// encode returns the body: the message of a version, compressed as a snappy block. It is valid until the next call.
func (w *Writer) encode() []byte {
	r := &w.request
	r.message = r.message[:0]
	if w.version == Version2 {
		w.encodeVersion2()
	} else {
		r.encodeVersion1()
	}
	r.body = snappy.Encode(r.body[:cap(r.body)], r.message)
	return r.body
}

// eachSeries calls f with each series and its points.
func (r *request) eachSeries(f func(*prepared, []point)) {
	for at := 0; at < len(r.points); {
		end := at + 1
		for end < len(r.points) && r.points[end].series == r.points[at].series {
			end++
		}
		f(r.series[r.points[at].series], r.points[at:end])
		at = end
	}
}

// encodeVersion1 appends a prometheus.WriteRequest (prompb/remote.proto).
func (r *request) encodeVersion1() {
	r.eachSeries(func(p *prepared, points []point) {
		r.message = protowire.AppendTag(r.message, 1, protowire.BytesType) // WriteRequest.timeseries
		r.message = protowire.AppendVarint(r.message, uint64(len(p.encoded)+sizeOfPoints(points)))
		r.message = append(r.message, p.encoded...)
		r.message = appendPoints(r.message, points)
	})
}

// encodeVersion2 appends an io.prometheus.write.v2.Request (prompb/io/prometheus/write/v2/types.proto).
func (w *Writer) encodeVersion2() {
	r := &w.request
	if r.symbols == nil {
		r.symbols = map[string]uint32{}
	}
	clear(r.symbols)
	r.texts = r.texts[:0]
	r.symbol("") // the first symbol is always the empty text
	r.eachSeries(func(p *prepared, points []point) {
		r.refs = r.refs[:0]
		for _, l := range p.labels {
			r.refs = protowire.AppendVarint(r.refs, uint64(r.symbol(l.Key)))
			r.refs = protowire.AppendVarint(r.refs, uint64(r.symbol(l.Value)))
		}
		kind, help, unit := w.metadata(p)
		sizeOfMetadata := 1 + protowire.SizeVarint(kind) + 1 + protowire.SizeVarint(help) + 1 + protowire.SizeVarint(unit)
		size := 1 + protowire.SizeBytes(len(r.refs)) + sizeOfPoints(points) + 1 + protowire.SizeBytes(sizeOfMetadata)
		m := protowire.AppendTag(r.message, 5, protowire.BytesType) // Request.timeseries
		m = protowire.AppendVarint(m, uint64(size))
		m = protowire.AppendBytes(protowire.AppendTag(m, 1, protowire.BytesType), r.refs) // TimeSeries.labels_refs
		m = appendPoints(m, points)
		m = protowire.AppendVarint(protowire.AppendTag(m, 5, protowire.BytesType), uint64(sizeOfMetadata)) // TimeSeries.metadata
		m = protowire.AppendVarint(protowire.AppendTag(m, 1, protowire.VarintType), kind)
		m = protowire.AppendVarint(protowire.AppendTag(m, 3, protowire.VarintType), help)
		r.message = protowire.AppendVarint(protowire.AppendTag(m, 4, protowire.VarintType), unit)
	})
	for _, text := range r.texts {
		r.message = protowire.AppendString(protowire.AppendTag(r.message, 4, protowire.BytesType), text) // Request.symbols
	}
}

// metadata returns the type of a metric and the symbols of its help and unit.
func (w *Writer) metadata(p *prepared) (kind, help, unit uint64) {
	kind = 2 // METRIC_TYPE_GAUGE
	if p.kind == telemetry.Counter {
		kind = 1
	}
	if w.describe != nil {
		if doc, ok := w.describe(p.metric); ok {
			help = uint64(w.request.symbol(doc.Help()))
		}
	}
	return kind, help, uint64(w.request.symbol(string(p.unit)))
}

// symbol returns the number of a text.
func (r *request) symbol(text string) uint32 {
	n, ok := r.symbols[text]
	if !ok {
		n = uint32(len(r.texts))
		r.symbols[text] = n
		r.texts = append(r.texts, text)
	}
	return n
}

// sizeOfPoint returns the size of a message Sample, which both versions have: value and timestamp.
func sizeOfPoint(p point) int { return 1 + 8 + 1 + protowire.SizeVarint(uint64(p.ms)) }

func sizeOfPoints(points []point) (size int) {
	for _, p := range points {
		size += 1 + protowire.SizeBytes(sizeOfPoint(p))
	}
	return size
}

// appendPoints appends the samples of a TimeSeries.
func appendPoints(m []byte, points []point) []byte {
	for _, p := range points {
		m = protowire.AppendVarint(protowire.AppendTag(m, 2, protowire.BytesType), uint64(sizeOfPoint(p)))
		m = protowire.AppendFixed64(protowire.AppendTag(m, 1, protowire.Fixed64Type), math.Float64bits(p.value))
		m = protowire.AppendVarint(protowire.AppendTag(m, 2, protowire.VarintType), uint64(p.ms))
	}
	return m
}
