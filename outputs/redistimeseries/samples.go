package redistimeseries

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// verdict is what became of one sample of a write.
type verdict uint8

const (
	open      verdict = iota // not answered; it must be written again
	gone                     // Redis did not find its series; it must be written again
	undecided                // not sent, because its series could not be created; see judgeUncreated
	accepted
	tooOld     // older than the retention of its series
	duplicate  // its series has a sample at this time, and the policy BLOCK
	notValid   // Redis cannot parse the time or the value
	notFinite  // NaN or infinite, which Redis does not accept
	unwritable // Redis refuses its series
	refusedOther
	verdicts
)

// settled reports whether nothing more has to be done for the sample.
func (v verdict) settled() bool { return v >= accepted }

// reason is the name under which the agent counts rejected samples.
func (v verdict) reason() string {
	switch v {
	case tooOld:
		return "too_old"
	case duplicate:
		return "duplicate"
	case notValid:
		return "not_valid"
	case notFinite:
		return "not_finite"
	case unwritable:
		return "series_refused"
	default:
		return outputs.Other
	}
}

// explain describes the reason to people. Refusal is the server's text for samples without a verdict of their own.
func (v verdict) explain(refusal string) string {
	switch v {
	case tooOld:
		return "older than the retention of their series, or these have samples from the future (see \"Wrong clocks\" in docs/operating.md)"
	case duplicate:
		return "at a time that is taken in a series with policy BLOCK"
	case notValid:
		return "with a time or value that Redis cannot read"
	case notFinite:
		return "not a number or infinite"
	case unwritable:
		return "of series that Redis refuses"
	default:
		return "refused: " + refusal
	}
}

// sampleList holds the samples of one write and a verdict for each. Samples are numbered through all batches, from 0.
type sampleList struct {
	batches  []*telemetry.Batch
	own      int // samples before the caller's: the liveness sample, or none
	verdicts []verdict
	refusal  string // text of the first refusal that became refusedOther
}

// reset starts a write. The first own samples are not the caller's.
func (l *sampleList) reset(batches []*telemetry.Batch, own int) {
	total := 0
	for _, b := range batches {
		total += b.Len()
	}
	l.batches, l.own, l.refusal = batches, own, ""
	l.verdicts = slices.Grow(l.verdicts[:0], total)[:total]
	clear(l.verdicts)
}

// reopen marks the samples that must be sent again.
func (l *sampleList) reopen() {
	for i, v := range l.verdicts {
		if !v.settled() {
			l.verdicts[i] = open
		}
	}
}

// replace gives all samples with one verdict another.
func (l *sampleList) replace(from, to verdict) {
	for i, v := range l.verdicts {
		if v == from {
			l.verdicts[i] = to
		}
	}
}

// settledPrefix returns how many of the caller's samples, from the first on, are settled.
func (l *sampleList) settledPrefix() int {
	n := slices.IndexFunc(l.verdicts, func(v verdict) bool { return !v.settled() })
	if n < 0 {
		n = len(l.verdicts)
	}
	return max(0, n-l.own)
}

// rejected describes the rejected ones among the caller's first n samples. It returns nil if there are none.
func (l *sampleList) rejected(n int) *outputs.RejectError {
	var counts [verdicts]int
	for _, v := range l.verdicts[l.own:][:n] {
		counts[v]++
	}
	rejected := outputs.RejectError{Reasons: map[string]int{}}
	var errs []error
	for v := accepted + 1; v < verdicts; v++ {
		if n := counts[v]; n > 0 {
			rejected.N += n
			rejected.Reasons[v.reason()] += n
			errs = append(errs, fmt.Errorf("%d %s", n, v.explain(l.refusal)))
		}
	}
	if rejected.N == 0 {
		return nil
	}
	rejected.Err = errors.Join(errs...)
	return &rejected
}

// cursor walks over the samples of a list. Its zero position is before the first sample.
type cursor struct {
	*sampleList
	batch   *telemetry.Batch
	index   int // of the batch after this one
	first   int // number of the first sample of the batch
	end     int // number after its last sample
	current int // number of the next sample
}

// enterBatch moves to the batch that holds the next sample. It returns false if there is none.
func (c *cursor) enterBatch() bool {
	for c.current >= c.end {
		if c.index == len(c.batches) {
			return false
		}
		c.batch = c.batches[c.index]
		c.first, c.end = c.end, c.end+c.batch.Len()
		c.index++
	}
	return true
}

// at returns a sample by its number. It is cheap if numbers mostly ascend.
func (c *cursor) at(number int) (s *telemetry.Series, ms int64, v float64) {
	if number < c.first {
		c.index, c.first, c.end = 0, 0, 0
	}
	c.current = number
	c.enterBatch()
	return c.batch.Sample(number - c.first)
}
