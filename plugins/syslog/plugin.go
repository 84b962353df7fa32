// Package sysloginput is a syslog server: RFC 5424 and RFC 3164 over UDP, TCP, TLS and socket files.
package sysloginput

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Serve("syslog", "a syslog server: RFC 5424 and 3164 over UDP, TCP, TLS and socket files", defaults, build).OnRequest().Doc(readme)

type input struct {
	env       plugins.Env
	listeners []*listener
	series    []*series
}

func build(env plugins.Env, c Config) (*input, error) {
	in := &input{env: env}
	for _, a := range c.addresses() {
		l := newListener(a, &c, env.Factory.Host(), env.Log)
		in.listeners = append(in.listeners, l)
		in.series = append(in.series, newSeries(env.Factory, l))
	}
	return in, nil
}

// Run implements plugins.Runner.
func (in *input) Run(ctx context.Context, out plugins.Emitter) error {
	var listening sync.WaitGroup
	defer listening.Wait()
	for _, l := range in.listeners {
		l.out = out
		listening.Go(func() { l.run(ctx) })
	}
	in.report(ctx, out)
	return nil
}

// Try implements plugins.Trier: it listens for a moment.
func (in *input) Try(ctx context.Context) error {
	var errs []error
	for _, l := range in.listeners {
		l.out = nobody{}
		moment, opened := context.WithCancel(ctx)
		if err := l.listen(moment, opened); err != nil {
			errs = append(errs, fmt.Errorf("listen on %s: %w", l.address, l.explain(err)))
		}
		opened()
	}
	return errors.Join(errs...)
}

// nobody takes what comes while an input is only tried.
type nobody struct{}

func (nobody) Emit(context.Context, *telemetry.Batch) {}

// report emits what was counted, at every multiple of the interval, until ctx is done.
func (in *input) report(ctx context.Context, out plugins.Emitter) {
	for ctx.Err() == nil {
		now := time.Now()
		next := now.Truncate(in.env.Interval).Add(in.env.Interval)
		timer := time.NewTimer(next.Sub(now))
		select {
		case <-timer.C:
			b := telemetry.NewBatch(next, time.Now(), 0)
			in.add(b)
			out.Emit(ctx, b)
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (in *input) add(out *telemetry.Batch) {
	for _, s := range in.series {
		s.add(out)
	}
}
