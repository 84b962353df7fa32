// Package netstat reports the TCP sockets of a Linux host by state, and what its TCP counts.
package netstat

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/netmib"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("netstat", "TCP sockets by state, and all of the kernel's TCP counters (Linux)", func() Config { return Config{} }, build).
	On("linux").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	sockets *sockets
	states  [numStates]*telemetry.Series
	tables  []table
}

// table is a file of counters.
type table struct {
	file     *hostfs.File
	counters *netmib.Table
}

func build(env plugins.Env, _ Config) (*input, error) {
	in := &input{sockets: newSockets(env.FS, env.Log)}
	for state, name := range stateNames() {
		if name != "" {
			in.states[state] = env.Factory.Gauge("tcp_"+name, telemetry.None)
		}
	}
	counters := netmib.NewTable(env.Factory, metric)
	in.tables = []table{{env.FS.HostFile("net", "snmp"), counters}, {env.FS.HostFile("net", "netstat"), counters.Sibling()}}
	return in, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	errs := []error{in.gatherStates(ctx, out)}
	for _, t := range in.tables {
		errs = append(errs, t.gather(out))
	}
	return errors.Join(errs...)
}

func (in *input) gatherStates(ctx context.Context, out *telemetry.Batch) error {
	if in.states == [numStates]*telemetry.Series{} { // nobody wants them, and they are what costs
		return nil
	}
	counts, found, err := in.sockets.count(ctx)
	if !found {
		return err
	}
	for state, series := range in.states {
		out.Add(series, float64(counts[state]))
	}
	return err
}

func (t table) gather(out *telemetry.Batch) error {
	data, err := t.file.ReadOptional()
	if err == nil && t.counters.AddPairs(out, data) == 0 && len(data) > 0 {
		return fmt.Errorf("parse %s: no counters", t.file.Path())
	}
	return err
}

// Close implements io.Closer.
func (in *input) Close() error { return in.sockets.Close() }
