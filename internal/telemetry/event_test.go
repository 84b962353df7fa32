package telemetry

import (
	"math/bits"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestEventID(t *testing.T) {
	id := func(ms int64, instance string, seq uint64) string {
		e := Event{Time: time.UnixMilli(ms), Seq: seq}
		return string(e.AppendID([]byte("log:"), instance))
	}
	if got := id(1_700_000_000_000, "k3zq7abc", 42); got != "log:1700000000000-k3zq7abc-00000042" {
		t.Error(got)
	}
	ordered := []string{
		id(-5, "a", 1), id(7, "a", 2), id(999_999_999_999, "a", 3), id(1_700_000_000_000, "a", 4),
		id(1_700_000_000_000, "a", 9), id(1_700_000_000_000, "a", 10), id(1_700_000_000_001, "a", 5), id(9_999_999_999_999, "a", 1<<40),
	}
	if !slices.IsSorted(ordered) {
		t.Errorf("do not sort by time: %q", ordered)
	}
	if id(1, "a", 1) == id(1, "b", 1) || id(1, "a", 1) == id(1, "a", 2) {
		t.Error("two events share an ID")
	}
	e := Event{}
	if got := string(e.AppendID(nil, "x")); got != "0000000000000-x-00000000" {
		t.Error(got)
	}
	var room [64]byte
	if n := testing.AllocsPerRun(100, func() { e.AppendID(room[:0], "k3zq7abc") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSeverityNames(t *testing.T) {
	var names []string
	for s := Emergency; s <= Debug; s++ {
		names = append(names, s.String())
	}
	want := []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}
	if !slices.Equal(names, want) {
		t.Error(names)
	}
	if got := Severity(9).String(); got != "severity9" {
		t.Error(got)
	}
}

// The size of an event includes its texts and fields, because queues of events are limited by size.
func TestEventSizeCountsTexts(t *testing.T) {
	var none Event
	full := Event{Host: "12", App: "345", Proc: "6", MsgID: "7890", Message: "ab", Fields: []Field{Text("k", "123456"), Int("", 1)}}
	if d := full.Size() - none.Size(); d != 2+3+1+4+2+7+2*sizeOfField {
		t.Errorf("%d bytes more than an empty event", d)
	}
	if bits.UintSize == 32 {
		return // the constants are those of 64 bits
	}
	if got := int(reflect.TypeFor[Event]().Size()); got > sizeOfEvent || sizeOfField != reflect.TypeFor[Field]().Size() {
		t.Errorf("an event takes %d bytes without its texts, a field %d", got, reflect.TypeFor[Field]().Size())
	}
}
