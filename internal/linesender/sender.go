package linesender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Sender sends the samples of batches. It belongs to one goroutine.
type Sender struct {
	lines     lines
	buckets   *buckets // nil: every sample is sent
	transport transport
	log       *slog.Logger
	jitter    time.Duration
	written   time.Time // end of the last write

	points  []point // of one write; kept for its memory
	pending []point // values of buckets that could not be sent yet
	left    []leftOut
	refused refusals // not reported yet
}

// point is a value to send.
type point struct {
	line   *Line
	ms     int64
	v      float64
	sample int // number of samples up to this one in the write
}

// leftOut is a sample that cannot be sent.
type leftOut struct {
	sample int
	reason string
}

// The reasons why samples are rejected, for statistics.
const (
	notFinite = "not_finite"
	badTime   = "bad_time"
	tooLate   = "too_late"
	refused   = "refused"
)

// Env is what the agent provides to an output.
type Env struct {
	Host    string
	Slot    telemetry.Slot
	Log     *slog.Logger
	Secrets secret.Resolver
}

// transport sends points to a destination.
type transport interface {
	open(ctx context.Context) error

	// send returns how many of the points, from the first on, need not be sent again, and how many points the destination refused for good.
	// Those may be points of an earlier call.
	send(ctx context.Context, points []point) (settled int, refused refusals, err error)
	close() error
	describe(ctx context.Context) (notes, warnings []string) // for "check --connect"
}

// refusals counts what a destination refused.
type refusals struct {
	n    int
	text string // what it said about the first one
}

// Result tells what became of the samples of a write.
type Result struct {
	Settled  int            // the first samples that need not be written again
	Rejected map[string]int // of those, by reason
	Why      error          // the reason of a rejection, for people; nil if none was rejected
	Err      error          // why the others must be written again; nil if all are settled
}

// New returns a sender to sockets with these settings. It does not connect. With Answers, what the destination sends is an error message about
// one line each; else it is logged and ignored.
func New(env Env, c Config, k Kind, f Format, answers bool) (*Sender, error) {
	places, err := c.places(k)
	if err != nil {
		return nil, err
	}
	s := newSender(env, c, f)
	s.transport = &stream{kind: k, config: c, places: places, env: env, format: f, hasAnswers: answers}
	return s, nil
}

func newSender(env Env, c Config, f Format) *Sender {
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sender{lines: lines{config: c, format: f, host: env.Host, slot: env.Slot}, log: env.Log, jitter: c.Jitter.D()}
	if c.DataSource != AsCollected {
		s.buckets = &buckets{length: c.Every.D().Milliseconds(), isSum: c.DataSource == Sum}
	}
	return s
}

// Open connects to a destination.
func (s *Sender) Open(ctx context.Context) error { return s.transport.open(ctx) }

// Close closes the connection.
func (s *Sender) Close() error {
	if n := len(s.pending); n > 0 {
		s.log.Warn("values of buckets could not be sent", "values", n)
	}
	return s.transport.close()
}

// Write sends the samples of batches.
func (s *Sender) Write(ctx context.Context, batches []*telemetry.Batch) Result {
	if !s.spread(ctx) {
		return Result{Err: ctx.Err()}
	}
	defer func() { s.written = time.Now() }()
	if len(s.pending) > 0 {
		n, said, err := s.transport.send(ctx, s.pending)
		s.refused.add(said)
		if s.pending = s.pending[n:]; len(s.pending) > 0 {
			return Result{Err: err}
		}
	}
	total := s.collect(batches)
	defer s.release()
	if len(s.points) == 0 {
		return s.result(total, nil)
	}
	n, said, err := s.transport.send(ctx, s.points)
	s.refused.add(said)
	switch {
	case n == len(s.points):
		return s.result(total, nil)
	case s.buckets != nil: // the samples are in their buckets already
		s.pending = append(s.pending[:0:0], s.points[n:]...)
		return s.result(total, err)
	default:
		return s.result(s.points[n].sample-1, err)
	}
}

