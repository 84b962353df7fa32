package agent

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

const (
	// minFirstDelta is the least distance between the gather at start and the first aligned one. Kernel counters
	// tick in hundredths of a second: rates over less are noise.
	minFirstDelta = 250 * time.Millisecond

	// maxPhase bounds by how much agents are spread behind the instant that their samples carry.
	maxPhase = 50 * time.Millisecond

	// observerLag is how long after the other inputs those are asked that report on them.
	observerLag = 25 * time.Millisecond

	// slowGather is the time from which a gather is marked as slow in the debug log.
	slowGather = time.Second

	// After maxPanics panics in a row an input is asked only every parkedPause.
	maxPanics   = 5
	parkedPause = 5 * time.Minute
)

// poller asks one input on its interval.
type poller struct {
	input   Input
	timeout time.Duration
	phase   time.Duration
	stats   *selfstat.Input
	log     *slog.Logger
	emit    emitter
	health  health
	batches telemetry.Maker
	panics  int // in a row
	late    atomic.Bool
}

func newPoller(in Input, host string, stats *selfstat.Input, h health, emit emitter) *poller {
	p := &poller{input: in, stats: stats, log: h.log, emit: emit, timeout: in.Timeout, health: h}
	if p.timeout == 0 {
		p.timeout = in.Interval
	}
	p.phase = phase(host, in.Interval)
	if _, ok := in.Live.Gatherer.(plugins.Observer); ok {
		p.phase += min(in.Interval/20, observerLag)
	}
	return p
}

// phase spreads the agents of many hosts over a small part of the interval, always the same for the same host. The
// inputs of one agent work at the same moment: waking up for each of them costs more than most of them do.
func phase(host string, interval time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = io.WriteString(h, host)
	return time.Duration(h.Sum32()) * time.Microsecond % (min(interval/20, maxPhase) + 1)
}

// run polls until ctx is done: once at start, so that there is something to see and rates have a baseline, and then
// at every multiple of the interval. A gather that is running then may go on until gathers is done.
func (p *poller) run(ctx, gathers context.Context, start time.Time) {
	defer p.close()
	if !p.open(ctx) {
		return
	}
	scheduled := start
	if next := nextTick(start, start, p.input.Interval); next.Sub(start) < minFirstDelta {
		scheduled = next
	}
	for {
		if !sleep(ctx, time.Until(scheduled.Add(p.phase))) {
			return
		}
		p.gather(gathers, scheduled)
		if p.panics >= maxPanics && !sleep(ctx, parkedPause) {
			return
		}
		next := nextTick(time.Now(), scheduled, p.input.Interval)
		if missed := (next.Sub(scheduled) - 1) / p.input.Interval; missed > 0 {
			p.stats.Missed.Add(int64(missed))
		}
		scheduled = next
	}
}

// nextTick is the first multiple of the interval after now. It is never the last tick again: a timer may fire a
// little early by the wall clock. A clock that was set back by more than an interval is followed.
func nextTick(now, last time.Time, interval time.Duration) time.Time {
	next := now.Truncate(interval).Add(interval)
	if !next.After(last) && last.Sub(now) < interval {
		next = next.Add(interval)
	}
	return next
}

func (p *poller) open(ctx context.Context) bool {
	opener, ok := p.input.Live.Gatherer.(plugins.Opener)
	if !ok {
		return ctx.Err() == nil
	}
	return openRetrying(ctx, opener.Open, &p.health)
}

// openRetrying calls open until it succeeds; false means ctx was done first.
func openRetrying(ctx context.Context, open func(context.Context) error, h *health) bool {
	var pause backoff
	for ctx.Err() == nil {
		err := recovered(func() error { return open(ctx) })
		if err == nil {
			h.ok("input opened")
			return true
		}
		d := pause.next()
		h.fail("input cannot be opened, will retry", err, keyRetryIn, d.Round(time.Millisecond))
		sleep(ctx, d)
	}
	return false
}

func (p *poller) close() {
	if c, ok := p.input.Live.Gatherer.(io.Closer); ok {
		if err := c.Close(); err != nil {
			p.log.Warn("input did not close cleanly", keyError, err)
		}
	}
}

// gather asks once and emits what there is, even if there was an error as well.
func (p *poller) gather(ctx context.Context, scheduled time.Time) {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	overdue := time.AfterFunc(p.timeout, p.overdue)
	began := time.Now()
	b := p.batches.New(scheduled, began)
	err := recovered(func() error { return p.input.Live.Gatherer.Gather(limited, b) })
	onTime := overdue.Stop()
	took := time.Since(began)

	p.stats.Gathered(took, b.Len(), len(b.Events))
	reportRejections(b, p.stats, p.log)
	p.batches.Filled(b.Len())
	if b.Weight() > 0 {
		p.input.attribute(b)
		p.emit(ctx, b, false)
	}
	p.log.Debug("gathered", keySamples, b.Len(), keyTook, took, "slow", took > slowGather)
	if onTime && p.late.Swap(false) {
		p.log.Info("input answers in time again")
	}
	p.report(ctx, err, onTime)
}

// overdue runs beside a gather that has not come back in time. It says so while the gather hangs: afterwards may be
// never.
func (p *poller) overdue() {
	p.stats.Timeouts.Add(1)
	if !p.late.Swap(true) {
		const message = "input takes longer than its timeout; others go on"
		p.log.Warn(message, "timeout", p.timeout)
		p.health.tell(telemetry.Warning, message)
	}
}

func (p *poller) report(ctx context.Context, err error, onTime bool) {
	var crash *panicError
	if !errors.As(err, &crash) {
		p.panics = 0
	}
	switch {
	case err == nil:
		p.stats.LastSuccess.Store(time.Now().UnixNano())
		if onTime {
			p.health.ok("input works again")
		}
	case ctx.Err() != nil: // stopping: we cut the gather short
	case crash != nil:
		p.panics++
		p.stats.Errors.Add(1)
		p.health.fail("input crashed; please report this", err, "stack", string(crash.stack))
	default:
		p.stats.Errors.Add(1)
		p.health.fail("input failed", err)
	}
}

// panicError is a plugin's panic as an error.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recovered calls f and turns a panic into an error: the agent never dies of a plugin.
func recovered(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
		}
	}()
	return f()
}
