package agent

import (
	"context"
	"errors"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// steadyRun is how long Run must have worked before the pauses after it start again with the shortest one.
const steadyRun = 30 * time.Second

// runner keeps an input running that data is pushed to.
type runner struct {
	input  *input
	health health
}

// run calls the input's Run until ctx is done. When Run ends earlier, it is called again after a pause.
func (r *runner) run(ctx context.Context) {
	var backoff pause.Backoff
	for ctx.Err() == nil {
		began := time.Now()
		steady := time.AfterFunc(steadyRun, r.succeed)
		err := crew.Catch(func() error { return r.input.live.Runner.Run(ctx, r) })
		steady.Stop()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended without being told to")
		}
		if time.Since(began) > steadyRun {
			backoff.Reset()
		}
		r.input.stats.Errors.Add(1)
		d := backoff.Next()
		r.health.reportFailure("input ended, will be started again", err, keyRetryIn, d.Round(time.Millisecond))
		pause.Sleep(ctx, d)
	}
}

// succeed notes that the input works: it has emitted something, or did not end for a while.
func (r *runner) succeed() { r.input.stats.Condition.Succeed(partRun) }

// Emit implements [plugins.Emitter].
func (r *runner) Emit(ctx context.Context, b *telemetry.Batch) {
	in := r.input
	r.succeed()
	in.stats.RecordGather(0, b.Len(), len(b.Events))
	in.stats.LastSuccess.Store(time.Now().UnixNano())
	reportRejections(b, in.stats, in.log)
	in.emit(ctx, b, in.spec.WhenFull)
}
