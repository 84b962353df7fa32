package connlog

import (
	"net/netip"
	"testing"
	"time"
)

func TestTotals(t *testing.T) {
	var got, sum Totals
	for _, e := range []Event{
		{Kind: Connect, TxBytes: -1, RxBytes: -1},
		{Kind: Connect, Error: "refused", TxBytes: 7},
		{Kind: Alert, HasDuration: true, Duration: time.Hour},
		{Kind: Close, TxBytes: 10, RxBytes: -1, HasDuration: true, Duration: 3 * time.Second},
		{Kind: Close, TxBytes: -1, RxBytes: 1 << 62, HasDuration: true, Duration: time.Second},
		{Kind: Close, RxBytes: 1 << 62},
	} {
		got.Count(&e)
	}
	want := Totals{Opened: 1, Failed: 1, Alerts: 1, Closed: 3, TxBytes: 10, RxBytes: 1 << 53, Timed: 2, Micros: 4e6, Longest: 3 * time.Second}
	if got != want || got.Mean() != 2*time.Second || sum.Mean() != 0 {
		t.Errorf("got %+v, mean %v", got, got.Mean())
	}
	sum.Add(got)
	sum.Add(got)
	if sum.Opened != 2 || sum.RxBytes != 1<<53 || sum.Longest != 3*time.Second || sum.Mean() != 2*time.Second {
		t.Errorf("twice: %+v", sum)
	}
}

func TestGroupAndSummary(t *testing.T) {
	e := fullEvent()
	if g := e.Group(); g != (Group{"anthropic", "a.example", "curl", 443, TCP, Out}) {
		t.Errorf("%+v", g)
	}
	for want, change := range map[string]func(*Event){
		"curl[300] closed the connection to a.example port 443 (tcp): e":     func(*Event) {},
		"curl[300] closed the connection from a.example port 40000 (tcp): e": func(e *Event) { e.Direction = In },
		"curl[300] accepted 10.0.0.9 port 40000 (tcp)": func(e *Event) {
			e.Kind, e.Direction, e.Error, e.Domain = Connect, In, "", ""
			e.Remote = netip.MustParseAddrPort("[::ffff:10.0.0.9]:9")
		},
		"curl[300] could not connect to a.example port 443 (tcp): e": func(e *Event) { e.Kind = Connect },
		"curl[300] connected to a.example port 443 (tcp)":            func(e *Event) { e.Kind, e.Error = Connect, "" },
		"curl[300] alert duration: a.example port 443 (tcp): e":      func(e *Event) { e.Kind, e.Alert = Alert, "duration" },
		"curl[300] listens on port 40000 (tcp)": func(e *Event) {
			e.Kind, e.Direction, e.Error, e.Domain, e.Remote = Connect, Listen, "", "", netip.AddrPort{}
		},
		"curl[300] no longer listens on port 40000 (tcp)": func(e *Event) { e.Direction, e.Error, e.Domain, e.Remote = Listen, "", "", netip.AddrPort{} },
	} {
		e := fullEvent()
		change(&e)
		if got := e.Summary(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
