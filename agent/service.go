package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// runner keeps one input running that things are pushed to.
type runner struct {
	input  Input
	stats  *selfstat.Input
	log    *slog.Logger
	health health
	emit   emitter
}

// run calls the input's Run until ctx is done, and again after a pause when it ends before.
func (r *runner) run(ctx context.Context) {
	if c, ok := r.input.Live.Runner.(io.Closer); ok {
		defer c.Close()
	}
	if opener, ok := r.input.Live.Runner.(plugins.Opener); ok && !openRetrying(ctx, opener.Open, &r.health) {
		return
	}
	var pause backoff
	for ctx.Err() == nil {
		began := time.Now()
		err := recovered(func() error { return r.input.Live.Runner.Run(ctx, r) })
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended without being told to")
		}
		if time.Since(began) > longestPause {
			pause.reset()
		}
		r.stats.Errors.Add(1)
		d := pause.next()
		r.health.fail("input ended, will be started again", err, keyRetryIn, d.Round(time.Millisecond))
		sleep(ctx, d)
	}
}

// Emit counts what the input emits and passes it on; it waits for room, if that is wanted.
func (r *runner) Emit(ctx context.Context, b *telemetry.Batch) {
	r.stats.Gathered(0, b.Len(), len(b.Events))
	reportRejections(b, r.stats, r.log)
	r.stats.LastSuccess.Store(time.Now().UnixNano())
	r.input.attribute(b)
	r.emit(ctx, b, true)
}
