package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	"github.com/rtcollector/rtcollector/plugins"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
)

// TestSettingsReachTheAgent sets every setting that the agent itself uses.
func TestSettingsReachTheAgent(t *testing.T) {
	a := App{
		Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), GOOS: "linux",
		Getenv: func(string) (string, bool) { return "", false },
	}
	cfg, err := config.Parse(t.Context(), "c", []byte(`
interval: 20s
flush_interval: 1m
max_buffer_size: 777
max_event_buffer: 1MiB
when_full: drop_oldest
warn_on_buffer: false
inputs: [mem: {interval: 2s, timeout: 1s}, system, internal: {enabled: false}]
outputs: [stdout, stdout: {alias: second}]
`), a.configEnv())
	if err != nil {
		t.Fatal(err)
	}
	ac := a.describeAgent(cfg, slog.New(slog.DiscardHandler), io.Discard)
	type input struct {
		ID                string
		Interval, Timeout time.Duration
	}
	var inputs []input
	for _, in := range ac.Inputs {
		inputs = append(inputs, input{in.ID, in.Interval, in.Timeout})
	}
	if diff := cmp.Diff([]input{{"linux_mem", 2 * time.Second, time.Second}, {"system", 20 * time.Second, 0}}, inputs); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if ac.Flush != time.Minute || ac.Buffer != 777 || !ac.QuietDrops || ac.EventBuffer != 1<<20 || ac.Inputs[0].WhenFull != plugins.DropOldest || ac.Grace != 8*time.Second {
		t.Errorf("flush %v, buffers %d and %d, when full %v, quiet %v, grace %v", ac.Flush, ac.Buffer, ac.EventBuffer, ac.Inputs[0].WhenFull, ac.QuietDrops, ac.Grace)
	}
	if len(ac.Outputs) != 2 || ac.Outputs[1].ID != "stdout#second" {
		t.Errorf("outputs %v", ac.Outputs)
	}
}

// TestOptionsOfInputs gathers with every option that all inputs share.
func TestOptionsOfInputs(t *testing.T) {
	a := App{Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), GOOS: "linux", Getenv: func(string) (string, bool) { return "", false }}
	cfg, err := config.Parse(t.Context(), "c", []byte(`
tags: {site: a}
inputs:
  - internal:
      alias: me
      name_prefix: lab.
      rates: false
      tags: {rack: 7}
      metrics: {include: ["internal_process_*total*", internal_goroutines], exclude: [~goroutines$]}
outputs: [stdout]
`), a.configEnv())
	if err != nil {
		t.Fatal(err)
	}
	ac := a.describeAgent(cfg, slog.New(slog.DiscardHandler), io.Discard)
	live, err := ac.Inputs[0].Build()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for second := range int64(2) {
		b := telemetry.NewBatch(time.Unix(second, 0), time.Unix(second, 0), 0)
		if err := live.Gatherer.Gather(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			s, _, _ := b.Sample(i)
			got = append(got, s.String())
		}
	}
	want := `lab.internal_process_cpu_seconds_total{host="` + hostname(cfg) + `",rack="7",site="a",source="internal",unit="seconds"}`
	if diff := cmp.Diff([]string{want, want}, got); diff != "" {
		t.Error(diff)
	}
	if ac.Inputs[0].ID != "internal#me" {
		t.Errorf("its ID is %s", ac.Inputs[0].ID)
	}
}

