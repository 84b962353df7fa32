package agent

import (
	"context"
	"hash/fnv"
	"io"
	"time"

	"github.com/rtcollector/rtcollector/internal/pause"
)

const (
	// minFirstDelta is the shortest time between the gather at start and the first aligned one. Kernel counters tick in
	// hundredths of a second: rates over less time are noise.
	minFirstDelta = 250 * time.Millisecond

	// maxPhase is the longest time by which the work of one host is later than the instant that its samples carry.
	maxPhase = 50 * time.Millisecond
)

// schedule says when repeated work is due: at the multiples of an interval of the wall clock, each a fixed delay later.
// Samples carry the multiple, so that the series of all inputs and hosts line up.
type schedule struct {
	interval time.Duration
	delay    time.Duration
	due      time.Time // the current instant, by the wall clock; the work starts a delay later
	reached  time.Time // when the instant is reached by the monotonic clock, which nobody sets
}

// newSchedule returns a schedule that is due at start first.
func newSchedule(start time.Time, interval, delay time.Duration) schedule {
	return schedule{interval: interval, delay: delay, due: start, reached: start}
}

// skipShortFirst makes the first multiple of the interval the first instant if it is so close to the start that rates
// between the two would be noise.
func (s *schedule) skipShortFirst() {
	if next := s.next(s.due); next.Sub(s.due) < minFirstDelta {
		s.reached = s.reached.Add(next.Sub(s.due))
		s.due = next
	}
}

// wait sleeps until the work is due. It reports false if ctx was done first.
func (s *schedule) wait(ctx context.Context) bool { return pause.Sleep(ctx, s.remaining()) }

// remaining returns the time until the work is due.
func (s *schedule) remaining() time.Duration { return time.Until(s.due.Add(s.delay)) }

// follow makes the current instant the latest one before now, if the wall clock was set by more than an interval since the instant was
// chosen, or if the machine has slept. Otherwise the samples would carry a time of the clock before.
func (s *schedule) follow(now time.Time) {
	if off := now.Round(0).Sub(s.due); off < -s.interval || off > s.interval && now.Sub(s.reached) < s.interval {
		s.due = now.Truncate(s.interval)
	}
}

// advance moves to the first instant after now and returns how many instants were missed in between. Those that were skipped because the
// wall clock was set do not count.
func (s *schedule) advance(now time.Time) (missed int) {
	missed = int(max(0, now.Sub(s.reached)/s.interval))
	s.due = s.next(now)
	s.reached = now.Add(s.due.Sub(now.Round(0)))
	return missed
}

// next returns the first multiple of the interval after now. It is never the current instant again, because a timer may
// fire a little early by the wall clock. When the clock was set back by more than an interval, it follows the clock.
func (s *schedule) next(now time.Time) time.Time {
	next := now.Truncate(s.interval).Add(s.interval)
	if !next.After(s.due) && s.due.Sub(now) < s.interval {
		next = next.Add(s.interval)
	}
	return next
}

// hostPhase returns the delay of a host's work, at most a twentieth of the interval. It spreads the agents of many hosts and
// is always the same for one host. All inputs of an agent have the same phase, because waking up for each of them costs
// more than most of them do.
func hostPhase(host string, interval time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = io.WriteString(h, host)
	return time.Duration(h.Sum32()) * time.Microsecond % (min(interval/20, maxPhase) + 1)
}
