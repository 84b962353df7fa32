package tsread

import (
	"context"
	"math"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// maxTime is the last time that Redis knows.
const maxTime = math.MaxInt64

// Range selects samples of one series.
type Range struct {
	Key         string
	From, To    int64  // first and last time in milliseconds; To at most [math.MaxInt64]
	Newest      bool   // only the newest sample
	Latest      bool   // of a compaction, also the open bucket
	Aggregation string // such as "max"; "": raw samples
	Bucket      int64  // period that becomes one sample, in milliseconds, at least 1; only with Aggregation
	Align       int64  // time at which a bucket begins
	Limit       int    // the oldest samples; 0: all
}

// page is how many samples Redis returns at once: a day at 10 s. That takes it a few milliseconds.
const page = 10_000

// aggregated is how many samples Redis may aggregate for one reply. A sample costs it a tenth of one that it returns.
const aggregated = 10 * page

// inFlight is how many samples Redis may have to return before it serves another client.
const inFlight = 40_000

// assumedInterval is the time between two samples from which the size of a reply is estimated, in milliseconds.
const assumedInterval = 10_000

// Samples reads samples of many series. The result has one element for each range, with the oldest sample first. A series that does not
// exist has no samples.
//
// If count is not nil, it is called with the number of samples before they are read; its error ends the reading and is returned. It may be
// called concurrently.
func (r *Reader) Samples(ctx context.Context, ranges []Range, count func(n int) error) ([][]Sample, error) {
	if count == nil {
		count = func(int) error { return nil }
	}
	read := &reading{samples: make([][]Sample, len(ranges)), count: count}
	for i := range ranges {
		read.rest = append(read.rest, part{i, ranges[i]})
	}
	if len(ranges) == 0 {
		return nil, nil
	}
	err := r.use(ctx, func(shards *redisconn.Shards) error {
		for len(read.rest) > 0 {
			if err := read.next(ctx, shards); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return read.samples, nil
}

// part is what is left to read of a range.
type part struct {
	index int // of the range
	Range
}

// reading is the state of [Reader.Samples].
type reading struct {
	samples [][]Sample
	rest    []part
	count   func(int) error
}

// next reads one page of each range that is not complete.
func (d *reading) next(ctx context.Context, shards *redisconn.Shards) error {
	parts := d.rest
	replies := make([][]Sample, len(parts))
	err := shards.Do(ctx, redisconn.Commands{
		Len:    len(parts),
		Slot:   func(i int) int { return shards.Slot(parts[i].Key) },
		Append: func(buf []byte, i int) []byte { return parts[i].append(buf) },
		Reply: func(i int, from *redisconn.Reader) (err error) {
			replies[i], err = parseSamples(from, d.count)
			return err
		},
		Ahead: ahead(parts),
	})
	if err != nil {
		return err
	}
	d.rest = nil
	for i, p := range parts {
		d.samples[p.index] = joinSamples(d.samples[p.index], replies[i])
		if rest, ok := p.after(replies[i]); ok {
			d.rest = append(d.rest, part{p.index, rest})
		}
	}
	return nil
}

func joinSamples(a, b []Sample) []Sample {
	if a == nil {
		return b
	}
	return append(a, b...)
}

// ahead returns how many ranges may be asked for before the first is answered.
func ahead(parts []part) int {
	most := int64(1)
	for i := range parts {
		most = max(most, parts[i].cost())
	}
	return int(min(inFlight/most, 256))
}

// cost estimates the costs of one reply, in samples that are returned.
func (p *Range) cost() int64 {
	if p.Newest {
		return 1
	}
	samples := (p.To - p.From) / assumedInterval
	if p.Aggregation != "" {
		return min(samples, aggregated) * page / aggregated
	}
	return min(samples, int64(p.count()))
}

// after returns what is left of a range when the given samples have been read.
func (p *Range) after(read []Sample) (rest Range, more bool) {
	rest = *p
	if p.Newest || len(read) < p.count() || len(read) == p.Limit {
		return rest, false
	}
	if rest.Limit > 0 {
		rest.Limit -= len(read)
	}
	rest.From = read[len(read)-1].Time + max(1, p.Bucket)
	return rest, rest.From <= rest.To
}

// count returns how many samples to ask for.
func (p *Range) count() int {
	switch {
	case p.Newest:
		return 1
	case p.Limit > 0:
		return min(p.Limit, p.page())
	}
	return p.page()
}

// page returns how many samples Redis may return at once.
func (p *Range) page() int {
	if p.Aggregation == "" {
		return page
	}
	return int(max(1, min(aggregated/max(p.Bucket/assumedInterval, 1), page)))
}

func (p *Range) append(buf []byte) []byte {
	n := 6
	if p.Latest {
		n++
	}
	if p.Aggregation != "" {
		n += 5
	}
	buf = redisconn.AppendCommand(buf, n)
	if p.Newest {
		buf = redisconn.AppendArg(buf, "TS.REVRANGE")
	} else {
		buf = redisconn.AppendArg(buf, "TS.RANGE")
	}
	buf = redisconn.AppendArg(buf, p.Key)
	buf = redisconn.AppendInt(buf, max(p.From, 0))
	if p.To == maxTime {
		buf = redisconn.AppendArg(buf, "+")
	} else {
		buf = redisconn.AppendInt(buf, max(p.To, 0))
	}
	if p.Latest {
		buf = redisconn.AppendArg(buf, "LATEST")
	}
	buf = redisconn.AppendArg(buf, "COUNT")
	buf = redisconn.AppendInt(buf, int64(p.count()))
	if p.Aggregation == "" {
		return buf
	}
	buf = redisconn.AppendArg(buf, "ALIGN")
	buf = redisconn.AppendInt(buf, p.Align)
	buf = redisconn.AppendArg(buf, "AGGREGATION")
	buf = redisconn.AppendArg(buf, p.Aggregation)
	return redisconn.AppendInt(buf, p.Bucket)
}

// parseSamples parses a reply to TS.RANGE: a list of [time, value].
func parseSamples(from *redisconn.Reader, count func(int) error) ([]Sample, error) {
	n, err := from.ArrayUpTo(page)
	if err != nil {
		if refusal, ok := err.(redisconn.ServerError); ok && isMissing(refusal) { //nolint:errorlint // never wrapped
			return nil, nil // it has expired
		}
		return nil, err
	}
	if n == 0 {
		return nil, nil
	}
	if err := count(n); err != nil {
		return nil, err
	}
	samples := make([]Sample, n)
	for i := range samples {
		if err := expectArray(from, 2, "parts of a sample"); err != nil {
			return nil, inReply("TS.RANGE", err)
		}
		if samples[i], err = parseTimeAndValue(from); err != nil {
			return nil, inReply("TS.RANGE", err)
		}
	}
	return samples, nil
}
