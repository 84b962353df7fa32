package agent

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

const (
	// observerLag is how much later than the other inputs those are polled that report on them.
	observerLag = 25 * time.Millisecond

	// slowGather is the duration from which the debug log marks a gather as slow.
	slowGather = time.Second

	// maxDeliveryTime is the longest part of the timeout that is kept free for delivering what a gather has read.
	maxDeliveryTime = 250 * time.Millisecond

	// After maxPanics panics in a row an input is polled only every parkedPause.
	maxPanics   = 5
	parkedPause = 5 * time.Minute
)

// poller polls one input on its interval.
type poller struct {
	input   *input
	timeout time.Duration
	delay   time.Duration
	health  health
	batches telemetry.Maker
	panics  int // in a row
	isLate  atomic.Bool
	pulse   pulse

	suspended func() time.Duration              // how long the machine has slept since its start
	slept     time.Duration                     // the same, without the noise of reading two clocks
	wallLead  func(now time.Time) time.Duration // see leadSince
	lead      time.Duration                     // of the wall clock, when slept was measured
}

func newPoller(in *input) *poller {
	p := &poller{input: in, timeout: in.spec.Timeout, health: in.newHealth(partGather), delay: hostPhase(in.host, in.spec.Interval), pulse: newPulse(), wallLead: leadSince(time.Now()), suspended: suspended, slept: suspended()}
	if p.timeout == 0 {
		p.timeout = in.spec.Interval
	}
	if _, ok := in.live.Gatherer.(plugins.Observer); ok {
		p.delay += min(in.spec.Interval/20, observerLag)
	}
	return p
}

// run polls until ctx is done: once at start, so that there is something to see and rates have a baseline, and then at
// every multiple of the interval. A gather that is running when ctx ends may go on until gathers is done.
func (p *poller) run(ctx, gathers context.Context, start time.Time) {
	s := newSchedule(start, p.input.spec.Interval, p.delay)
	s.skipShortFirst()
	wait := func() bool {
		p.pulse.waits(s.remaining())
		return s.wait(ctx)
	}
	for wait() {
		s.follow(time.Now())
		p.gather(gathers, s.due)
		if p.panics >= maxPanics {
			p.pulse.waits(parkedPause)
			if !pause.Sleep(ctx, parkedPause) {
				break
			}
		}
		p.input.stats.Missed.Add(int64(s.advance(time.Now())))
	}
	p.pulse.works() // the loop has ended: it is due no more
}

// gather polls once and emits what there is, also after an error.
func (p *poller) gather(ctx context.Context, scheduled time.Time) {
	limited, cancel := p.limit(ctx)
	defer cancel()
	overdue := time.AfterFunc(p.timeout, p.reportOverdue)
	began := time.Now()
	b := p.batches.New(scheduled, began)
	b.At = began.Add(p.timeAsleep(p.wallLead(began)))
	p.pulse.works()
	err := crew.Catch(func() error { return p.input.live.Gatherer.Gather(limited, b) })
	p.pulse.waits(0)
	onTime := overdue.Stop()
	took := time.Since(began)

	in := p.input
	in.stats.RecordGather(took, b.Len(), len(b.Events))
	reportRejections(b, in.stats, in.log)
	p.batches.Filled(b.Len())
	if !b.IsEmpty() {
		in.emit(ctx, b, in.spec.WhenFull.WithoutWaiting())
	}
	in.log.Debug("gathered", keySamples, b.Len(), keyTook, took, "slow", took > slowGather)
	if onTime && p.isLate.Swap(false) {
		in.stats.Condition.Succeed(partTimeout)
		in.log.Info("input answers in time again")
	}
	p.report(ctx, err, onTime)
}

// timeAsleep returns how long the machine has slept since its start. The counters of other machines went on meanwhile, so rates divide by this
// time as well; Go's monotonic clock stands still. Only a wall clock that has moved away from it, to another lead, can mean that the machine slept.
func (p *poller) timeAsleep(lead time.Duration) time.Duration {
	if (lead - p.lead).Abs() > time.Second/2 {
		p.lead = lead
		if d := p.suspended(); d-p.slept > time.Second {
			p.slept = d
		}
	}
	return p.slept
}

// leadSince returns a function that tells how much more time has passed since then for the wall clock than for the monotonic one.
func leadSince(start time.Time) func(now time.Time) time.Duration {
	return func(now time.Time) time.Duration { return now.Round(0).Sub(start.Round(0)) - now.Sub(start) }
}

// limit returns the context of a gather. Its deadline leaves time to deliver what was read before the timeout.
func (p *poller) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, p.timeout-min(p.timeout/10, maxDeliveryTime))
}

// reportOverdue is called while a gather exceeds its timeout, because a gather that hangs may never return.
func (p *poller) reportOverdue() {
	p.input.stats.Timeouts.Add(1)
	if !p.isLate.Swap(true) {
		const message = "input takes longer than its timeout; others go on"
		p.input.stats.Condition.Fail(partTimeout, message)
		p.input.log.Warn(message, "timeout", p.timeout)
		p.input.emitStatus(telemetry.Warning, message)
	}
}

func (p *poller) report(ctx context.Context, err error, onTime bool) {
	var crash *crew.PanicError
	if !errors.As(err, &crash) {
		p.panics = 0
	}
	stats := p.input.stats
	switch {
	case err == nil:
		stats.LastSuccess.Store(time.Now().UnixNano())
		if onTime {
			p.health.reportSuccess("input works again")
		}
	case ctx.Err() != nil: // stopping: the gather was cut short
	case crash != nil:
		p.panics++
		stats.Errors.Add(1)
		p.health.reportFailure("input crashed; please report this", err, "stack", string(crash.Stack))
	default:
		stats.Errors.Add(1)
		p.health.reportFailure("input failed", err)
	}
}
