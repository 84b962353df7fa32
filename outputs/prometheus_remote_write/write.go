package prometheusremotewrite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// searchAfter is how many answers 5xx in a row begin the search for the sample that causes them.
	searchAfter = 3

	// searchPause is the least pause between two requests of the search.
	searchPause = 30 * time.Millisecond

	// maxSplits bounds how many requests of one write are split because of some of their samples.
	maxSplits = 64
)

// search is the search for a sample that the receiver always answers with 5xx. It halves the suspects at each answer.
type search struct {
	failures int  // answers 5xx in a row
	suspects int  // the next samples, one of which is the cause; 0: no search
	passed   bool // other samples were accepted during the search, so the receiver works
	tries    int  // of the only suspect
}

// WriteMetrics implements [outputs.MetricWriter]. It sends one request after the other, so that the samples of a series stay in order. What
// was answered is settled.
func (w *Writer) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	if w.target == nil {
		return errNotOpen
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.collect(batches)
	defer func() {
		clear(w.samples) // they must not stay alive here
		clear(w.stale)
		clear(w.request.series)
		clear(w.request.index)
	}()
	run := run{Writer: w, limit: w.size, splits: maxSplits}
	err := run.sendAll(ctx)
	if err == nil {
		w.sendStale(ctx)
	}
	switch {
	case err == nil && run.rejected == nil:
		return nil
	case err == nil:
		return run.rejected
	case run.settled > 0 || run.progress:
		return &outputs.PartialError{Settled: run.settled, Rejected: run.rejected, Err: err}
	}
	return err
}

// staleNaN is the value that means that no more samples of a series follow (remote write 1.0, "Stale Markers").
const staleNaN = 0x7ff0000000000002

// collect gathers the samples of batches, and the stale markers of the series that ended.
func (w *Writer) collect(batches []*telemetry.Batch) {
	w.samples, w.stale = w.samples[:0], w.stale[:0]
	for _, b := range batches {
		for i := range b.Len() {
			series, ms, v := b.Sample(i)
			w.samples = append(w.samples, sample{w.prepare(series), ms, v})
		}
		for _, series := range b.Ended() {
			// A millisecond later, because the batch may also have the last sample.
			w.stale = append(w.stale, sample{w.prepare(series), b.Time + 1, math.Float64frombits(staleNaN)})
		}
	}
}

// sendStale sends the stale markers. Without them, queries show the last sample for some minutes more, so a failure does not matter.
func (w *Writer) sendStale(ctx context.Context) {
	for chunk := range slices.Chunk(w.stale, w.size) {
		w.request.fill(chunk, sinceOf(time.Now(), w.config.MaxAge.D()))
		if len(w.request.points) == 0 {
			continue
		}
		if v := w.post(ctx, w.encode()); v.action == fallBack {
			w.fallBack()
			w.post(ctx, w.encode())
		}
	}
}

// run is one write.
type run struct {
	*Writer
	settled  int
	rejected *outputs.RejectError // nil: none
	limit    int                  // samples in the next request
	splits   int                  // how often a request may still be split because of some of its samples
	progress bool                 // something was learned although the write failed
}

// sendAll sends the samples that are not settled.
func (r *run) sendAll(ctx context.Context) error {
	for r.settled < len(r.samples) {
		chunk := r.next()
		v := r.send(ctx, chunk)
		if v.action == search5x {
			v = r.judge5x(ctx, chunk, v)
		}
		switch v.action {
		case done:
			r.succeed(len(chunk))
		case fallBack:
			r.fallBack()
		case halve:
			if len(chunk) == 1 {
				r.reject(chunk, v)
				continue
			}
			r.size = len(chunk) / 2
			r.limit = r.size
		case reject:
			if len(chunk) > 1 && r.splits > 0 && v.stored < 0 && concernsSamples(v.reason) {
				r.splits--
				r.limit = len(chunk) / 2
				continue
			}
			r.reject(chunk, v)
		default:
			return v.err
		}
	}
	return nil
}

// next returns the samples of the next request.
func (r *run) next() []sample {
	n := min(r.limit, len(r.samples)-r.settled)
	if r.search.suspects > 0 {
		n = min(n, max(r.search.suspects/2, 1))
	}
	return r.samples[r.settled : r.settled+n]
}

// send sends samples in one request. Those that are too old, or replaced by another one with the same time, are counted as rejected.
func (r *run) send(ctx context.Context, chunk []sample) verdict {
	expired, duplicates := r.request.fill(chunk, sinceOf(time.Now(), r.config.MaxAge.D()))
	v := verdict{action: done, stored: -1}
	if len(r.request.points) > 0 {
		v = r.post(ctx, r.encode())
	}
	if v.action == done {
		r.count(expired, reasonExpired, fmt.Errorf("older than max_age (%s)", r.config.MaxAge))
		r.count(duplicates, reasonDuplicate, errors.New("another sample of the same series has the same time"))
	}
	return v
}

// succeed settles n samples that were accepted. Requests grow again.
func (r *run) succeed(n int) {
	r.settled += n
	r.limit = min(2*r.limit, r.size)
	s := &r.search
	s.failures = 0
	if s.suspects > 0 {
		s.suspects = max(s.suspects-n, 0)
		s.passed = true
	}
	if s.suspects == 0 {
		*s = search{}
	}
}

// reject settles samples that the receiver refuses for good.
func (r *run) reject(chunk []sample, v verdict) {
	r.settled += len(chunk)
	r.limit = min(2*r.limit, r.size)
	r.search = search{}
	r.count(len(chunk)-max(v.stored, 0), v.reason, v.err)
}

// count counts rejected samples.
func (r *run) count(n int, reason string, err error) {
	if n <= 0 {
		return
	}
	if r.rejected == nil {
		r.rejected = &outputs.RejectError{Err: err, Reasons: map[string]int{}}
	}
	r.rejected.N += n
	r.rejected.Reasons[reason] += n
}

// judge5x decides about samples whose request was answered with 5xx. After a few such answers in a row it searches for the sample that
// causes them. Only a sample without which the receiver works, or that was tried too often, is rejected.
func (r *run) judge5x(ctx context.Context, chunk []sample, v verdict) verdict {
	s := &r.search
	s.failures++
	if s.suspects == 0 && s.failures < searchAfter {
		return v
	}
	s.suspects = len(chunk)
	r.progress = true
	if len(chunk) > 1 {
		v.err = outputs.RetryAfter(v.err, max(outputs.RetryDelay(v.err), searchPause))
		return v
	}
	s.tries++
	if s.passed || s.tries >= r.config.MaxTries || r.acceptsOther(ctx, chunk[0]) {
		v.action, v.reason, v.stored = reject, reasonServerError, -1
		return v
	}
	r.progress = false // the pauses grow
	return v
}

// acceptsOther reports whether the receiver accepts the next sample of another series. It is sent again in its turn.
func (r *run) acceptsOther(ctx context.Context, suspect sample) bool {
	for i, s := range r.samples[r.settled:] {
		if s.series.encoded == suspect.series.encoded {
			continue
		}
		other := r.samples[r.settled+i : r.settled+i+1]
		r.request.fill(other, sinceOf(time.Now(), r.config.MaxAge.D()))
		return len(r.request.points) > 0 && r.post(ctx, r.encode()).action == done
	}
	return false
}
