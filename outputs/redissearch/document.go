package redissearch

import (
	"strconv"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Names of a document's own values.
const (
	nameTimestamp = "timestamp"
	nameSeverity  = "severity"
	nameLevel     = "level"
	nameHost      = "host"
	nameSource    = "source"
	nameApp       = "appname"
	nameProc      = "procid"
	nameMsgID     = "msgid"
	nameMessage   = "message"
	nameFacility  = "facility"     // a field of the event; a number
	nameRemoteIP  = "remote_ip"    // a field of the event
	nameName      = "name"         // a field of the event
	nameInvalid   = "invalid_utf8" // which values were not valid UTF-8; see json.go
)

// value is one name of a document and what it holds.
type value struct {
	name    string
	text    string
	number  int64
	numeric bool
}

// document is an event as it is stored.
type document struct {
	values []value
	own    int // how many of the values are not fields of the event
}

// room is how many values a document usually has at most.
const room = 24

// fill appends what an event says. Values that it does not have are left out, so that they can be told from empty
// ones; a message always has one.
func (d *document) fill(e *telemetry.Event) {
	d.values = append(d.values,
		value{name: nameTimestamp, number: e.Time.UnixMilli(), numeric: true},
		value{name: nameSeverity, number: int64(e.Severity), numeric: true},
		value{name: nameLevel, text: e.Severity.String()})
	d.optional(nameHost, e.Host)
	d.optional(nameSource, e.Source)
	d.optional(nameApp, e.App)
	d.optional(nameProc, e.Proc)
	d.optional(nameMsgID, e.MsgID)
	d.values = append(d.values, value{name: nameMessage, text: e.Message})
	d.own = len(d.values)
	for _, f := range e.Fields {
		d.field(f)
	}
}

func (d *document) optional(name, text string) {
	if text != "" {
		d.values = append(d.values, value{name: name, text: text})
	}
}

// field appends a field of the event under its own name, or under another when that name is taken: none is lost.
func (d *document) field(f telemetry.Label) {
	if f.Key == nameFacility && !d.has(nameFacility) {
		if n, err := strconv.ParseInt(f.Value, 10, 32); err == nil && strconv.FormatInt(n, 10) == f.Value {
			d.values = append(d.values, value{name: nameFacility, number: n, numeric: true})
			return
		}
	}
	name := valid(f.Key)
	if name == "" || isOwn(name) || d.has(name) {
		name = d.free("field_" + name)
	}
	d.values = append(d.values, value{name: name, text: f.Value})
}

// isOwn says whether a field may not have this name: its value is not the event's, or not of the right type.
func isOwn(name string) bool {
	switch name {
	case nameTimestamp, nameSeverity, nameLevel, nameHost, nameSource, nameApp, nameProc, nameMsgID, nameMessage,
		nameFacility, nameInvalid:
		return true
	}
	return false
}

// free returns the name, or the first of name_2, name_3 … that is free.
func (d *document) free(name string) string {
	candidate := name
	for n := 2; d.has(candidate); n++ {
		candidate = name + "_" + strconv.Itoa(n)
	}
	return candidate
}

func (d *document) has(name string) bool {
	for i := range d.values[d.own:] {
		if d.values[d.own+i].name == name {
			return true
		}
	}
	return false
}
