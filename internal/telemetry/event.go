package telemetry

import "time"

// Severity is that of RFC 5424, section 6.2.1: 0 is emergency, 7 is debug.
type Severity uint8

// The severities of RFC 5424.
const (
	Emergency Severity = iota
	Alert
	Critical
	Error
	Warning
	Notice
	Informational
	Debug
)

// Event is one log line or other occurrence. It is immutable once it is in a batch.
type Event struct {
	Time     time.Time
	Severity Severity
	Host     string
	App      string
	Proc     string
	MsgID    string
	Message  string
	Fields   []Label
}
