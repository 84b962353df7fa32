package metricdoc

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/match"
)

const readme = "# x\n\n| key | default |\n|---|---|\n| `a` | `b` |\n\n" + Header + `
|---|---|---|---|---|---|
| ` + "`rx_bytes` and its `_rate`" + ` | ` + "`iface`, (`queue`)" + ` | bytes | counter | the file | Linux 4.20 |
| ` + "`up` `down`" + ` | | | gauge | x | |
| ` + "`ip_*` and its `_rate`" + ` | | | counter | x | |
| ` + "`ip_Forwarding`" + ` | | | gauge | x | |
| cut | short |
| no names | | | gauge | x | |

| ` + "`after`" + ` | | | gauge | x | |
`

func TestParse(t *testing.T) {
	want := []Metric{
		{Names: []string{"rx_bytes"}, HasRate: true, Labels: []string{"iface"}, Optional: []string{"queue"}, Unit: "bytes", Kind: "counter",
			Source: "the file", Needs: "Linux 4.20"},
		{Names: []string{"up", "down"}, Kind: "gauge", Source: "x"},
		{Names: []string{"ip_*"}, HasRate: true, Kind: "counter", Source: "x"},
		{Names: []string{"ip_Forwarding"}, Kind: "gauge", Source: "x"},
	}
	if diff := cmp.Diff(want, Parse(readme)); diff != "" {
		t.Error(diff)
	}
}

func TestFind(t *testing.T) {
	metrics := Parse(readme)
	metrics = append(metrics, Parse(Header+"\n| `nr_t_*` and its `_rate` | | | counter | x | |\n| `nr_*` | | pages | gauge | x | |\n| `nr_dirtied` and its `_rate` | | pages | counter | x | |\n")...)
	for name, want := range map[string]string{
		"nr_x": "gauge pages", "nr_t_x": "counter ", "nr_t_x_rate": "gauge per_second", "nr_dirtied": "counter pages", "nr_dirtied_rate": "gauge pages_per_second",
		"rx_bytes": "counter bytes", "rx_bytes_rate": "gauge bytes_per_second", "up": "gauge ", "up_rate": "",
		"ip_InReceives": "counter ", "ip_InReceives_rate": "gauge per_second", "ip_Forwarding": "gauge ", "after": "", "a": "", "_rate": "",
	} {
		m, ok := Find(metrics, name)
		got := ""
		if ok {
			got = m.Kind + " " + string(m.Unit)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestMatchesAny(t *testing.T) {
	all := Parse(readme)
	for pattern, want := range map[string]bool{
		"rx_bytes": true, "rx_bytes_rate": true, "up_rate": false, "ip_Any": true, "rx_byte": false, "~x": true, "z*": true, // ip_* may be anything
	} {
		if got := MatchesAny(all, match.NewList(pattern)[0]); got != want {
			t.Errorf("%s fits: %v", pattern, got)
		}
	}
	if MatchesAny(all[:2], match.NewList("z*")[0]) || !MatchesAny(all[:2], match.NewList("rx*rate")[0]) {
		t.Error("globs over known names")
	}
	if diff := cmp.Diff([]string{"rx_bytes", "rx_bytes_rate", "up", "down"}, Names(all[:2])); diff != "" {
		t.Error(diff)
	}
}
