package redistimeseries

import (
	"cmp"
	"context"
	"errors"
	"time"

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
		w.pipe.Close() // the name may lead to another server by now, or want another password
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

// write makes missing series, sends, and does both again for samples whose series was gone.
func (w *Writer) write(ctx context.Context, batches []*telemetry.Batch, rejected *tally) (words string, err error) {
	lost := false
	for range attempts {
		if err := w.ensure(ctx, batches); err != nil {
			return "", err
		}
		w.enc.reset(w, batches)
		w.res.reset(w.leads(batches))
		if err := w.pipe.Exchange(ctx, w.enc.chunk, w.res.receive); err != nil {
			return "", err
		}
		rejected.merge(&w.enc.skipped)
		rejected.merge(&w.res.rejected)
		words = cmp.Or(words, w.res.words)
		if len(w.res.vanished) == 0 {
			w.vanishing = lost
			return words, nil
		}
		again := w.findLost(batches)
		if lost = true; !w.vanishing {
			w.log.Warn("series are gone from redis, making them again", "samples", again.Len())
		}
		w.vanishing = true
		batches = []*telemetry.Batch{again}
	}
	return "", errVanishing
}

// leads says whether the first sample that is sent is the sign of life.
func (w *Writer) leads(batches []*telemetry.Batch) bool {
	if len(batches) == 0 || batches[0].Len() == 0 {
		return false
	}
	s, _, _ := batches[0].Sample(0)
	return s == w.alive && w.entryOf(s).state == ready
}

// findLost walks over the samples once more and picks those whose numbers were noted: their series is gone.
func (w *Writer) findLost(batches []*telemetry.Batch) *telemetry.Batch {
	lost := &telemetry.Batch{}
	var counted tally // already
	c := cursor{w: w, batches: batches}
	n := 0
	for _, number := range w.res.vanished {
		for ; n <= number; n++ {
			c.next(&counted)
		}
		s, ms, v := c.sample()
		lost.AddAt(s, v, ms)
	}
	for i := range lost.Len() {
		s, _, _ := lost.Sample(i)
		w.entryOf(s).state = unknown // only now: the walk needs the states as they were
	}
	return lost
}
