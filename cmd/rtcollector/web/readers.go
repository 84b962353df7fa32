package web

import (
	"context"
	"errors"
	"time"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/outputs"
)

// maxReaders is the number of searches at once, so that many pages cannot stall Redis.
const maxReaders = 4

// errNoEvents says what is missing when the configuration names no place with events.
var errNoEvents = errors.New("the configuration has no output redissearch or sqlite, so there are no log lines and connections to show: add one")

// readerPool lends readers of events. Each has a connection of its own, and belongs to one request at a time.
type readerPool struct {
	places chan outputs.EventReader // maxReaders elements; nil: not made yet
	source outputs.EventSource      // nil: there are no events
	secret secret.Resolver
}

func newReaderPool(source outputs.EventSource, secrets secret.Resolver) *readerPool {
	p := &readerPool{places: make(chan outputs.EventReader, maxReaders), source: source, secret: secrets}
	for range maxReaders {
		p.places <- nil
	}
	return p
}

// use calls f with a reader as soon as one is free.
func (p *readerPool) use(ctx context.Context, f func(outputs.EventReader) error) error {
	if p.source == nil {
		return errNoEvents
	}
	select {
	case r := <-p.places:
		if r == nil {
			r = p.source.NewEventReader(p.secret)
		}
		defer func() { p.places <- r }()
		return f(r)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close closes the readers as their requests return them.
func (p *readerPool) close() (err error) {
	for range maxReaders {
		if r := <-p.places; r != nil {
			err = errors.Join(err, r.Close())
		}
	}
	return err
}

// count counts with a reader that can, see [outputs.EventCounter].
func count(ctx context.Context, r outputs.EventReader, q outputs.EventQuery, step time.Duration, parts int) ([]outputs.SeverityCounts, bool, error) {
	counter, ok := r.(outputs.EventCounter)
	if !ok {
		return nil, false, nil
	}
	return counter.CountEvents(ctx, q, step, parts)
}
