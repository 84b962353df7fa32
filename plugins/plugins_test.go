package plugins

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func TestOptionsAreDocumented(t *testing.T) {
	for _, key := range conf.Keys(Options{}) {
		if !strings.Contains(OptionsDoc(), "| `"+key+"` |") {
			t.Errorf("README.md does not mention %s", key)
		}
	}
}

func TestSelection(t *testing.T) {
	for name, want := range map[string]bool{"a": true, "ab": true, "ax": false, "b": false} {
		if got := (Selection{Include: match.NewList("a*"), Exclude: match.NewList("*x")}).Wants(name); got != want {
			t.Errorf("%s is wanted: %v", name, got)
		}
	}
	if s := (Selection{Exclude: match.NewList("*x")}); !s.Wants("b") || s.Wants("x") {
		t.Error("without includes all are wanted, but for those excluded")
	}
	if c := (&Options{Rates: true}).Choice(""); c.Wants != nil || c.NoRates || c.Prefix != "" {
		t.Errorf("without options the choice is %+v", c)
	}
}

func TestCounters(t *testing.T) {
	for _, tc := range []struct {
		agent, own Counters
		want       telemetry.Counters
	}{
		{"", "", telemetry.AllCounters}, {"moving", "", telemetry.MovingCounters}, {"moving", "all", telemetry.AllCounters}, {"", "none", telemetry.NoCounters},
	} {
		if got := (&Options{Counters: tc.own}).Choice(tc.agent).Counters; got != tc.want {
			t.Errorf("the agent says %q, the input %q: %v, want %v", tc.agent, tc.own, got, tc.want)
		}
	}
	var c Counters
	if err := c.UnmarshalScalar("some"); err == nil {
		t.Error("some is taken")
	}
}
