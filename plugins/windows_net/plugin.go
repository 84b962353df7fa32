// Package windowsnet reports the traffic of a Windows host's network adapters and its sockets, under the names of the Python rtcollector.
package windowsnet

import (
	"cmp"
	"context"
	_ "embed"
	"errors"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("windows_net", "traffic per network adapter and sockets, under the names of the Python rtcollector (Windows)", func() Config { return Config{} }, build).
	On("windows").OnRequest().Doc(readme)

// Config selects the adapters.
type Config struct {
	IncludeInterfaces match.List `yaml:"include_interfaces"` // if not empty, only these, and the loopback if it is among them
	ExcludeInterfaces match.List `yaml:"exclude_interfaces"`
}

func (c *Config) includes(i sysinfo.Interface) bool {
	if len(c.IncludeInterfaces) > 0 {
		return c.IncludeInterfaces.Match(i.Name) && !c.ExcludeInterfaces.Match(i.Name)
	}
	return !i.Loopback && !c.ExcludeInterfaces.Match(i.Name)
}

// stateless is the value of the label status for UDP sockets, which have no state.
const stateless = "NONE"

type input struct {
	config     Config
	host       *sysinfo.Host
	interfaces *telemetry.Vec[string, [8]*telemetry.Total]
	sockets    map[string]*telemetry.Series // by state
}

func build(env plugins.Env, c Config) (*input, error) {
	if env.Host == nil || env.Host.Interfaces == nil || env.Host.Sockets == nil {
		return nil, errors.ErrUnsupported
	}
	in := &input{config: c, host: env.Host, interfaces: telemetry.NewVec(env.Factory, newTraffic), sockets: map[string]*telemetry.Series{}}
	for _, name := range append(sysinfo.TCPStates(), stateless) {
		in.sockets[name] = env.Factory.Gauge("windows_net_connections", telemetry.None, telemetry.Label{Key: "status", Value: name})
	}
	return in, nil
}

// newTraffic makes the series of an adapter, in the order of addTraffic.
func newTraffic(f *telemetry.Factory, name string) (all [8]*telemetry.Total) {
	label := telemetry.Label{Key: "interface", Value: name}
	for i, m := range [8]struct {
		name string
		unit telemetry.Unit
	}{
		{"bytes_sent", telemetry.Bytes}, {"bytes_recv", telemetry.Bytes}, {"packets_sent", telemetry.Packets}, {"packets_recv", telemetry.Packets},
		{"errin", telemetry.None}, {"errout", telemetry.None}, {"dropin", telemetry.None}, {"dropout", telemetry.None},
	} {
		all[i] = f.Counter("windows_net_"+m.name, m.unit, label)
	}
	return all
}

const maxLabel = 200

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	interfaces, err := in.host.Interfaces(ctx)
	for _, i := range interfaces {
		if !in.config.includes(i) {
			continue
		}
		series := in.interfaces.Get(metric.LabelValue(i.Name, maxLabel))
		for n, v := range [8]float64{i.TxBytes, i.RxBytes, i.TxPackets, i.RxPackets, i.RxErrors, i.TxErrors, i.RxDropped, i.TxDropped} {
			series[n].Add(out, v)
		}
	}
	if err == nil {
		in.interfaces.Sweep(out)
	}
	return errors.Join(err, in.addSockets(ctx, out))
}

func (in *input) addSockets(ctx context.Context, out *telemetry.Batch) error {
	sockets, err := in.host.Sockets(ctx)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, s := range sockets {
		counts[cmp.Or(s.State, stateless)] += s.Count
	}
	for name, series := range in.sockets {
		out.Add(series, float64(counts[name]))
	}
	return nil
}
