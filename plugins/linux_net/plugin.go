// Package linuxnet reports the traffic of a host's network interfaces.
//
//   - plugin.go: the series, and the input on Linux. config.go: which interfaces are reported.
//   - host.go: the input on other systems.
//   - parse.go: parses /proc/net/dev.
//   - link.go: carrier and speed, from /sys/class/net.
package linuxnet

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_net", "traffic, errors and drops per network interface", defaultConfig, build).
	On("linux").As("net").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

type input struct {
	dev        *hostfs.File
	interfaces *telemetry.Vec[string, interfaceSeries]
}

// interfaceSeries holds the series of one interface. They are nil if the interface is filtered out.
type interfaceSeries struct {
	wanted         bool
	presence       *telemetry.Series
	totals         [numCounters]*telemetry.Total
	rxBits, txBits *telemetry.Rate
	link           *link // nil: its state is unknown
}

func build(env plugins.Env, c Config) (plugins.Gatherer, error) {
	interfaces := telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) interfaceSeries {
		if !c.includesInterface(name) {
			return interfaceSeries{}
		}
		label := telemetry.Label{Key: "iface", Value: name}
		i := newInterfaceSeries(f, label)
		if env.Host == nil {
			i.link = newLink(f, env.FS, name, label)
		}
		return i
	})
	if env.Host != nil {
		return &hostInput{env.Host.Interfaces, interfaces}, nil
	}
	return &input{env.FS.HostFile("net", "dev"), interfaces}, nil
}

func newInterfaceSeries(f *telemetry.Factory, label telemetry.Label) interfaceSeries {
	i := interfaceSeries{
		wanted:   true,
		presence: f.Gauge("net_interface", telemetry.None, telemetry.Label{Key: "interface", Value: label.Value}),
		rxBits:   f.Rate("net_rx_bytes_bits_rate", telemetry.Bits.PerSecond(), label),
		txBits:   f.Rate("net_tx_bytes_bits_rate", telemetry.Bits.PerSecond(), label),
	}
	for n, c := range counterMetrics() {
		i.totals[n] = f.Counter(c.name, c.unit, label)
	}
	return i
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	data, err := in.dev.Read()
	if err != nil {
		return err
	}
	found := false
	var errs []error
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		name, counts, ok := parseInterface(line)
		if !ok {
			continue
		}
		found = true
		if i := telemetry.GetBytes(in.interfaces, name); i.wanted {
			if err := i.addSamples(out, counts); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if !found { // lo always exists
		return fmt.Errorf("parse %s: no interfaces", in.dev.Path())
	}
	in.interfaces.Sweep(out)
	return errors.Join(errs...)
}

func (i *interfaceSeries) addSamples(out *telemetry.Batch, counts counterValues) error {
	out.Add(i.presence, 1)
	var err error
	bits := 0.0 // limit per second; 0: no limit
	if i.link != nil {
		before := i.link.maxBitsPerSecond()
		err = i.link.addSamples(out)
		if after := i.link.maxBitsPerSecond(); before > 0 && after > 0 {
			bits = max(before, after)
		}
	}
	for n, total := range i.totals {
		limit := 0.0
		if n == rxBytes || n == txBytes {
			limit = bits / 8
		}
		total.AddUpTo(out, float64(counts[n]), limit)
	}
	i.rxBits.AddUpTo(out, 8*float64(counts[rxBytes]), bits)
	i.txBits.AddUpTo(out, 8*float64(counts[txBytes]), bits)
	return err
}
