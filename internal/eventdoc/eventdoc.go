// Package eventdoc defines the layout of a stored or printed event: a flat list of names and values. The names are the same in every
// destination.
//
//   - eventdoc.go: [Document], and how it is filled with an event.
//   - json.go: writes JSON. read.go: parses JSON and hashes.
package eventdoc

import (
	"strconv"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Names of the values that an event itself has.
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
	Invalid   = "invalid_utf8" // names of the values that were not valid UTF-8; see AppendJSON
)

// Names of fields that outputs treat specially.
const (
	Facility = "facility" // a whole number, if it can be read as one
	RemoteIP = "remote_ip"
	Name     = "name"
)

// Document is an event as it is stored: values with distinct names, in a fixed order. Its methods return the extended
// document, as append does, so that it can live on the stack.
type Document []telemetry.Field

// TypicalLen is the length that documents of most events do not exceed. Callers use it for an array on the stack.
const TypicalLen = 24

// Fill appends the values of an event. It does not use names that are already in the document. It leaves out empty values, except the
// message.
func (d Document) Fill(e *telemetry.Event) Document {
	d = append(d,
		telemetry.Int(Timestamp, e.Time.UnixMilli()),
		telemetry.Int(Severity, int64(e.Severity)),
		telemetry.Text(Level, e.Severity.String()))
	d = d.appendText(Host, e.Host)
	d = d.appendText(Source, e.Source)
	d = d.appendText(App, e.App)
	d = d.appendText(Proc, e.Proc)
	d = d.appendText(MsgID, e.MsgID)
	d = append(d, telemetry.Text(Message, e.Message))
	for i := range e.Fields {
		d = d.appendField(e.Fields[i])
	}
	return d
}

func (d Document) appendText(name, text string) Document {
	if text == "" {
		return d
	}
	return append(d, telemetry.Text(name, text))
}

// appendField appends a field of the event. If its name is already used, the field gets another name.
func (d Document) appendField(f telemetry.Field) Document {
	if f.Key == Facility && !d.hasName(Facility) {
		if number, ok := facilityNumber(f); ok {
			return append(d, number)
		}
	}
	f.Key = toValidUTF8(f.Key)
	if f.Key == "" || isReserved(f.Key) || d.hasName(f.Key) {
		f.Key = d.freeName("field_" + f.Key)
	}
	return append(d, f)
}

// facilityNumber returns the facility as a number if it is a number or its decimal text.
func facilityNumber(f telemetry.Field) (number telemetry.Field, ok bool) {
	switch f.Kind() {
	case telemetry.KindInt:
		return f, true
	case telemetry.KindText:
		n, err := strconv.ParseInt(f.Text(), 10, 32)
		return telemetry.Int(Facility, n), err == nil && strconv.FormatInt(n, 10) == f.Text()
	}
	return f, false
}

// isReserved reports whether a name is reserved for a value of the event itself.
func isReserved(name string) bool {
	switch name {
	case Timestamp, Severity, Level, Host, Source, App, Proc, MsgID, Message, Facility, Invalid:
		return true
	}
	return false
}

// freeName returns the first of name, name_2, name_3, … that is not used.
func (d Document) freeName(name string) string {
	candidate := name
	for n := 2; d.hasName(candidate); n++ {
		candidate = name + "_" + strconv.Itoa(n)
	}
	return candidate
}

func (d Document) hasName(name string) bool {
	for i := range d {
		if d[i].Key == name {
			return true
		}
	}
	return false
}
