// Package eventdoc is how an event is laid out wherever it is stored or printed: as flat names and values, the same
// ones everywhere.
package eventdoc

import (
	"strconv"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Names of an event's own values.
const (
	Timestamp = "timestamp" // milliseconds since the epoch
	Severity  = "severity"  // 0 to 7, RFC 5424
	Level     = "level"     // the severity's name
	Host      = "host"
	Source    = "source"
	App       = "appname"
	Proc      = "procid"
	MsgID     = "msgid"
	Message   = "message"
	Invalid   = "invalid_utf8" // which values were not valid UTF-8; see AppendJSON
)

// Names of fields that outputs know.
const (
	Facility = "facility" // a whole number, if it is one
	RemoteIP = "remote_ip"
	Name     = "name"
)

// Value is one name and what it holds: a number, or a text.
type Value struct {
	Name    string
	Text    string
	Number  int64
	Numeric bool
}

// Document is an event as it is stored: names that differ, in a fixed order.
type Document struct{ Values []Value }

// Room is how many values an event usually has at most: for a slice on the stack.
const Room = 24

// Fill appends what an event says to what is there already, whose names are taken. Values that it does not have are
// left out, so that they can be told from empty ones; a message is always there.
func (d *Document) Fill(e *telemetry.Event) {
	d.Values = append(d.Values,
		Value{Name: Timestamp, Number: e.Time.UnixMilli(), Numeric: true},
		Value{Name: Severity, Number: int64(e.Severity), Numeric: true},
		Value{Name: Level, Text: e.Severity.String()})
	d.optional(Host, e.Host)
	d.optional(Source, e.Source)
	d.optional(App, e.App)
	d.optional(Proc, e.Proc)
	d.optional(MsgID, e.MsgID)
	d.Values = append(d.Values, Value{Name: Message, Text: e.Message})
	for _, f := range e.Fields {
		d.field(f)
	}
}

func (d *Document) optional(name, text string) {
	if text != "" {
		d.Values = append(d.Values, Value{Name: name, Text: text})
	}
}

// field appends a field of the event under its own name, or under another when that name is taken: none is lost.
func (d *Document) field(f telemetry.Label) {
	if f.Key == Facility && !d.has(Facility) {
		if n, err := strconv.ParseInt(f.Value, 10, 32); err == nil && strconv.FormatInt(n, 10) == f.Value {
			d.Values = append(d.Values, Value{Name: Facility, Number: n, Numeric: true})
			return
		}
	}
	name := valid(f.Key)
	if name == "" || isOwn(name) || d.has(name) {
		name = d.free("field_" + name)
	}
	d.Values = append(d.Values, Value{Name: name, Text: f.Value})
}

// isOwn says whether a field may not have this name: its value is not the event's, or not of the right type.
func isOwn(name string) bool {
	switch name {
	case Timestamp, Severity, Level, Host, Source, App, Proc, MsgID, Message, Facility, Invalid:
		return true
	}
	return false
}

// free returns the name, or the first of name_2, name_3 … that is free.
func (d *Document) free(name string) string {
	candidate := name
	for n := 2; d.has(candidate); n++ {
		candidate = name + "_" + strconv.Itoa(n)
	}
	return candidate
}

func (d *Document) has(name string) bool {
	for i := range d.Values {
		if d.Values[i].Name == name {
			return true
		}
	}
	return false
}
