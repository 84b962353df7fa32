package redistimeseries

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// definition holds the options with which a series is created. All series that match the same override and have the same
// interval and kind share one.
type definition struct {
	Settings
	chunk       int64            // bytes
	compactions []compactionRule // what Redis compacts out of the series
}

// compactionRule describes one compaction of a series.
type compactionRule struct {
	agg    Aggregation
	bucket Retention
	target *definition // of the compacted series
}

// name tells the compactions of a series apart in keys: "avg:1m".
func (r *compactionRule) name() string { return compactionName(r.agg, r.bucket) }

// definitionKey holds everything that the definition of a series depends on.
type definitionKey struct {
	override int // index, or -1
	interval time.Duration
	kind     telemetry.Kind
}

// definitionOf returns the definition of a series. The first override that matches its metric applies.
func (w *Writer) definitionOf(s *telemetry.Series) *definition {
	if s == w.liveness {
		return w.livenessDefinition
	}
	key := definitionKey{override: -1, interval: s.Interval(), kind: s.Kind()}
	for i := range w.config.Overrides {
		if w.config.Overrides[i].Match.Match(s.Name()) {
			key.override = i
			break
		}
	}
	d := w.definitions[key]
	if d == nil {
		d = w.newDefinition(key)
		w.definitions[key] = d
	}
	return d
}

func (w *Writer) newDefinition(key definitionKey) *definition {
	s := w.config.Settings
	if key.override >= 0 {
		s = w.config.Overrides[key.override].apply(s)
	}
	if !w.supportsIgnore {
		s.Ignore = nil
	}
	d := &definition{Settings: s, chunk: chunkSize(s, key.interval, rawSample)}
	for _, c := range s.Compactions {
		aggregations := c.aggregations()
		if key.kind == telemetry.Counter {
			aggregations = []Aggregation{"first", "last"} // both are needed to see a reset between two buckets; averages mean nothing
		}
		compacted := Settings{Retention: c.Keep, Encoding: s.Encoding, ChunkSize: s.ChunkSize, DuplicatePolicy: policyLast, Labels: s.Labels}
		for _, agg := range aggregations {
			d.compactions = append(d.compactions, compactionRule{agg: agg, bucket: c.Every, target: &definition{
				Settings: compacted, chunk: chunkSize(compacted, time.Duration(c.Every)*time.Millisecond, compactedSample),
			}})
		}
	}
	return d
}

// lifetime returns how long Redis must keep an ephemeral series after its last sample: the longest of its TTL, its
// retention and the retentions of its compactions. It returns 0 if one of them is unlimited.
func (d *definition) lifetime(ttl time.Duration) time.Duration {
	longest := ttl
	retentions := []Retention{d.Retention}
	for _, c := range d.compactions {
		retentions = append(retentions, c.target.Retention)
	}
	for _, r := range retentions {
		if r == 0 {
			return 0
		}
		longest = max(longest, time.Duration(min(r, math.MaxInt64/Retention(time.Millisecond)))*time.Millisecond)
	}
	return min(longest, math.MaxInt64/2) // with room for expirySlack
}

// Memory of a series in RedisTimeSeries 8.0.5, in bytes, measured with TS.INFO (memoryUsage) for chunks from 64 to 4096
// bytes; see docs/adr/0008-memory.md.
const (
	seriesCost      = 190 // without labels and chunks
	labelCost       = 60
	chunkCost       = 570 // without the samples in it
	rawSample       = 2   // an average over what the agent writes: constant values take 0.3, noisy percentages 8
	compactedSample = 8   // averages use all digits
	fullSample      = 16  // not compressed
)

// The chunk sizes between which auto chooses. The largest is the server's default.
const (
	smallestAuto = 128
	largestAuto  = 4096
)

// chunkSize chooses the size of chunks. B bytes in chunks of size s need B/s chunks, each with an overhead of chunkCost, and
// about one more chunk is empty. The sum is smallest for s² = chunkCost · B.
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

// samples returns how many samples a series holds once its retention has passed.
func (s *Settings) samples(interval time.Duration) float64 {
	return float64(s.Retention) * float64(time.Millisecond) / float64(interval)
}

func (s *Settings) cost(sample float64) float64 {
	if s.Encoding == "uncompressed" {
		return fullSample
	}
	return sample
}

// appendCreateOptions appends the arguments of TS.CREATE between the key and the labels.
func (d *definition) appendCreateOptions(args []string, labels []telemetry.Label) []string {
	if d.Encoding != "" {
		args = append(args, "ENCODING", string(d.Encoding))
	}
	return d.appendAlterOptions(args, labels, seriesInfo{})
}

// appendAlterOptions appends the arguments of TS.ALTER between the key and the labels. TS.ALTER cannot change the encoding.
//
// The server looks for the name of each option in all arguments, labels included, and takes the first match. It would refuse
// a series with the label cause="encoding", or create it with other options. So every option that a label could be mistaken
// for is given before the labels.
func (d *definition) appendAlterOptions(args []string, labels []telemetry.Label, current seriesInfo) []string {
	if d.Encoding == "" && mentionAny(labels, "ENCODING", "COMPRESSED", "UNCOMPRESSED") {
		args = append(args, "ENCODING", "COMPRESSED")
	}
	args = append(args, "RETENTION", strconv.FormatInt(int64(d.Retention), 10), "CHUNK_SIZE", strconv.FormatInt(d.chunk, 10),
		"DUPLICATE_POLICY", string(d.DuplicatePolicy))
	if i := d.ignoreOrZero(); i != current.ignore || i != (Ignore{}) || mentionAny(labels, "IGNORE") {
		args = append(args, "IGNORE", strconv.FormatInt(int64(i.MaxTimeDiff), 10), strconv.FormatFloat(i.MaxValDiff, 'g', -1, 64))
	}
	return args
}

// mentionAny reports whether one of the words is a key or a value of the labels, in upper or lower case.
func mentionAny(labels []telemetry.Label, words ...string) bool {
	for _, l := range labels {
		for _, w := range words {
			if strings.EqualFold(l.Key, w) || strings.EqualFold(l.Value, w) {
				return true
			}
		}
	}
	return false
}

func (d *definition) ignoreOrZero() Ignore {
	if d.Ignore == nil {
		return Ignore{}
	}
	return *d.Ignore
}
