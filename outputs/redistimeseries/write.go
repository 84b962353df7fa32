package redistimeseries

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// attempts bounds how often series may vanish (the server is emptied or fails over) during one write.
const attempts = 4

// refusedAgain is how long a series that Redis refused is left alone: what was in its way may be removed meanwhile.
const refusedAgain = time.Minute

var errVanishing = errors.New("series vanish as fast as they are made: does the server evict keys? " +
	"set maxmemory-policy noeviction, or raise maxmemory")

// WriteMetrics implements [outputs.MetricWriter]. Writing the same batches again changes nothing: a sample has its
// time, and the last value for a time stays.
func (w *Writer) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	if w.client == nil {
		return errNotOpen
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if now := time.Now(); now.Sub(w.renewed) > refusedAgain {
		w.epoch, w.renewed = w.epoch+1, now
	}
	stop := w.client.CutOn(ctx)
	defer stop()
	w.batches = append(w.withLife(batches), batches...)
	defer clear(w.batches) // what is written must not be kept alive
	w.advanced = false
	got, err := w.write(ctx, w.batches)
	got.settled = max(0, got.settled-(len(w.batches)-len(batches))) // the sign of life is not counted
	w.pace.adapt(got.settled, err)
	if err != nil {
		w.epoch++
		w.shards.Close() // the name may lead to another server by now, or want another password
		return w.partial(got, w.client.Explain(ctx, err))
	}
	w.claimHost(ctx)
	if rejected := got.rejected.reject(got.words); rejected != nil {
		return rejected
	}
	return nil
}

// partial is the error of a write that was cut short.
func (w *Writer) partial(got outcome, err error) error {
	if got.settled == 0 && !w.advanced {
		return err
	}
	return &outputs.PartialError{Settled: got.settled, Rejected: got.rejected.reject(got.words), Err: err}
}

// withLife begins the batches with the sign of life: one sample at the time of the newest batch, so that writing it
// again does nothing either.
func (w *Writer) withLife(batches []*telemetry.Batch) []*telemetry.Batch {
	newest := int64(0)
	for _, b := range batches {
		newest = max(newest, b.Time)
	}
	if newest == 0 {
		return w.batches[:0]
	}
	life := telemetry.NewBatch(time.UnixMilli(newest), time.Time{}, 1)
	life.Add(w.alive, 1)
	return append(w.batches[:0], life)
}

// outcome is how far a write got.
type outcome struct {
	settled  int // samples, from the first on; only of a write that was cut short
	rejected tally
	words    string // about those that were rejected for other reasons
}

// write creates missing series, sends, and does both again for samples that did not find their series: it was gone, or in
// a cluster had moved.
func (w *Writer) write(ctx context.Context, batches []*telemetry.Batch) (outcome, error) {
	if w.config.compacts() {
		w.moves = w.shards.Moves() // a slot takes its series along, but not their rules: they are looked at again
	}
	var all outcome
	var front outcome // where the first sample is that is not settled yet
	lost, how := false, direct
	for i := range attempts {
		err := w.ensure(ctx, batches)
		var sent round
		if err == nil {
			sent, err = w.send(ctx, batches, &all, how)
		}
		if i == 0 {
			front = sent.front
		}
		switch {
		case err != nil:
			return front, err
		case sent.again.Len() == 0:
			w.vanishing = lost
			return all, nil
		case sent.moved != "":
			how = w.follow(sent.moved)
		default:
			lost = true
			w.reportGone(ctx, sent.gone)
		}
		batches = []*telemetry.Batch{&sent.again}
	}
	if how != direct {
		return front, redisconn.ServerError("TRYAGAIN slots are moving to and fro")
	}
	return front, errVanishing
}

// round is what became of the samples of one round.
type round struct {
	front outcome
	again telemetry.Batch       // did not find their series
	gone  int                   // series that those belong to
	moved redisconn.ServerError // because of this redirection
}

// send writes what can be written, the parts for different servers side by side, and adds what was rejected to all.
func (w *Writer) send(ctx context.Context, batches []*telemetry.Batch, all *outcome, how manner) (round, error) {
	var skipped tally
	parts, err := w.split(ctx, batches, &skipped, how)
	if err != nil {
		return round{}, err
	}
	if len(parts) == 1 {
		parts[0].send(ctx)
	} else {
		var wg sync.WaitGroup
		for _, p := range parts {
			wg.Go(func() { p.send(ctx) })
		}
		wg.Wait()
	}
	var out round
	err = w.resolveDoubts(parts)
	for _, p := range parts {
		if p.err != nil {
			err = p.err
		}
		out.moved = cmp.Or(out.moved, p.moved)
	}
	if err != nil || out.moved != "" || anyOpen(parts) {
		out.front = w.frontOf(batches, parts)
	}
	if err != nil {
		return out, err
	}
	all.rejected.merge(&skipped)
	for _, p := range parts {
		if p.moved == "" {
			all.rejected.merge(&p.enc.skipped)
			p.res.count(&all.rejected)
			all.words = cmp.Or(all.words, p.res.words)
		}
		out.gone += p.collect(&out.again)
	}
	return out, nil
}

// anyOpen reports whether samples of these parts did not find their series.
func anyOpen(parts []*part) bool {
	for _, p := range parts {
		if len(p.res.vanished) > 0 {
			return true
		}
	}
	return false
}