// spread waits for a random part of the jitter, so that many agents do not write at the same moment. It does not wait between writes that
// follow one another.
func (s *Sender) spread(ctx context.Context) bool {
	if s.jitter == 0 || time.Since(s.written) < s.jitter {
		return ctx.Err() == nil
	}
	return pause.Sleep(ctx, rand.N(s.jitter))
}

// collect makes points of samples and returns the number of samples.
func (s *Sender) collect(batches []*telemetry.Batch) int {
	total := 0
	for _, b := range batches {
		s.points = slices.Grow(s.points, b.Len())
		for i := range b.Len() {
			total++
			series, ms, v := b.Sample(i)
			line := s.lines.of(series)
			switch {
			case line.isUnsent:
			case math.IsNaN(v) || math.IsInf(v, 0):
				s.left = append(s.left, leftOut{total, notFinite})
			case ms < 0 || ms >= maxTime:
				s.left = append(s.left, leftOut{total, badTime})
			case s.buckets != nil:
				var ok bool
				if s.points, ok = s.buckets.add(s.points, line, ms, v); !ok {
					s.left = append(s.left, leftOut{total, tooLate})
				}
			default:
				s.points = append(s.points, point{line, ms, v, total})
			}
		}
		for _, ended := range b.Ended() {
			s.end(ended)
		}
	}
	if s.buckets != nil {
		s.points = s.buckets.sweep(s.points)
	}
	for i := range s.points { // only now, because names may depend on the series of the whole write
		s.points[i].line.isSent = true
	}
	return total
}

// end sends the last bucket of a series and forgets the series.
func (s *Sender) end(series *telemetry.Series) {
	line, ok := series.Memo(s.lines.slot).(*Line)
	if !ok || line.isUnsent {
		return
	}
	if s.buckets != nil {
		s.points = s.buckets.finish(s.points, line)
	}
	s.lines.forget(line)
	series.SetMemo(s.lines.slot, nil)
}

// release forgets the points of a write. It frees their memory if the write needed only a small part of it, so that a burst does not cost memory
// for ever.
func (s *Sender) release() {
	used := len(s.points)
	clear(s.points)
	s.points, s.left = s.points[:0], nil
	if cap(s.points) > 4*used {
		s.points = nil
	}
}

// result counts what was rejected among the settled samples. The destination may have refused more than those: it answers later, and buckets may
// have more values. The rest is reported by the next write.
func (s *Sender) result(settled int, err error) Result {
	r := Result{Settled: settled, Err: err}
	reject := func(reason string, n int, why error) {
		if r.Rejected == nil {
			r.Rejected = map[string]int{}
			r.Why = why
		}
		r.Rejected[reason] += n
	}
	rest := settled
	for _, l := range s.left {
		if l.sample <= settled {
			reject(l.reason, 1, explainLeftOut(l.reason))
			rest--
		}
	}
	if n := min(s.refused.n, rest); n > 0 {
		reject(refused, n, errors.New(s.refused.text))
		s.refused.n -= n
	}
	return r
}

func explainLeftOut(reason string) error {
	switch reason {
	case notFinite:
		return errors.New("values that are NaN or infinite cannot be sent")
	case badTime:
		return errors.New("times before 1970 or after 2286 cannot be sent")
	default:
		return errors.New("samples are older than others of their series: does a clock jump?")
	}
}

// Inspect describes the destination, and series whose names collide.
func (s *Sender) Inspect(ctx context.Context, series []*telemetry.Series) (r catalog.Report) {
	r.Notes, r.Warnings = s.transport.describe(ctx)
	sent := 0
	for _, one := range series {
		if !s.lines.of(one).isUnsent {
			sent++
		}
	}
	r.Notes = append(r.Notes, fmt.Sprintf("%d of %d series are sent", sent, len(series)))
	for i, text := range s.lines.collisions() {
		if i == 10 {
			r.Warnings = append(r.Warnings, "and more")
			break
		}
		r.Warnings = append(r.Warnings, text)
	}
	return r
}
