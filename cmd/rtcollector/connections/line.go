package connections

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// Line is one line of a list: a provider, a domain, a process or a port, and its totals.
type Line struct {
	Name string
	connlog.Totals
}

// List is a list of lines, those with the most connections first.
type List struct {
	Lines []Line
	More  int // lines that were cut
}

// MarshalJSON writes times in milliseconds.
func (l Line) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name string `json:"name"`
		jsonTotals
	}{l.Name, toJSON(l.Totals)})
}

// jsonTotals is how totals look in JSON.
type jsonTotals struct {
	Opened   int64   `json:"opened"`
	Failed   int64   `json:"failed"`
	Closed   int64   `json:"closed"`
	Alerts   int64   `json:"alerts"`
	Tx       int64   `json:"tx_bytes"`
	Rx       int64   `json:"rx_bytes"`
	Timed    int64   `json:"timed"`
	Duration float64 `json:"duration_ms"`
	Mean     float64 `json:"mean_ms"`
	Longest  float64 `json:"longest_ms"`
}

func toJSON(t connlog.Totals) jsonTotals {
	return jsonTotals{t.Opened, t.Failed, t.Closed, t.Alerts, t.TxBytes, t.RxBytes, t.Timed, float64(t.Micros) / 1000, inMillis(t.Mean()), inMillis(t.Longest)}
}

func inMillis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// newList adds the totals of groups by the name that each has, and returns the first lines.
func newList(groups map[connlog.Group]connlog.Totals, top int, name func(connlog.Group) string) List {
	sums := map[string]connlog.Totals{}
	for g, t := range groups {
		sum := sums[name(g)]
		sum.Add(t)
		sums[name(g)] = sum
	}
	lines := make([]Line, 0, len(sums))
	for n, t := range sums {
		lines = append(lines, Line{n, t})
	}
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(
			cmp.Compare(b.Opened+b.Failed, a.Opened+a.Failed), cmp.Compare(b.TxBytes+b.RxBytes, a.TxBytes+a.RxBytes),
			cmp.Compare(b.Alerts, a.Alerts), cmp.Compare(a.Name, b.Name))
	})
	shown := min(top, len(lines))
	return List{lines[:shown], len(lines) - shown}
}

// portName returns a port as people write it.
func portName(g connlog.Group) string {
	if g.Port == 0 {
		return ""
	}
	name := strconv.Itoa(int(g.Port)) + "/" + g.Proto
	if g.Direction == connlog.In || g.Direction == connlog.Listen {
		name += " in"
	}
	return name
}
