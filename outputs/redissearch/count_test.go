package redissearch_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

func TestCountEvents(t *testing.T) {
	each(t, func(t *testing.T, _ *testServer, c redissearch.Config) {
		f := open(t, c)
		var events []telemetry.Event
		for i, severity := range []telemetry.Severity{3, 3, 4, 6, 3, 7} {
			events = append(events, telemetry.Event{
				Time: start.Add(time.Duration(i) * 20 * time.Second), Seq: uint64(i + 1), Severity: severity, Host: "web-" + string('a'+rune(i%2)), Message: "it failed",
			})
		}
		write(t, f, events...)
		reader, ok := f.EventReader.(outputs.EventCounter)
		if !ok {
			t.Fatal("the reader cannot count")
		}
		count := func(q outputs.EventQuery) []outputs.SeverityCounts {
			t.Helper()
			q.Since = start
			counts, ok, err := reader.CountEvents(t.Context(), q, 40*time.Second, 4)
			if err != nil || !ok {
				t.Fatalf("%v, %v", ok, err)
			}
			return counts
		}
		for name, c := range map[string]struct {
			q    outputs.EventQuery
			want []outputs.SeverityCounts
		}{
			"all":     {outputs.EventQuery{To: telemetry.Debug}, []outputs.SeverityCounts{{3: 2}, {4: 1, 6: 1}, {3: 1, 7: 1}, {}}},
			"severe":  {outputs.EventQuery{To: telemetry.Error}, []outputs.SeverityCounts{{3: 2}, {}, {3: 1}, {}}},
			"a host":  {outputs.EventQuery{To: telemetry.Debug, Hosts: []string{"web-a"}}, []outputs.SeverityCounts{{3: 1}, {4: 1}, {3: 1}, {}}},
			"words":   {outputs.EventQuery{To: telemetry.Debug, Words: []string{"failed"}}, []outputs.SeverityCounts{{3: 2}, {4: 1, 6: 1}, {3: 1, 7: 1}, {}}},
			"nothing": {outputs.EventQuery{To: telemetry.Debug, Words: []string{"nothing"}}, make([]outputs.SeverityCounts, 4)},
		} {
			if diff := cmp.Diff(c.want, count(c.q)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		for name, q := range map[string]outputs.EventQuery{
			"text": {Text: "fail"}, "prefix of a word": {Words: []string{"f*"}}, "prefix of a host": {Hosts: []string{"web-*"}},
		} {
			if _, ok, err := reader.CountEvents(t.Context(), q, time.Minute, 1); ok || err != nil {
				t.Errorf("%s: %v, %v", name, ok, err)
			}
		}
	})
}
