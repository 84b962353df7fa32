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
	settled, err := w.write(ctx, events, &r)
	if err == nil {
		return r.err()
	}
	w.ready = false
	w.shards.Close() // the name may lead to another server by now, or want another password
	err = w.client.Explain(ctx, err)
	if settled > 0 {
		err = &outputs.PartialError{Settled: settled, Rejected: r.reject(), Err: err}
	}
	return err
}

// write returns how many events are settled, from the first on. Those that are stored stay settled when looking at the
// index fails: RediSearch takes them in as soon as the index is there.
func (w *Writer) write(ctx context.Context, events []telemetry.Event, r *rejections) (settled int, err error) {
	if !w.ready {
		if err := w.ensure(ctx); err != nil {
			return 0, err
		}
	}
	lasting := w.lasting(events)
	v, err := w.store(ctx, lasting)
	settled = w.position(events, v.settled(r), r)
	if err != nil {
		return settled, err
	}
	in, exists, err := w.inspect(ctx)
	if err != nil {
		return settled, err
	}
	if !exists {
		w.log.Warn("the search index is gone, making it again", "index", w.config.Index)
		return settled, w.ensure(ctx)
	}
	if missing, err := w.config.compare(in); err != nil || len(missing) > 0 {
		return settled, w.ensure(ctx)
	}
	w.countRefused(in, len(lasting), r)
	w.limit(ctx, in.documents)
	return settled, nil
}

// isOver reports whether an event's time to live was over at a moment.
func (w *Writer) isOver(e *telemetry.Event, now time.Time) bool {
	return w.config.TTL != 0 && !e.Time.After(now.Add(-w.config.TTL.D()))
}

// lasting returns the events without those whose time to live is over already. It keeps the moment for position.
func (w *Writer) lasting(events []telemetry.Event) []telemetry.Event {
	w.began = time.Now()
	over := func(e telemetry.Event) bool { return w.isOver(&e, w.began) }
	if w.config.TTL == 0 || !slices.ContainsFunc(events, over) {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), over)
}

// position returns how many of all events are settled when so many of the lasting ones are, and counts those among them
// whose time is over.
func (w *Writer) position(events []telemetry.Event, lasting int, r *rejections) (settled int) {
	old := 0
	for i := range events {
		if w.isOver(&events[i], w.began) {
			old++
		} else if lasting--; lasting < 0 {
			break
		}
		settled++
	}
	r.add("too_old", old, fmt.Sprintf("older than the ttl, %v", w.config.TTL))
	return settled
}

// store writes the documents, pipelined.
func (w *Writer) store(ctx context.Context, events []telemetry.Event) (*verdicts, error) {
	v := newVerdicts(w.clustered(), w.replies(), len(events))
	err := w.shards.Do(ctx, redisconn.Commands{
		Len: len(events),
		Slot: func(i int) int {
			return w.shards.Slot(string(w.appendKey(nil, &events[i])))
		},
		Append: func(buf []byte, i int) []byte { return w.appendEvent(buf, &events[i]) },
		Reply:  v.receive,
	})
	if err == nil {
		err = v.err()
	}
	return v, err
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

// reject returns nil when nothing was rejected.
func (r *rejections) reject() *outputs.RejectError {
	if r.n == 0 {
		return nil
	}
	return &outputs.RejectError{N: r.n, Err: errors.Join(r.errs...), Reasons: r.reasons}
}

func (r *rejections) err() error {
	if rejected := r.reject(); rejected != nil {
		return rejected
	}
	return nil
}
