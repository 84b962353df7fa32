package httpx

import (
	"context"
	"errors"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Server is one of a [Group].
type Server interface {
	Ask(ctx context.Context)        // at the same moment as the others
	Add(out *telemetry.Batch) error // what came of it
	Close()
}

// Group is an input that asks servers which have nothing to do with each other: one that fails costs the others nothing. It
// is a plugins.Gatherer and an io.Closer.
type Group[S Server] []S

// Gather implements plugins.Gatherer.
func (g Group[S]) Gather(ctx context.Context, out *telemetry.Batch) error {
	Together(ctx, g, func(ctx context.Context, s S) { s.Ask(ctx) })
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
