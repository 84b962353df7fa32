package connlog

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func fullEvent() Event {
	return Event{
		Time: time.UnixMilli(1_700_000_000_123), Host: "web-1", Kind: Close, Message: "closed", RunID: "k3zq7abc", Session: "build 12", Conn: 7,
		PID: 300, Comm: "curl", Cmdline: "curl https://a.example/", User: "alice", Ancestry: "init:1 claude:200 curl:300",
		Provider: "anthropic", Proto: TCP, Direction: Out, Local: netip.MustParseAddrPort("10.0.0.5:40000"), Remote: netip.MustParseAddrPort("[2001:db8::2]:443"),
		Domain: "a.example", DomainSource: FromSNI, Duration: 9198 * time.Microsecond, HasDuration: true, TxBytes: 10, RxBytes: 0, RetryCount: 2,
		Error: "e", Reason: ClosedByShutdown, BeforeStart: true, Via: "ebpf",
	}
}

// Whatever an event holds is read back, from JSON and from a hash.
func TestRoundTrip(t *testing.T) {
	for i := range reflect.TypeFor[Event]().NumField() {
		if e := fullEvent(); reflect.ValueOf(e).Field(i).IsZero() && reflect.TypeFor[Event]().Field(i).Name != "Alert" && reflect.TypeFor[Event]().Field(i).Name != "RxBytes" {
			t.Errorf("the test has no value for %s", reflect.TypeFor[Event]().Field(i).Name)
		}
	}
	alert := fullEvent()
	alert.Kind, alert.Alert, alert.TxBytes, alert.RxBytes = Alert, "duration", -1, -1
	for _, want := range []Event{fullEvent(), alert, {Time: time.UnixMilli(1), Kind: Connect, TxBytes: -1, RxBytes: -1}} {
		stored := want.Telemetry()
		doc := eventdoc.Document(nil).Fill(&stored)
		var pairs []string
		for _, f := range doc {
			pairs = append(pairs, f.Key, f.Text())
		}
		for name, d := range map[string]eventdoc.Document{"document": doc, "hash": eventdoc.ParseHash(pairs)} {
			got, err := Parse(d)
			if err != nil || got != want {
				t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, want)
			}
		}
	}
}

func TestSeverity(t *testing.T) {
	for want, e := range map[telemetry.Severity]Event{telemetry.Warning: {Kind: Alert}, telemetry.Notice: {Kind: Connect, Error: "refused"}, telemetry.Informational: {Kind: Close}} {
		if got := e.Telemetry().Severity; got != want {
			t.Errorf("%+v has severity %v", e, got)
		}
	}
}

func TestOtherDocuments(t *testing.T) {
	if _, err := Parse(eventdoc.Document{telemetry.Text("event", "login")}); err == nil {
		t.Error("a document about something else was taken")
	}
}
