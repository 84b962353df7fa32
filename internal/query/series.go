package query

import (
	"slices"
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/rtcollector/rtcollector/internal/tsread"
)

// series is a series with the samples that a query needs, the oldest first.
type series struct {
	labels  labels.Labels
	samples []tsread.Sample
}

// Labels implements storage.Series.
func (s *series) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *series) Iterator(reuse chunkenc.Iterator) chunkenc.Iterator {
	it, ok := reuse.(*iterator[int64])
	if !ok {
		it = &iterator[int64]{}
	}
	it.samples, it.at = s.samples, -1
	return it
}

// mergeSeries sorts series by their labels and merges those with the same ones, which exist when keys were named differently at some time.
// Of two samples with the same time, it keeps the one of the later series.
func mergeSeries(all []*series) []*series {
	slices.SortStableFunc(all, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	merged := all[:0]
	for _, s := range all {
		if n := len(merged); n > 0 && labels.Equal(merged[n-1].labels, s.labels) {
			merged[n-1].samples = mergeSamples(merged[n-1].samples, s.samples)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// mergeSamples returns the samples of both lists by time. Of two with the same time, it keeps the one of b.
func mergeSamples(a, b []tsread.Sample) []tsread.Sample {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	case a[len(a)-1].Time < b[0].Time:
		return append(slices.Clip(a), b...)
	}
	out := make([]tsread.Sample, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Time < b[0].Time:
			out, a = append(out, a[0]), a[1:]
		case a[0].Time == b[0].Time:
			a = a[1:]
		default:
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// iterator gives the engine the samples of one series. Time is int64; it is a parameter because go vet takes a Seek(int64) for one of
// package io.
type iterator[Time ~int64] struct {
	samples []tsread.Sample
	at      int // -1 before the first sample
}

// Next implements chunkenc.Iterator.
func (i *iterator[Time]) Next() chunkenc.ValueType { return i.moveTo(i.at + 1) }

// Seek implements chunkenc.Iterator.
func (i *iterator[Time]) Seek(t Time) chunkenc.ValueType {
	from := max(i.at, 0)
	const near = 8 // most steps only move by a few samples
	for n := from; n < min(from+near, len(i.samples)); n++ {
		if i.samples[n].Time >= int64(t) {
			return i.moveTo(n)
		}
	}
	from = min(from+near, len(i.samples))
	return i.moveTo(from + sort.Search(len(i.samples)-from, func(n int) bool { return i.samples[from+n].Time >= int64(t) }))
}

func (i *iterator[Time]) moveTo(n int) chunkenc.ValueType {
	i.at = min(n, len(i.samples))
	if i.at == len(i.samples) {
		return chunkenc.ValNone
	}
	return chunkenc.ValFloat
}

// At implements chunkenc.Iterator.
func (i *iterator[Time]) At() (int64, float64) { return i.samples[i.at].Time, i.samples[i.at].Value }

// AtT implements chunkenc.Iterator.
func (i *iterator[Time]) AtT() int64 { return i.samples[i.at].Time }

// AtST implements chunkenc.Iterator. Redis does not know when a counter started.
func (*iterator[Time]) AtST() int64 { return 0 }

// AtHistogram implements chunkenc.Iterator. Redis has no histograms.
func (*iterator[Time]) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) { return 0, nil }

// AtFloatHistogram implements chunkenc.Iterator.
func (*iterator[Time]) AtFloatHistogram(*histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	return 0, nil
}

// Err implements chunkenc.Iterator.
func (*iterator[Time]) Err() error { return nil }

// seriesSet implements storage.SeriesSet with series that are being read. The engine selects all series of an expression before it
// evaluates it, so that they are read at the same time.
type seriesSet struct {
	pending *selection
	next    int
}

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool {
	<-s.pending.done
	s.next++
	return s.pending.err == nil && s.next <= len(s.pending.series)
}

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series { return s.pending.series[s.next-1] }

// Err implements storage.SeriesSet.
func (s *seriesSet) Err() error {
	<-s.pending.done
	return s.pending.err
}

// Warnings implements storage.SeriesSet.
func (s *seriesSet) Warnings() annotations.Annotations {
	<-s.pending.done
	return s.pending.warnings
}
