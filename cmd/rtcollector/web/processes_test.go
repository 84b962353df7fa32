package web_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/proclog"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// process returns a row of a snapshot, so many seconds after T.
func process(seconds int64, host string, rank, pid int, name string) proclog.Row {
	at := time.Unix(T+seconds, 0)
	return proclog.Row{
		Time: at, Host: host, Snapshot: at.UnixMilli(), Rank: rank, PID: pid, Parent: 1, Start: time.UnixMilli(T*1000 - 1500), User: "anna", Name: name, Cmdline: name + " -x",
		Group: "web", Subgroup: name, CPU: 100 / float64(rank), RSS: int64(rank) << 20, PSS: 5, Read: 0, Write: 2.5, Rx: proclog.Unknown, Tx: proclog.Unknown, Threads: 2,
	}
}

// someProcesses are snapshots of box at 10, 20 and 40 and of other at 30, of which the one at 20 was written in parts.
func someProcesses() (all []telemetry.Event) {
	late := process(20, "box", 2, 9, "late")
	late.Time = late.Time.Add(3 * time.Second)
	lost := process(20, "box", 3, 10, "lost")
	lost.Time = lost.Time.Add(time.Hour) // a row that says it belongs to a snapshot of another hour
	for _, row := range []proclog.Row{
		process(10, "box", 1, 1, "first"), process(20, "box", 1, 1, "second"), process(30, "other", 1, 1, "foreign"), process(40, "box", 1, 1, "third"), late, lost,
	} {
		all = append(all, row.Event())
	}
	return append(all, event(20, "box", "first", telemetry.Informational, "a line of a log, not a process"))
}

type foundProcesses struct {
	Host               string
	At, Previous, Next float64
	Rows               []struct {
		PID   int
		Name  string
		Start float64
		PSS   *float64 `json:"pss_bytes"`
		Rx    *float64 `json:"rx_bytes_per_second"`
	}
	More      int `json:"rows_more"`
	Snapshots []float64
	Truncated bool
	Error     string
}

func (f *foundProcesses) names() string {
	var names []string
	for _, row := range f.Rows {
		names = append(names, row.Name)
	}
	return strings.Join(names, " ")
}

func TestProcesses(t *testing.T) {
	for store, base := range connectionStores(t, someProcesses()) {
		t.Run(store, func(t *testing.T) {
			get := func(query string) (code int, f foundProcesses) {
				code, body := fetch(t, base+"/api/processes?"+query)
				if err := json.Unmarshal([]byte(body), &f); err != nil {
					t.Fatal(query, body, err)
				}
				return code, f
			}
			at := func(seconds int) string { return "&at=" + (&archive{}).at(seconds) }
			for query, want := range map[string]struct {
				at, previous, next int64
				names              string
			}{
				"host=box":                         {40, 20, 0, "third"},
				"host=box" + at(39):                {20, 10, 40, "second late"},
				"host=box" + at(20):                {20, 10, 40, "second late"},
				"host=box&by=rss" + at(25):         {20, 10, 40, "late second"},
				"host=box&by=pss&last=1" + at(25):  {20, 10, 40, "second"},
				"host=box" + at(10):                {10, 0, 20, "first"},
				"host=box" + at(9):                 {0, 0, 10, ""},
				"host=other":                       {30, 0, 0, "foreign"},
				"host=none":                        {0, 0, 0, ""},
				"host=bo*":                         {0, 0, 0, ""},
				"host=BOX":                         {0, 0, 0, ""},
				"host=" + url.QueryEscape(`b"|{}`): {0, 0, 0, ""},
			} {
				second := func(n int64) float64 {
					if n == 0 {
						return 0
					}
					return float64(T + n)
				}
				code, f := get(query)
				if code != 200 || f.At != second(want.at) || f.Previous != second(want.previous) || f.Next != second(want.next) || f.names() != want.names || len(f.Snapshots) != 0 {
					t.Errorf("%s: %d, %+v", query, code, f)
				}
			}
			_, f := get("host=box&last=1&since=" + (&archive{}).at(15) + "&until=" + (&archive{}).at(45))
			if diff := cmp.Diff([]float64{T + 20, T + 40}, f.Snapshots); diff != "" || f.Truncated || f.names() != "third" {
				t.Errorf("%s, %+v", diff, f)
			}
			if _, f := get("host=box&last=1" + at(20)); f.More != 1 || f.Rows[0].Start != T-1.5 || *f.Rows[0].PSS != 5 || f.Rows[0].Rx != nil {
				t.Errorf("%+v", f)
			}
			for query, want := range map[string]string{
				"": "host: is missing", "host=" + strings.Repeat("x", 1001): "host: longer than", "host=a&by=size": "by: must be cpu, rss, ", "host=a&at=x": "at: ", "host=a&since=x": "since: ",
				"host=a&last=0": "last: must be from 1 to 1000", "host=a&since=9&until=8": "since: is later than until",
			} {
				if code, f := get(query); code != 400 || !strings.HasPrefix(f.Error, want) {
					t.Errorf("%s: %d %s", query, code, f.Error)
				}
			}
		})
	}
}
