package windowsswap

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func hostWith(s sysinfo.Swap, err error) func(*plugins.Env) {
	return func(e *plugins.Env) {
		e.Host = &sysinfo.Host{Swap: func(context.Context) (sysinfo.Swap, error) { return s, err }}
	}
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "one page file", Setup: func(_ *testing.T, e *plugins.Env) {
		hostWith(sysinfo.Swap{Total: 4e9, Used: 1e9, Free: 3e9}, nil)(e)
	}})
}

func TestGather(t *testing.T) {
	for name, tt := range map[string]struct {
		swap sysinfo.Swap
		want map[string]float64
	}{
		"usual":        {sysinfo.Swap{Total: 4000, Used: 1000, Free: 3000}, map[string]float64{"windows_swap_total": 4000, "windows_swap_used": 1000, "windows_swap_free": 3000, "windows_swap_percent": 25}},
		"no page file": {sysinfo.Swap{}, map[string]float64{"windows_swap_total": 0, "windows_swap_used": 0, "windows_swap_free": 0, "windows_swap_percent": 0}},
		"impossible":   {sysinfo.Swap{Total: 1, Used: 2, Free: 1}, map[string]float64{"windows_swap_total": 1, "windows_swap_free": 1}},
	} {
		got := plugintest.Start(t, Plugin, "", plugintest.Env("windows_swap", "", hostWith(tt.swap, nil))).Gather(0)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	away := errors.New("away")
	if _, err := plugintest.Start(t, Plugin, "", plugintest.Env("windows_swap", "", hostWith(sysinfo.Swap{}, away))).Batch(0); !errors.Is(err, away) {
		t.Error(err)
	}
}
