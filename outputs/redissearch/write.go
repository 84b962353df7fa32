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

// WriteEvents implements [outputs.EventWriter]. Writing the same events again changes nothing: the key of a document
// is made of what the agent gave the event once.
//
// The index is looked at after every write, with one command: if it is gone (the server was emptied, or failed over
// to an empty one) it is made again, and RediSearch takes in what was written meanwhile.
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
	if err := w.write(ctx, events, &r); err != nil {
		w.ready = false
		w.shards.Close() // the name may lead to another server by now, or want another password
		return w.client.Explain(ctx, err)
	}
	return r.err()
}

func (w *Writer) write(ctx context.Context, events []telemetry.Event, r *rejections) error {
	if !w.ready {
		if err := w.ensure(ctx); err != nil {
			return err
		}
	}
	events = w.lasting(events, r)
	if err := w.store(ctx, events, r); err != nil {
		return err
	}
	in, exists, err := w.inspect(ctx)
	if err != nil {
		return err
	}
	if !exists {
		w.log.Warn("the search index is gone, making it again", "index", w.config.Index)
		return w.ensure(ctx)
	}
	if missing, err := w.config.compare(in); err != nil || len(missing) > 0 {
		return w.ensure(ctx)
	}
	w.countRefused(in, len(events), r)
	w.limit(ctx, in.documents)
	return nil
}

// lasting leaves out the events whose time to live is over already.
func (w *Writer) lasting(events []telemetry.Event, r *rejections) []telemetry.Event {
	if w.config.TTL == 0 {
		return events
	}
	oldest := time.Now().Add(-w.config.TTL.D())
	old := func(e telemetry.Event) bool { return !e.Time.After(oldest) }
	if !slices.ContainsFunc(events, old) {
		return events
	}
	kept := slices.DeleteFunc(slices.Clone(events), old)
	r.add("too_old", len(events)-len(kept), fmt.Sprintf("older than the ttl, %v", w.config.TTL))
	return kept
}

// store writes the documents, pipelined.
func (w *Writer) store(ctx context.Context, events []telemetry.Event, r *rejections) error {
	v := verdicts{clustered: w.clustered(), replies: w.replies()}
	err := w.shards.Do(ctx, redisconn.Commands{
		Len: len(events),
		Slot: func(i int) int {
			return w.shards.Slot(string(w.appendKey(nil, &events[i])))
		},
		Append: func(buf []byte, i int) []byte { return w.appendEvent(buf, &events[i]) },
		Reply:  v.receive,
	})
	if err != nil {
		return err
	}
	return v.settle(len(events), r)
}

// countRefused finds out whether the index refused documents of this write. It counts refusals and names the last
// one; others write as well, so only a name of ours lets us count them as ours.
func (w *Writer) countRefused(in info, written int, r *rejections) {
	n := in.failures - w.failures
	w.failures = in.failures
	ours := strings.HasPrefix(in.lastKey, w.config.KeyPrefix) && strings.Contains(in.lastKey, "-"+w.instance+"-")
	if n <= 0 || !ours || strings.HasPrefix(in.lastError, "Key does not exist") { // which is what JSON.DEL counts as
		return
	}
	r.add("not_indexed", int(min(n, int64(written))), fmt.Sprintf("stored, but refused by index %s: %s (%s)", w.config.Index, in.lastError, in.lastKey))
}

// rejections are the events that will not be found, and why.
type rejections struct {
	n       int
	errs    []error
	reasons map[string]int
}

func (r *rejections) add(reason string, n int, why string) {
	if n > 0 {
		r.n += n
		r.errs = append(r.errs, fmt.Errorf("%d %s", n, why))
		if r.reasons == nil {
			r.reasons = map[string]int{}
		}
		r.reasons[reason] += n
	}
}

func (r *rejections) err() error {
	if r.n == 0 {
		return nil
	}
	return &outputs.RejectError{N: r.n, Err: errors.Join(r.errs...), Reasons: r.reasons}
}
