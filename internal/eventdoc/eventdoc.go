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

// Document is an event as it is stored: names that differ, in a fixed order. Its methods return it like append does, so
// that one may live on the stack.
type Document []Value

// Room is how many values an event usually has at most: for an array on the stack.
const Room = 24

// Fill appends what an event says to what is there already, whose names are taken. Values that it does not have are
// left out, so that they can be told from empty ones; a message is always there.
func (d Document) Fill(e *telemetry.Event) Document {
	d = append(d,
		Value{Name: Timestamp, Number: e.Time.UnixMilli(), Numeric: true},
		Value{Name: Severity, Number: int64(e.Severity), Numeric: true},
		Value{Name: Level, Text: e.Severity.String()})
	d = d.optional(Host, e.Host)
	d = d.optional(Source, e.Source)
	d = d.optional(App, e.App)
	d = d.optional(Proc, e.Proc)
	d = d.optional(MsgID, e.MsgID)
	d = append(d, Value{Name: Message, Text: e.Message})
	for i := range e.Fields {
		d = d.field(e.Fields[i].Key, e.Fields[i].Value)
	}
	return d
}

func (d Document) optional(name, text string) Document {
	if text == "" {
		return d
	}
	return append(d, Value{Name: name, Text: text})
}

// field appends a field of the event under its own name, or under another when that name is taken: none is lost.
func (d Document) field(key, text string) Document {
	if key == Facility && !d.has(Facility) {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil && strconv.FormatInt(n, 10) == text {
			return append(d, Value{Name: Facility, Number: n, Numeric: true})
		}
	}
	name := valid(key)
	if name == "" || isOwn(name) || d.has(name) {
		name = d.free("field_" + name)
	}
	return append(d, Value{Name: name, Text: text})
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
func (d Document) free(name string) string {
	candidate := name
	for n := 2; d.has(candidate); n++ {
		candidate = name + "_" + strconv.Itoa(n)
	}
	return candidate
}

func (d Document) has(name string) bool {
	for i := range d {
		if d[i].Name == name {
			return true
		}
	}
	return false
}