func TestBalance(t *testing.T) {
	for name, tc := range map[string]struct {
		dropped, rejected, left int64
		err                     error
		want                    string
	}{
		"nothing lost": {0, 0, 0, nil, " INFO  rtcollector stopped, nothing lost output=x written=5 dropped=0 rejected=0 ran=1m0s\n"},
		"dropped":      {2, 0, 0, nil, " WARN  rtcollector stopped, not everything was written output=x written=5 dropped=2 rejected=0 ran=1m0s\n"},
		"rejected":     {0, 3, 0, nil, " WARN  rtcollector stopped, not everything was written output=x written=5 dropped=0 rejected=3 ran=1m0s\n"},
		"disk hung":    {0, 0, 7, nil, " WARN  rtcollector stopped, but what was in memory is lost output=x written=5 dropped=0 rejected=0 ran=1m0s in_memory=7\n"},
		"input hung":   {0, 0, 0, errors.Join(&agent.StuckError{Kind: "input", ID: "exec"}), " WARN  rtcollector stopped, but not in time: exec output=x written=5 dropped=0 rejected=0 ran=1m0s\n"},
		"hung":         {0, 0, 0, errors.Join(&agent.StuckError{Kind: "output", ID: "x"}), " WARN  rtcollector stopped, but this output did not stop in time output=x written=5 dropped=0 rejected=0 ran=1m0s\n"},
		"other hung":   {0, 0, 0, errors.Join(&agent.StuckError{Kind: "output", ID: "y"}), " INFO  rtcollector stopped, nothing lost output=x written=5 dropped=0 rejected=0 ran=1m0s\n"},
	} {
		var self selfstat.Registry
		o := self.NewOutput("x", 10, 0)
		o.Written.Store(5)
		o.Dropped.Store(tc.dropped)
		o.Rejected.Store(tc.rejected)
		o.Samples.Count.Store(tc.left)
		var out bytes.Buffer
		logTotals(slog.New(newConsole(&out, slog.LevelInfo)), &self, time.Minute, tc.err)
		if !strings.HasSuffix(out.String(), tc.want) {
			t.Errorf("%s: %s", name, &out)
		}
	}
}

// slowHandler takes a second per line, like a terminal or a pipe that is read slowly.
type slowHandler struct{ slog.Handler }

func (h slowHandler) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(time.Second)
	return h.Handler.Handle(ctx, r)
}

// An agent that has nothing to write ends at once, but still logs that it stops.
func TestStopIsAlwaysAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, stop := context.WithCancelCause(t.Context())
		wait := announceStop(ctx, slog.New(slowHandler{slog.NewTextHandler(&out, nil)}))
		stop(errors.New("terminated"))
		wait()
		if !strings.Contains(out.String(), "stopping: writing out the buffers") || !strings.Contains(out.String(), "cause=terminated") {
			t.Errorf("logged: %s", &out)
		}
	})
}

func TestLog(t *testing.T) {
	record := func(yaml string, debug bool) string {
		var out bytes.Buffer
		cfg := &config.Config{}
		cfg.LogFormat = yaml
		log := newLog(&out, cfg, debug).With("input", "a b")
		log.Debug("quiet")
		log.Info("said", "empty", "", "stack", "goroutine 1\n", "n", 7)
		return out.String()
	}
	if got := record("text", false); !strings.HasSuffix(got, ` INFO  said input="a b" empty="" n=7`+"\ngoroutine 1\n") || strings.Contains(got, "quiet") {
		t.Errorf("text: %q", got)
	}
	if got := record("json", false); !strings.Contains(got, `"msg":"said","input":"a b","empty":""`) || strings.Contains(got, "quiet") {
		t.Errorf("json: %q", got)
	}
	if got := record("text", true); !strings.Contains(got, "DEBUG quiet") {
		t.Errorf("with --debug: %q", got)
	}
	cfg := &config.Config{}
	cfg.Debug = true
	if !newLog(io.Discard, cfg, false).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("debug: true in the configuration has no effect")
	}
}

// IDs of events contain the instance: lower-case letters and digits, different in every process.
func TestInstancesDiffer(t *testing.T) {
	a, b := newInstanceID(), newInstanceID()
	if a == b || len(a) != 8 || strings.Trim(a, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Error(a, b)
	}
}

// TestMetricsWithoutDocumentation: what commands and plugins print has no text of another metric.
func TestMetricsWithoutDocumentation(t *testing.T) {
	a := App{Inputs: pluginsall.Catalog()}
	find := a.metricFinder()
	if m, ok := find("anything_at_all"); ok {
		t.Errorf("it is documented as %q", m.Source)
	}
	if _, ok := find("mem_used"); !ok {
		t.Error("mem_used has no documentation")
	}
}
