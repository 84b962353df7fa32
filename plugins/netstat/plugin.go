// Package netstat reports the TCP sockets of a host by state, and its TCP counters.
//
//   - plugin.go: the input on Linux, and the counters, which package netmib reads.
//   - host.go: the input on other systems, which has no counters.
//   - sockets.go: counts the sockets that package sockets lists.
//   - parse.go: names the counters.
package netstat

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/netmib"
	"github.com/rtcollector/rtcollector/internal/sockets"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("netstat", "TCP sockets by state, and all of the kernel's TCP counters", func() Config { return Config{} }, build).
	On("linux").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	sockets      *socketCounter
	states       stateSeries
	counterFiles []counterFile
}

// stateSeries counts the sockets in each state.
type stateSeries [sockets.NumStates]*telemetry.Series

func newStateSeries(f *telemetry.Factory) (s stateSeries) {
	for state, name := range stateNames() {
		if name != "" {
			s[state] = f.Gauge("tcp_"+name, telemetry.None)
		}
	}
	return s
}

// counterFile is a file of counters.
type counterFile struct {
	file     *hostfs.File
	counters *netmib.Table
}

func build(env plugins.Env, _ Config) (plugins.Gatherer, error) {
	states := newStateSeries(env.Factory)
	if env.Host != nil {
		return &hostInput{env.Host.Sockets, states}, nil
	}
	in := &input{sockets: newSocketCounter(sockets.NewHost(env.FS, env.Log)), states: states}
	counters := netmib.NewTable(env.Factory, columnMetric)
	in.counterFiles = []counterFile{{env.FS.HostFile("net", "snmp"), counters}, {env.FS.HostFile("net", "netstat"), counters.Sibling()}}
	return in, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	errs := []error{in.addStates(ctx, out)}
	for _, f := range in.counterFiles {
		errs = append(errs, f.addSamples(out))
	}
	return errors.Join(errs...)
}

func (in *input) addStates(ctx context.Context, out *telemetry.Batch) error {
	if in.states == (stateSeries{}) { // all are excluded; counting is the expensive part
		return nil
	}
	counts, found, err := in.sockets.countSockets(ctx)
	if !found {
		return err
	}
	for state, series := range in.states {
		out.Add(series, float64(counts[state]))
	}
	return err
}

func (f counterFile) addSamples(out *telemetry.Batch) error {
	data, err := f.file.ReadOptional()
	if err == nil && f.counters.AddPairs(out, data) == 0 && len(data) > 0 {
		return fmt.Errorf("parse %s: no counters", f.file.Path())
	}
	return err
}

// Close implements io.Closer.
func (in *input) Close() error { return in.sockets.Close() }
