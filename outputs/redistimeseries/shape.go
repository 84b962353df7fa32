package redistimeseries

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// shape is what a series is made with, worked out once for all that are alike.
type shape struct {
	Settings
	chunk int64  // bytes
	tiers []tier // what is compacted out of it
}

// tier is one compaction of a series.
type tier struct {
	agg    Aggregation
	bucket Retention
	shape  *shape
}

// alike is what the shape of a series depends on.
type alike struct {
	override int // index, or -1
	interval time.Duration
	kind     telemetry.Kind
}

// shapeOf returns what a series is made with. The first override that matches its metric counts.
func (w *Writer) shapeOf(s *telemetry.Series) *shape {
	if s == w.alive {
		return w.life
	}
	key := alike{override: -1, interval: s.Interval(), kind: s.Kind()}
	for i := range w.config.Overrides {
		if w.config.Overrides[i].Match.Match(s.Name()) {
			key.override = i
			break
		}
	}
	sh := w.shapes[key]
	if sh == nil {
		sh = w.newShape(key)
		w.shapes[key] = sh
	}
	return sh
}

func (w *Writer) newShape(a alike) *shape {
	s := w.config.Settings
	if a.override >= 0 {
		s = w.config.Overrides[a.override].apply(s)
	}
	if !w.ignores {
		s.Ignore = nil
	}
	sh := &shape{Settings: s, chunk: chunkSize(s, a.interval, rawSample)}
	for _, c := range s.Compactions {
		aggs := c.aggregations()
		if a.kind == telemetry.Counter {
			aggs = []Aggregation{"last"} // the average of a total means nothing
		}
		ts := Settings{Retention: c.Keep, Encoding: s.Encoding, ChunkSize: s.ChunkSize, DuplicatePolicy: policyLast, Labels: s.Labels}
		for _, agg := range aggs {
			sh.tiers = append(sh.tiers, tier{agg: agg, bucket: c.Every, shape: &shape{
				Settings: ts, chunk: chunkSize(ts, time.Duration(c.Every)*time.Millisecond, tierSample),
			}})
		}
	}
	return sh
}

// What a series takes in RedisTimeSeries 8.0.5, in bytes, found with TS.INFO (memoryUsage) for chunks from 64 to 4096
// bytes; see docs/adr/0008-memory.md.
const (
	seriesCost = 190 // without labels and chunks
	labelCost  = 60
	chunkCost  = 570 // beside the samples in it
	rawSample  = 2   // an average over what the agent writes: constant ones take 0.3, noisy percentages 8
	tierSample = 8   // averages use all digits
	fullSample = 16  // not compressed
)

// The chunks that auto chooses from. The largest is the server's default.
const (
	smallestAuto = 128
	largestAuto  = 4096
)

// chunkSize chooses the size of chunks. Of B bytes in chunks of size s, B/s chunks cost chunkCost each, and about one
// chunk stands empty: the sum is smallest for s² = chunkCost · B.
func chunkSize(s Settings, interval time.Duration, sampleCost float64) int64 {
	switch {
	case s.ChunkSize != 0:
		return int64(s.ChunkSize)
	case s.Retention == 0 || interval <= 0:
		return largestAuto
	}
	best := math.Sqrt(chunkCost * s.samples(interval) * s.cost(sampleCost))
	size := int64(1) << bits.Len64(uint64(best*math.Sqrt2)) >> 1 // the nearest power of two
	return min(max(size, smallestAuto), largestAuto)
}

// samples is how many a series holds when its retention has passed once.
func (s *Settings) samples(interval time.Duration) float64 {
	return float64(s.Retention) * float64(time.Millisecond) / float64(interval)
}

func (s *Settings) cost(sample float64) float64 {
	if s.Encoding == "uncompressed" {
		return fullSample
	}
	return sample
}

// create are the arguments of TS.CREATE behind the key, up to the labels.
func (sh *shape) create(into []string, labels []telemetry.Label) []string {
	if sh.Encoding != "" {
		into = append(into, "ENCODING", string(sh.Encoding))
	}
	return sh.alter(into, labels, info{})
}

// alter are the arguments of TS.ALTER, which cannot change the encoding.
//
// The server looks for the name of each option in all arguments, labels too, and takes the first that it finds: a series with
// the label cause="encoding" is refused, or made with options that nobody asked for. What could be mistaken is named before.
func (sh *shape) alter(into []string, labels []telemetry.Label, is info) []string {
	if sh.Encoding == "" && mention(labels, "ENCODING", "COMPRESSED", "UNCOMPRESSED") {
		into = append(into, "ENCODING", "COMPRESSED")
	}
	into = append(into, "RETENTION", strconv.FormatInt(int64(sh.Retention), 10), "CHUNK_SIZE", strconv.FormatInt(sh.chunk, 10),
		"DUPLICATE_POLICY", string(sh.DuplicatePolicy))
	if i := sh.ignored(); i != is.ignore || i != (Ignore{}) || mention(labels, "IGNORE") {
		into = append(into, "IGNORE", strconv.FormatInt(int64(i.MaxTimeDiff), 10), strconv.FormatFloat(i.MaxValDiff, 'g', -1, 64))
	}
	return into
}

// mention says whether one of the words is a key or a value of the labels, in upper or lower case.
func mention(labels []telemetry.Label, words ...string) bool {
	for _, l := range labels {
		for _, w := range words {
			if strings.EqualFold(l.Key, w) || strings.EqualFold(l.Value, w) {
				return true
			}
		}
	}
	return false
}

func (sh *shape) ignored() Ignore {
	if sh.Ignore == nil {
		return Ignore{}
	}
	return *sh.Ignore
}
