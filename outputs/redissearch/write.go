package redissearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// WriteEvents implements [outputs.EventWriter]. Writing the same events again changes nothing, because the key of a document only
// depends on the event's ID.
//
// Every write ends with a check of the index, with one command. If the index is gone (the server was emptied, or a failover led to an
// empty one), it is created again, and RediSearch indexes what was written meanwhile.
func (w *Writer) WriteEvents(ctx context.Context, events []telemetry.Event) error {
	if w.client == nil {
		return errNotOpen
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := w.client.CutOn(ctx)
	defer stop()
	var r rejections
	settled, err := w.writeAndCheckIndex(ctx, events, &r)
	if err == nil {
		return r.toError()
	}
	w.indexReady = false
	w.shards.Reset()
	err = w.client.Explain(ctx, err)
	if settled > 0 {
		err = &outputs.PartialError{Settled: settled, Rejected: r.toRejectError(), Err: err}
	}
	return err
}

// writeAndCheckIndex stores events and checks the index. It returns how many events, from the first on, are settled. Stored events are
// settled even if the check fails, because RediSearch indexes them as soon as the index exists.
func (w *Writer) writeAndCheckIndex(ctx context.Context, events []telemetry.Event, r *rejections) (settled int, err error) {
	if !w.indexReady {
		if err := w.ensureIndex(ctx); err != nil {
			return 0, err
		}
	}
	unexpired := w.withoutExpired(events)
	v, err := w.storeDocuments(ctx, unexpired)
	settled = w.countSettled(events, v.countSettled(r), r)
	if err != nil {
		return settled, err
	}
	in, exists, err := w.readInfo(ctx)
	if err != nil {
		return settled, err
	}
	if !exists {
		w.log.Warn("the search index is gone; creating it again", "index", w.config.Index)
		return settled, w.ensureIndex(ctx)
	}
	if missing, err := w.config.compareIndex(in); err != nil || len(missing) > 0 {
		return settled, w.ensureIndex(ctx)
	}
	w.countIndexFailures(in, len(unexpired), r)
	w.enforceLimit(ctx, in.documents)
	return settled, nil
}

// isExpired reports whether an event's time to live had passed at a given time.
func (w *Writer) isExpired(e *telemetry.Event, now time.Time) bool {
	return w.config.TTL != 0 && !e.Time.After(now.Add(-w.config.TTL.D()))
}

// withoutExpired returns the events whose time to live has not passed yet. It stores the current time for countSettled.
func (w *Writer) withoutExpired(events []telemetry.Event) []telemetry.Event {
	w.writeStart = time.Now()
	expired := func(e telemetry.Event) bool { return w.isExpired(&e, w.writeStart) }
	if w.config.TTL == 0 || !slices.ContainsFunc(events, expired) {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), expired)
}

// countSettled returns how many of all events are settled if the given number of unexpired ones is settled. It counts the expired ones
// among them as rejected.
func (w *Writer) countSettled(events []telemetry.Event, unexpired int, r *rejections) (settled int) {
	expired := 0
	for i := range events {
		if w.isExpired(&events[i], w.writeStart) {
			expired++
		} else if unexpired--; unexpired < 0 {
			break
		}
		settled++
	}
	r.addReason("too_old", expired, fmt.Sprintf("older than the ttl, %v", w.config.TTL))
	return settled
}

// storeDocuments writes documents in a pipeline.
func (w *Writer) storeDocuments(ctx context.Context, events []telemetry.Event) (*writeResults, error) {
	v := newWriteResults(w.isClustered(), w.repliesPerDocument(), len(events))
	err := w.shards.Do(ctx, redisconn.Commands{
		Len: len(events),
		Slot: func(i int) int {
			return w.shards.Slot(string(w.appendKey(nil, &events[i])))
		},
		Append: func(buf []byte, i int) []byte { return w.appendEvent(buf, &events[i]) },
		Reply:  v.readReplies,
	})
	if err == nil {
		err = v.retryError()
	}
	return v, err
}

// countIndexFailures counts documents of this write that the index refused. FT.INFO has the number of all refusals and the key of the
// last one. Other agents write as well, so the new refusals only count if that key is ours.
func (w *Writer) countIndexFailures(in indexInfo, written int, r *rejections) {
	n := in.failures - w.knownFailures
	w.knownFailures = in.failures
	ours := strings.HasPrefix(in.lastKey, w.config.KeyPrefix) && strings.Contains(in.lastKey, "-"+w.instance+"-")
	if n <= 0 || !ours || strings.HasPrefix(in.lastError, "Key does not exist") { // JSON.DEL counts as a refusal with this text
		return
	}
	r.addReason("not_indexed", int(min(n, int64(written))), fmt.Sprintf("stored, but refused by index %s: %s (%s)", w.config.Index, in.lastError, in.lastKey))
}

// rejections counts the events of a write that the index will not find, by reason.
type rejections struct {
	n       int
	errs    []error
	reasons map[string]int
}

func (r *rejections) addReason(reason string, n int, why string) {
	if n > 0 {
		r.n += n
		r.errs = append(r.errs, fmt.Errorf("%d %s", n, why))
		if r.reasons == nil {
			r.reasons = map[string]int{}
		}
		r.reasons[reason] += n
	}
}

// toRejectError returns the rejections as an error, or nil if there are none.
func (r *rejections) toRejectError() *outputs.RejectError {
	if r.n == 0 {
		return nil
	}
	return &outputs.RejectError{N: r.n, Err: errors.Join(r.errs...), Reasons: r.reasons}
}

func (r *rejections) toError() error {
	if rejected := r.toRejectError(); rejected != nil {
		return rejected
	}
	return nil
}
