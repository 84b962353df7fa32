// Package macosnet reports the network of a Mac with the names of the Python rtcollector.
package macosnet

import (
	"context"
	_ "embed"
	"errors"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("macos_net", "traffic per interface and TCP sockets of a Mac, with the names of the Python rtcollector", defaultConfig, build).
	On("darwin").InsteadOf("linux_net").OnRequest().Doc(readme)

// Config selects the interfaces that are reported.
type Config struct {
	IgnoreInterfaces []string `yaml:"ignore_interfaces" conf:"public"` // parts of names

	// Keys of linux_net.
	ExcludePatterns   match.Regexps `yaml:"exclude_patterns" conf:"ignored"`
	IncludePatterns   match.Regexps `yaml:"include_patterns" conf:"ignored"`
	ExcludeInterfaces match.List    `yaml:"exclude_interfaces" conf:"ignored"`
	IncludeInterfaces match.List    `yaml:"include_interfaces" conf:"ignored"`
}

func defaultConfig() Config {
	return Config{IgnoreInterfaces: []string{"lo", "lo0", "bridge", "veth"}}
}

func (c Config) includesInterface(name string) bool {
	return !slices.ContainsFunc(c.IgnoreInterfaces, func(part string) bool { return strings.Contains(name, part) })
}

type input struct {
	host       *sysinfo.Host
	interfaces *telemetry.Vec[string, interfaceSeries]
	sockets    map[string]*telemetry.Series // by state
}

// interfaceSeries holds the series of an interface. They are nil if the interface is filtered out.
type interfaceSeries struct {
	wanted                                     bool
	bytesSent, bytesReceived                   *telemetry.Total
	packetsSent, packetsReceived               *telemetry.Total
	errorsIn, errorsOut, droppedIn, droppedOut *telemetry.Total
}

func build(env plugins.Env, c Config) (*input, error) {
	in := &input{host: env.Host, sockets: map[string]*telemetry.Series{}}
	in.interfaces = telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) interfaceSeries {
		if !c.includesInterface(name) {
			return interfaceSeries{}
		}
		label := telemetry.Label{Key: "interface", Value: name}
		return interfaceSeries{
			wanted:          true,
			bytesSent:       f.Counter("net_bytes_sent", telemetry.Bytes, label),
			bytesReceived:   f.Counter("net_bytes_recv", telemetry.Bytes, label),
			packetsSent:     f.Counter("net_packets_sent", telemetry.Packets, label),
			packetsReceived: f.Counter("net_packets_recv", telemetry.Packets, label),
			errorsIn:        f.Counter("net_errin", telemetry.Packets, label),
			errorsOut:       f.Counter("net_errout", telemetry.Packets, label),
			droppedIn:       f.Counter("net_dropin", telemetry.Packets, label),
			droppedOut:      f.Counter("net_dropout", telemetry.Packets, label),
		}
	})
	for _, state := range sysinfo.TCPStates() {
		in.sockets[state] = env.Factory.Gauge("net_connections", telemetry.None, telemetry.Label{Key: "state", Value: state})
	}
	return in, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	return errors.Join(in.addTraffic(ctx, out), in.addSockets(ctx, out))
}

func (in *input) addTraffic(ctx context.Context, out *telemetry.Batch) error {
	all, err := in.host.Interfaces(ctx)
	for _, r := range all {
		i := in.interfaces.Get(r.Name)
		if !i.wanted {
			continue
		}
		i.bytesSent.Add(out, r.TxBytes)
		i.bytesReceived.Add(out, r.RxBytes)
		i.packetsSent.Add(out, r.TxPackets)
		i.packetsReceived.Add(out, r.RxPackets)
		i.errorsIn.Add(out, r.RxErrors)
		i.errorsOut.Add(out, r.TxErrors)
		i.droppedIn.Add(out, r.RxDropped)
		i.droppedOut.Add(out, r.TxDropped)
	}
	if err == nil {
		in.interfaces.Sweep(out)
	}
	return err
}

func (in *input) addSockets(ctx context.Context, out *telemetry.Batch) error {
	all, err := in.host.Sockets(ctx)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, s := range all {
		if s.Protocol == "tcp" {
			counts[s.State] += s.Count
		}
	}
	for state, series := range in.sockets {
		out.Add(series, float64(counts[state]))
	}
	return nil
}
