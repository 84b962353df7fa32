package windowsnet

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// host has an adapter whose counters grow by their first values with each reading, an idle one, and the loopback.
func host(e *plugins.Env) {
	n := 0.0
	e.Host = &sysinfo.Host{
		Interfaces: func(context.Context) ([]sysinfo.Interface, error) {
			n++
			return []sysinfo.Interface{
				{Name: "Ethernet (2)", TxBytes: 10 * n, RxBytes: 20 * n, TxPackets: 30 * n, RxPackets: 40 * n, RxErrors: 50 * n, TxErrors: 60 * n, RxDropped: 70 * n, TxDropped: 80 * n},
				{Name: "Wi-Fi"}, {Name: "Loopback Pseudo-Interface 1", Loopback: true},
			}, nil
		},
		Sockets: func(context.Context) ([]sysinfo.Sockets, error) {
			return []sysinfo.Sockets{{Protocol: "tcp", State: "LISTEN", Count: 12}, {Protocol: "tcp", State: "TIME_WAIT", Count: 3}, {Protocol: "udp", Count: 7}, {Protocol: "tcp", State: "BOUND", Count: 1}}, nil
		},
	}
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "adapters", Setup: func(_ *testing.T, e *plugins.Env) { host(e) }, Allocs: 12})
}

func TestGather(t *testing.T) {
	p := plugintest.Start(t, Plugin, "exclude_interfaces: [Wi-Fi]", plugintest.Env("windows_net", "", host))
	p.Gather(0)
	want := map[string]float64{}
	for name, v := range map[string]float64{"bytes_sent": 1, "bytes_recv": 2, "packets_sent": 3, "packets_recv": 4, "errin": 5, "errout": 6, "dropin": 7, "dropout": 8} {
		want["windows_net_"+name+"_Ethernet_(2)"], want["windows_net_"+name+"_rate_Ethernet_(2)"] = 20*v, v
	}
	for _, state := range append(sysinfo.TCPStates(), stateless) {
		want["windows_net_connections_"+state] = 0
	}
	want["windows_net_connections_LISTEN"], want["windows_net_connections_TIME_WAIT"], want["windows_net_connections_NONE"] = 12, 3, 7
	if diff := cmp.Diff(want, p.Gather(10)); diff != "" {
		t.Error(diff)
	}
}

func TestSelection(t *testing.T) {
	for config, want := range map[string]int{"": 2, "include_interfaces: ['Loopback*']": 1, "{include_interfaces: ['*'], exclude_interfaces: [Wi-Fi]}": 2} {
		p := plugintest.Start(t, Plugin, config, plugintest.Env("windows_net", "", host))
		if b := p.Batches(0)[0]; b.Len() != 8*want+len(sysinfo.TCPStates())+1 {
			t.Errorf("%s: %d samples", config, b.Len())
		}
	}
}

// Adapters are reported although the sockets cannot be listed.
func TestPartialError(t *testing.T) {
	away := errors.New("away")
	p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_net", "", host, func(e *plugins.Env) {
		e.Host.Sockets = func(context.Context) ([]sysinfo.Sockets, error) { return nil, away }
	}))
	if b, err := p.Batch(0); !errors.Is(err, away) || b.Len() != 16 {
		t.Errorf("%d samples, %v", b.Len(), err)
	}
}
