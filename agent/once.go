package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// Gathered is the result of one input in [Agent.Once].
type Gathered struct {
	ID    string
	Batch *telemetry.Batch // of both gathers: each series' newest sample, and all events; nil if there was no answer
	Took  time.Duration
	Err   error
}

// Once gathers twice from every input that is only polled, a distance apart, because rates and percentages need two
// readings. Both gathers count: some values are read only once a minute, and an event about a new state comes once. The
// error and the duration are those of the second gather. All inputs are polled at the same time. Inputs that data is pushed
// to are only tried, and come last in the result.
func (a *Agent) Once(ctx context.Context, distance time.Duration) []Gathered {
	var polled, pushed []*input
	for _, in := range a.allInputs() {
		if in.runner != nil {
			pushed = append(pushed, in)
		} else {
			polled = append(polled, in)
		}
	}
	results := make([]Gathered, len(polled))
	start := time.Now()
	var wg sync.WaitGroup
	for i, in := range polled {
		wg.Go(func() { results[i] = in.gatherTwice(ctx, start, distance) })
	}
	wg.Wait()
	for i, g := range results {
		if g.Batch != nil {
			polled[i].attribute(g.Batch)
			a.router.stamp(g.Batch)
		}
	}
	for _, in := range pushed {
		results = append(results, in.try(ctx))
	}
	return results
}

// try finds out whether an input that data is pushed to could run. An input that cannot tell counts as able to.
func (in *input) try(ctx context.Context) Gathered {
	g := Gathered{ID: in.spec.ID}
	if trier, ok := in.live.Runner.(plugins.Trier); ok {
		began := time.Now()
		g.Err = crew.Catch(func() error { return trier.Try(ctx) })
		g.Took = time.Since(began)
	}
	return g
}

func (in *input) gatherTwice(ctx context.Context, start time.Time, distance time.Duration) Gathered {
	defer in.close()
	g := Gathered{ID: in.spec.ID}
	if opener, ok := in.component().(plugins.Opener); ok {
		if g.Err = crew.Catch(func() error { return opener.Open(ctx) }); g.Err != nil {
			return g
		}
	}
	first := in.poller.gatherOnce(ctx, start)
	if !pause.Sleep(ctx, time.Until(start.Add(distance))) {
		g.Err = ctx.Err()
		return g
	}
	g = in.poller.gatherOnce(ctx, start.Add(distance))
	g.Batch = newest(first.Batch, g.Batch)
	return g
}

// newest returns a batch with the newest sample of every series in batches, in the order of their last appearance, and all
// events. Nil batches are ignored; if all are nil, it returns nil.
func newest(batches ...*telemetry.Batch) *telemetry.Batch {
	batches = slices.DeleteFunc(batches, func(b *telemetry.Batch) bool { return b == nil })
	if len(batches) == 0 {
		return nil
	}
	type place struct{ batch, sample int }
	last := map[*telemetry.Series]place{}
	at := func(p place) int64 {
		_, ms, _ := batches[p.batch].Sample(p.sample)
		return ms
	}
	for i, b := range batches {
		for j := range b.Len() {
			s, ms, _ := b.Sample(j)
			if p, known := last[s]; !known || ms >= at(p) {
				last[s] = place{i, j}
			}
		}
	}
	latest := batches[len(batches)-1]
	all := telemetry.NewBatch(time.UnixMilli(latest.Time), latest.At, len(last))
	for i, b := range batches {
		all.Events = append(all.Events, b.Events...)
		for j := range b.Len() {
			if s, ms, v := b.Sample(j); last[s] == (place{i, j}) {
				all.Copy(s, v, ms)
			}
		}
	}
	return all
}

// gatherOnce gathers under the input's timeout. It does not wait longer for an input that ignores it.
func (p *poller) gatherOnce(ctx context.Context, scheduled time.Time) Gathered {
	in := p.input
	limited, cancel := p.limit(ctx)
	defer cancel()
	answer := make(chan Gathered, 1)
	go func() {
		began := time.Now()
		b := telemetry.NewBatch(scheduled, began, 0)
		err := crew.Catch(func() error { return in.live.Gatherer.Gather(limited, b) })
		reportRejections(b, in.stats, in.log)
		answer <- Gathered{ID: in.spec.ID, Batch: b, Took: time.Since(began), Err: err}
	}()
	select {
	case g := <-answer:
		return g
	case <-limited.Done():
	}
	select {
	case g := <-answer: // it honoured its context
		return g
	case <-time.After(time.Second):
		return Gathered{ID: in.spec.ID, Took: p.timeout, Err: errors.New("does not answer within " + p.timeout.String())}
	}
}

// Write opens every output, writes the batches and closes it. The errors name the output.
func (a *Agent) Write(ctx context.Context, batches []*telemetry.Batch) error {
	var errs []error
	for _, w := range a.router.set().writers {
		errs = append(errs, w.once(ctx, batches))
	}
	return errors.Join(errs...)
}
