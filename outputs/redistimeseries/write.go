package redistimeseries

import (
	"context"
	"errors"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// attempts bounds how often one write starts again because series vanished (the server was emptied or failed over) or
	// slots moved, or asks once more about series that were refused.
	attempts = 4

	// retryRefusedAfter is how long a refused series is left alone. By then, the obstacle may have been removed.
	retryRefusedAfter = time.Minute
)

var errVanishing = errors.New("series vanish as fast as they are created: does the server evict keys? " +
	"set maxmemory-policy noeviction, or raise maxmemory")

// WriteMetrics implements [outputs.MetricWriter]. Writing the same batches again changes nothing, because every sample has a
// time and the last value for a time stays.
func (w *Writer) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	if w.client == nil {
		return errNotOpen
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.now = time.Now()
	if w.now.Sub(w.retryStarted) > retryRefusedAfter {
		w.retry, w.retryStarted = w.retry+1, w.now
	}
	stop := w.client.CutOn(ctx)
	defer stop()
	defer w.release()
	w.begin(batches)
	err := w.write(ctx)
	settled := len(w.samples.verdicts) - w.samples.own
	if err != nil {
		settled = w.samples.settledPrefix()
	}
	w.commandSize.adapt(settled, err)
	if err != nil {
		w.retry++
		w.shards.Reset()
		err = w.client.Explain(ctx, err)
		if settled == 0 && !w.progressed {
			return err
		}
		return &outputs.PartialError{Settled: settled, Rejected: w.samples.rejected(settled), Err: err}
	}
	w.forgetEnded(batches)
	w.markHost(ctx)
	if rejected := w.samples.rejected(settled); rejected != nil {
		return rejected
	}
	return nil
}

// begin prepares a write. It puts the liveness sample first, at the time of the newest batch, so that writing it again
// changes nothing either.
func (w *Writer) begin(batches []*telemetry.Batch) {
	newest := int64(0)
	for _, b := range batches {
		newest = max(newest, b.Time)
	}
	w.batches = w.batches[:0]
	if newest != 0 {
		first := telemetry.NewBatch(time.UnixMilli(newest), time.Time{}, 1)
		first.Add(w.liveness, 1)
		w.batches = append(w.batches, first)
	}
	own := len(w.batches)
	w.batches = append(w.batches, batches...)
	w.samples.reset(w.batches, own)
	w.progressed, w.askAgain, w.askedAgain = false, false, false
}

// release drops the references to what was written, so that the batches can be freed.
func (w *Writer) release() {
	clear(w.batches)
	w.request.batch = nil
	clear(w.expiries)
	clear(w.uncreated)
}

// write creates missing series and sends the samples. It starts again for the samples whose series vanished, whose slot
// moved to another node of the cluster, or whose series may have been refused by a server that was in another state a moment ago.
func (w *Writer) write(ctx context.Context) error {
	vanished, route := false, toOwner
	for i := range attempts {
		if i > 0 {
			w.samples.reopen()
		}
		if err := w.ensure(ctx, w.batches); err != nil {
			return err
		}
		redirection, err := w.send(ctx, route)
		series := w.forgetGone()
		switch {
		case err != nil:
			return err
		case redirection != "":
			route = w.follow(redirection)
		case series > 0:
			vanished = true
			w.reportGone(ctx, series)
		case w.askAgain:
		default:
			w.vanished = vanished
			return nil
		}
	}
	switch {
	case w.askAgain:
		return redisconn.ServerError(w.uncreated[0].refusal)
	case route != toOwner:
		return redisconn.ServerError("TRYAGAIN slots keep moving")
	}
	return errVanishing
}

// forgetGone makes the next ensure create the series that Redis did not find. It returns their number.
func (w *Writer) forgetGone() (series int) {
	c := cursor{sampleList: &w.samples}
	for number, v := range w.samples.verdicts {
		if v != gone {
			continue
		}
		s, _, _ := c.at(number)
		if e := w.entryOf(s); e.status != unknown {
			e.status = unknown
			series++
		}
	}
	return series
}

// commandSize is how many samples one command carries. The server executes a command as a whole, so a connection that breaks
// costs the command that was under way. On a path that breaks often, smaller commands still make progress.
type commandSize int

const (
	// fullCommand is the usual size. Larger commands gain nothing, and block the server for longer.
	fullCommand commandSize = 500

	// smallestCommand is the size on a path on which next to nothing gets through.
	smallestCommand commandSize = 16

	// cautiousStep is how many new series are created in one step after a failure.
	cautiousStep = 64
)

// adapt learns from a write. After a failure, an eighth of what got through is a size that will get through. Each success
// doubles the size.
func (s *commandSize) adapt(settled int, err error) {
	switch {
	case err == nil:
		*s = min(2**s, fullCommand)
	case settled == 0:
		*s = max(*s/4, smallestCommand)
	default:
		*s = min(max(commandSize(settled/8), smallestCommand), fullCommand)
	}
}

// seriesPerStep returns how many of n new series are created before their samples are sent.
func (s commandSize) seriesPerStep(n int) int {
	if s == fullCommand {
		return max(n, 1)
	}
	return cautiousStep
}
