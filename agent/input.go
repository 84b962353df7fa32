package agent

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// input is one live input. Its goroutine opens it, polls and runs it, and closes it.
type input struct {
	spec   Input
	live   plugins.Input
	source string // the label "source" of its events
	stats  *selfstat.Input
	log    *slog.Logger
	router *router
	host   string

	poller *poller // nil if the input is not polled
	runner *runner // nil if no data is pushed to the input

	warnUnclaimed sync.Once

	// Set before run is called.
	ctx           context.Context // done when the input must stop
	gathers       context.Context // done when a gather that is still running must end
	cancel        context.CancelFunc
	cancelGathers context.CancelFunc
	done          chan struct{} // closed when the input has stopped
}

func newInput(spec Input, live plugins.Input, stats *selfstat.Input, a *Agent) *input {
	in := &input{
		spec: spec, live: live, stats: stats, log: a.log.With(keyInput, spec.ID), router: &a.router, host: a.host,
		done: make(chan struct{}),
	}
	in.source, _, _ = strings.Cut(spec.ID, "#") // the alias
	if live.Gatherer != nil {
		in.poller = newPoller(in)
	}
	if live.Runner != nil {
		in.runner = &runner{input: in, health: in.newHealth(partRun)}
	}
	return in
}

// Parts of the condition of an input.
const (
	partOpen    = "open"
	partGather  = "gather"
	partTimeout = "timeout"
	partRun     = "run"
)

// newHealth returns the health of a part of the input.
func (in *input) newHealth(part string) health {
	return health{log: in.log, emitStatus: in.emitStatus, condition: &in.stats.Condition, part: part}
}

// component returns the value that may implement [plugins.Opener] and io.Closer.
func (in *input) component() any {
	if in.live.Runner != nil {
		return in.live.Runner
	}
	return in.live.Gatherer
}

// run opens the input, works until in.ctx is done, and closes it.
func (in *input) run(start time.Time) {
	defer close(in.done)
	defer in.close()
	if !in.open(in.ctx) {
		return
	}
	var both sync.WaitGroup
	if in.runner != nil {
		both.Go(func() { in.runner.run(in.ctx) })
	}
	if in.poller != nil {
		both.Go(func() { in.poller.run(in.ctx, in.gathers, start) })
	}
	both.Wait()
}

// open opens the input, retrying until it succeeds. It reports false if ctx was done first.
func (in *input) open(ctx context.Context) bool {
	opener, ok := in.component().(plugins.Opener)
	if !ok {
		if in.poller == nil { // a poll says more
			in.stats.Condition.Succeed(partOpen)
		}
		return ctx.Err() == nil
	}
	h := in.newHealth(partOpen)
	var backoff pause.Backoff
	for ctx.Err() == nil {
		err := crew.Catch(func() error { return opener.Open(ctx) })
		if err == nil {
			h.reportSuccess("input opened")
			return true
		}
		d := backoff.Next()
		h.reportFailure("input cannot be opened, will retry", err, keyRetryIn, d.Round(time.Millisecond))
		pause.Sleep(ctx, d)
	}
	return false
}

func (in *input) close() {
	if c, ok := in.component().(io.Closer); ok {
		if err := crew.Catch(c.Close); err != nil {
			in.log.Warn("input did not close cleanly", keyError, err)
		}
	}
}

// emit completes the events of a batch and hands it to the outputs. It counts events that no output takes and, for an input
// that exists for events, warns once.
func (in *input) emit(ctx context.Context, b *telemetry.Batch, policy plugins.WhenFull) {
	in.attribute(b)
	unclaimed := in.router.emit(ctx, b, policy)
	if unclaimed == 0 {
		return
	}
	in.stats.Unclaimed.Add(int64(unclaimed))
	if in.runner != nil {
		in.warnUnclaimed.Do(func() {
			in.log.Warn("events are dropped, no output accepts them; add redissearch, redis_streams or sqlite to outputs")
		})
	}
}

// attribute sets the source of events, unless the input has set it.
func (in *input) attribute(b *telemetry.Batch) {
	for i := range b.Events {
		if e := &b.Events[i]; e.Source == "" {
			e.Source = in.source
		}
	}
}

// emitStatus emits a failure or recovery of the input as an event, so that it is found beside the lines that the input
// would have collected.
func (in *input) emitStatus(severity telemetry.Severity, message string) {
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	b.Events = []telemetry.Event{{Severity: severity, Host: in.host, App: "rtcollector", Message: in.spec.ID + ": " + message}}
	in.attribute(b)
	in.stats.Unclaimed.Add(int64(in.router.emit(context.Background(), b, in.spec.WhenFull.WithoutWaiting())))
}
