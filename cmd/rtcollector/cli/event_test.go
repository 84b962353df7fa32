package cli

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/stdout"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
)

type nowhere struct{}

func (nowhere) Open(context.Context) error { return nil }
func (nowhere) Close() error               { return nil }

// All outputs of a process share one instance. Every other process, including the same one after a restart, has a different one.
func TestInstanceReachesOutputs(t *testing.T) {
	var got []string
	output := outputs.Define("nowhere", "keeps nothing", func() struct{} { return struct{}{} },
		func(e outputs.Env, _ struct{}) (nowhere, error) {
			got = append(got, e.Instance)
			return nowhere{}, nil
		})
	a := App{
		Inputs: pluginsall.Catalog(), Outputs: outputs.Catalog{output}, GOOS: "linux",
		Getenv: func(string) (string, bool) { return "", false },
	}
	cfg, err := config.Parse(t.Context(), "c", []byte("inputs: [system]\noutputs: [nowhere, nowhere: {alias: b}]"), a.configEnv())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := agent.New(a.describeAgent(cfg, slog.New(slog.DiscardHandler), io.Discard)); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 4 || got[0] != got[1] || got[2] != got[3] || got[0] == got[2] || len(got[0]) != 8 {
		t.Errorf("%q", got)
	}
}

func TestOnceShowsEvents(t *testing.T) {
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	b.Events = []telemetry.Event{{Time: time.Now(), Message: "something happened"}}
	var out bytes.Buffer
	a := App{rawOut: &out}
	if err := a.printBatches(t.Context(), stdout.JSON, []*telemetry.Batch{b}); err != nil || !strings.Contains(out.String(), `"message":"something happened"`) {
		t.Error(err, out.String())
	}
	if got := describeContents(b, nil); got != "0 samples and 1 event" {
		t.Error(got)
	}
	if got := describeContents(); got != "0 samples" {
		t.Error(got)
	}
}
