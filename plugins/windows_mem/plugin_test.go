package windowsmem

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func hostWith(m sysinfo.Memory, err error) func(*plugins.Env) {
	return func(e *plugins.Env) {
		e.Host = &sysinfo.Host{Memory: func(context.Context) (sysinfo.Memory, error) { return m, err }}
	}
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "16 GB", Setup: func(_ *testing.T, e *plugins.Env) {
		hostWith(sysinfo.Memory{Total: 17e9, Available: 5e9}, nil)(e)
	}})
}

func TestGather(t *testing.T) {
	for name, tt := range map[string]struct {
		memory sysinfo.Memory
		want   map[string]float64
	}{
		"usual": {sysinfo.Memory{Total: 16000, Available: 4000, Used: 11000},
			map[string]float64{"windows_mem_total": 16000, "windows_mem_available": 4000, "windows_mem_used": 12000, "windows_mem_percent": 75}},
		"more available than there is": {sysinfo.Memory{Total: 16000, Available: 16001}, map[string]float64{"windows_mem_total": 16000}},
	} {
		got := plugintest.Start(t, Plugin, "", plugintest.Env("windows_mem", "", hostWith(tt.memory, nil))).Gather(0)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	away := errors.New("away")
	if _, err := plugintest.Start(t, Plugin, "", plugintest.Env("windows_mem", "", hostWith(sysinfo.Memory{}, away))).Batch(0); !errors.Is(err, away) {
		t.Error(err)
	}
}
