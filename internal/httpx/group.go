package httpx

import (
	"context"
	"errors"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Server is a member of a [Group].
type Server interface {
	Ask(ctx context.Context)        // sends the request, concurrently with other servers
	Add(out *telemetry.Batch) error // adds the samples of the answer, or returns why there are none
	Close()
}

// Group is an input that requests data from independent servers. If one of them fails, the samples of the others are still written.
// A Group is a plugins.Gatherer and an io.Closer.
type Group[S Server] []S

// Gather implements plugins.Gatherer.
func (g Group[S]) Gather(ctx context.Context, out *telemetry.Batch) error {
	crew.Each(g, func(s S) { s.Ask(ctx) })
	var errs []error
	for _, s := range g {
		errs = append(errs, s.Add(out))
	}
	return errors.Join(errs...)
}

// Close implements io.Closer.
func (g Group[S]) Close() error {
	for _, s := range g {
		s.Close()
	}
	return nil
}
