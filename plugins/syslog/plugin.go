// Package sysloginput is a syslog server: RFC 5424 and RFC 3164 over UDP, TCP, TLS and socket files.
//
//   - config.go: the settings. plugin.go: [Plugin], which runs a listener per address.
//   - listener.go opens an address. packet.go reads datagrams; stream.go reads connections, with deadline.go for their time
//     limits and frame.go, which divides a stream into messages.
//   - collect.go: package syslogmsg parses a message, and the events are emitted in batches.
//   - count.go: the metrics. drops.go, sys_linux.go, sys_other.go: socket buffers and what the kernel drops.
package sysloginput

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Serve("syslog", "a syslog server: RFC 5424 and 3164 over UDP, TCP, TLS and socket files", defaults, build).OnRequest().Doc(readme)

type input struct {
	listeners []*listener
	series    []*listenerSeries
}

func build(env plugins.Env, c Config) (*input, error) {
	in := &input{}
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
	for _, l := range in.listeners {
		l.out = out
		listening.Go(func() { l.run(ctx) })
	}
	listening.Wait()
	return nil
}

// Gather implements plugins.Gatherer. It reports what the listeners have counted.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	for _, s := range in.series {
		s.addSamples(out)
	}
	return nil
}

// Try implements plugins.Trier. It opens each listener and closes it again.
func (in *input) Try(ctx context.Context) error {
	var errs []error
	for _, l := range in.listeners {
		l.out = discard{}
		ctx, cancel := context.WithCancel(ctx)
		if err := l.listen(ctx, cancel); err != nil {
			errs = append(errs, fmt.Errorf("listen on %s: %w", l.address, l.explainError(err)))
		}
		cancel()
	}
	return errors.Join(errs...)
}

// discard drops what is received while an input is only tried.
type discard struct{}

func (discard) Emit(context.Context, *telemetry.Batch) {}
