//go:build linux

package cli

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/webtest"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestDashboards runs the agent with every input of this system and those of processes, and checks Grafana's dashboards for hosts and agents on what it has
// written. The dashboards for services are checked in the folders of their inputs.
func TestDashboards(t *testing.T) {
	const interval = time.Second
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	a := App{Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), GOOS: "linux", Getenv: func(string) (string, bool) { return "", false }}
	text, err := a.demoConfig(server.Addr(), demoFlags{interval: interval})
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "{source: proc}", "{}") // with eBPF there is more
	plugintest.Work(t)
	cfg, err := config.Parse(t.Context(), "demo", []byte(text), a.configEnv())
	if err != nil {
		t.Fatal(err)
	}
	ag, _, err := a.newAgent(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ag.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	client, err := openEmbedded(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var first, last int64
	servicetest.Until(t, "the agent has written six samples of its own counters", func(ctx context.Context) error {
		reply, err := client.Do(ctx, "TS.RANGE", hostname(cfg)+":internal_agent_metrics_written", "-", "+").Slice()
		if err != nil || len(reply) < 6 {
			return errors.Join(err, errors.New("not yet"))
		}
		first, last = reply[0].([]any)[0].(int64), reply[len(reply)-1].([]any)[0].(int64)
		return nil
	})
	d := webtest.Dashboard{Server: webtest.NewServer(t, client), From: time.UnixMilli(first), To: time.UnixMilli(last), Interval: interval}
	for _, d.Name = range []string{"rtcollector-fleet", "rtcollector-linux", "rtcollector-processes", "rtcollector-agents"} {
		d.Check(t)
	}
}
