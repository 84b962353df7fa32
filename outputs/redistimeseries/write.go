package redistimeseries

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// attempts bounds how often series may vanish (the server is emptied or fails over) during one write.
const attempts = 4

// refusedAgain is how long a series that Redis refused is left alone: somebody may have removed what was in its way.
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
	var rejected tally
	words, err := w.write(ctx, w.batches, &rejected)
	if err != nil {
		w.epoch++
		w.shards.Close() // the name may lead to another server by now, or want another password
		return w.client.Explain(ctx, err)
	}
	return rejected.err(words)
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

// write makes missing series, sends, and does both again for samples that did not find their series: it was gone, or in
// a cluster had moved.
func (w *Writer) write(ctx context.Context, batches []*telemetry.Batch, rejected *tally) (words string, err error) {
	lost, how := false, direct
	if w.config.compacts() {
		w.moves = w.shards.Moves() // a slot takes its series along, but not their rules: they are looked at again
	}
	for range attempts {
		if err := w.ensure(ctx, batches); err != nil {
			return "", err
		}
		parts, err := w.split(ctx, batches, rejected, how)
		if err != nil {
			return "", err
		}
		out := w.send(ctx, parts)
		if out.err != nil {
			return "", out.err
		}
		rejected.merge(&out.rejected)
		words = cmp.Or(words, out.words)
		switch {
		case out.again.Len() == 0:
			w.vanishing = lost
			return words, nil
		case out.moved != "":
			how = w.follow(out.moved)
		default:
			if lost = true; !w.vanishing {
				w.log.Warn("series are gone from redis, making them again", "samples", out.again.Len())
			}
			w.vanishing = true
		}
		batches = []*telemetry.Batch{&out.again}
	}
	if how != direct {
		return "", redisconn.ServerError("TRYAGAIN slots are moving to and fro")
	}
	return "", errVanishing
}

// outcome is what became of the samples of one round.
type outcome struct {
	err      error                 // ends the write
	again    telemetry.Batch       // did not find their series
	moved    redisconn.ServerError // because of this redirection
	rejected tally
	words    string
}

// send writes the parts side by side.
func (w *Writer) send(ctx context.Context, parts []*part) outcome {
	if len(parts) == 1 {
		parts[0].send(ctx)
	} else {
		var wg sync.WaitGroup
		for _, p := range parts {
			wg.Go(func() { p.send(ctx) })
		}
		wg.Wait()
	}
	var out outcome
	for _, p := range parts {
		switch {
		case p.err != nil:
			return outcome{err: p.err}
		case p.moved != "":
			out.moved = p.moved
		default:
			out.rejected.merge(&p.enc.skipped)
			out.rejected.merge(&p.res.rejected)
			out.words = cmp.Or(out.words, p.res.words)
		}
		p.collect(&out.again)
	}
	return out
}
