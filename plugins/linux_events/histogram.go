package linuxevents

import (
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// histogram are the series of a histogram in the layout of Prometheus: NAME_bucket with the label le counts what took at most so long,
// NAME_sum is in seconds, NAME_count is all. The sum has no unit, because a label for it would keep PromQL from dividing it by the count.
// None of them has a rate: that would double more than twenty series, and histogram_quantile takes rate(NAME_bucket[…]).
type histogram struct {
	first   int // index of the first bound that has a series
	buckets []*telemetry.Series
	sum     *telemetry.Series
	count   *telemetry.Series
}

// newHistogram makes series for the bounds from least to most, and for all that is above.
func newHistogram(f *telemetry.Factory, name string, least, most time.Duration, labels ...telemetry.Label) histogram {
	h := histogram{
		first: -1, sum: f.New(name+"_sum", telemetry.Counter, telemetry.None, labels...),
		count: f.New(name+"_count", telemetry.Counter, telemetry.None, labels...),
	}
	bucket := func(le string) {
		all := append(labels[:len(labels):len(labels)], telemetry.Label{Key: "le", Value: le})
		h.buckets = append(h.buckets, f.New(name+"_bucket", telemetry.Counter, telemetry.None, all...))
	}
	for i, bound := range bpf.HistogramBounds() {
		if bound < least || bound > most {
			continue
		}
		if h.first < 0 {
			h.first = i
		}
		bucket(strconv.FormatFloat(bound.Seconds(), 'g', -1, 64))
	}
	bucket("+Inf")
	return h
}

// addSamples adds what was counted. A bucket counts what the smaller ones do, too.
func (h *histogram) addSamples(out *telemetry.Batch, counted *bpf.Histogram) {
	var sum uint64
	for _, n := range counted.Count[:h.first] {
		sum += n
	}
	last := len(h.buckets) - 1
	for i, s := range h.buckets[:last] {
		sum += counted.Count[h.first+i]
		out.Add(s, float64(sum))
	}
	all := float64(counted.Total())
	out.Add(h.buckets[last], all)
	out.Add(h.count, all)
	out.Add(h.sum, counted.Sum.Seconds())
}
