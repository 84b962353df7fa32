package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// Gathered is what one input gave in [Agent.Once].
type Gathered struct {
	ID    string
	Batch *telemetry.Batch // of both gathers: each series' newest sample, and all events; nil if there was no answer
	Took  time.Duration
	Err   error
}

// Once asks every polled input twice, pause apart, because rates and percentages need two readings. Both answers count:
// some values are only read once a minute, and an event about a new state comes once. The error and the time are those
// of the second gather. All inputs are asked at the same time. Inputs that things are pushed to are only tried, and come
// last.
func (a *Agent) Once(ctx context.Context, pause time.Duration) []Gathered {
	results := make([]Gathered, len(a.pollers))
	start := time.Now()
	var wg sync.WaitGroup
	for i, p := range a.pollers {
		wg.Go(func() { results[i] = p.twice(ctx, start, pause) })
	}
	wg.Wait()
	for i, g := range results {
		if g.Batch != nil {
			a.pollers[i].input.attribute(g.Batch)
			a.stamp(g.Batch)
		}
	}
	for _, r := range a.runners {
		results = append(results, r.try(ctx))
	}
	return results
}

// try finds out whether an input could run. One that cannot tell is taken at its word.
func (r *runner) try(ctx context.Context) Gathered {
	g := Gathered{ID: r.input.ID}
	if trier, ok := r.input.Live.Runner.(plugins.Trier); ok {
		began := time.Now()
		g.Err = recovered(func() error { return trier.Try(ctx) })
		g.Took = time.Since(began)
	}
	return g
}

func (p *poller) twice(ctx context.Context, start time.Time, pause time.Duration) Gathered {
	defer p.close()
	g := Gathered{ID: p.input.ID}
	if opener, ok := p.input.Live.Gatherer.(plugins.Opener); ok {
		if g.Err = recovered(func() error { return opener.Open(ctx) }); g.Err != nil {
			return g
		}
	}
	first := p.ask(ctx, start)
	if !sleep(ctx, time.Until(start.Add(pause))) {
		g.Err = ctx.Err()
		return g
	}
	g = p.ask(ctx, start.Add(pause))
	g.Batch = newest(first.Batch, g.Batch)
	return g
}

// newest returns a batch with the newest sample of every series in batches, in the order of their last mention, and with
// all events. Batches may be nil; without any other it returns nil.
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
				all.AddAt(s, v, ms)
			}
		}
	}
	return all
}

// ask gathers once under the input's timeout. It does not wait longer for an input that ignores it.
func (p *poller) ask(ctx context.Context, scheduled time.Time) Gathered {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	answer := make(chan Gathered, 1)
	go func() {
		began := time.Now()
		b := telemetry.NewBatch(scheduled, began, 0)
		err := recovered(func() error { return p.input.Live.Gatherer.Gather(limited, b) })
		reportRejections(b, p.stats, p.log)
		answer <- Gathered{ID: p.input.ID, Batch: b, Took: time.Since(began), Err: err}
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
		return Gathered{ID: p.input.ID, Took: p.timeout, Err: errors.New("does not answer within " + p.timeout.String())}
	}
}

// Write opens every output, writes the batches and closes it. The errors name the output.
func (a *Agent) Write(ctx context.Context, batches []*telemetry.Batch) error {
	var errs []error
	for _, w := range a.writers {
		errs = append(errs, w.once(ctx, batches))
	}
	return errors.Join(errs...)
}
