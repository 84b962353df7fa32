package telemetry

import (
	"strconv"
	"time"
)

// Severity is the severity of RFC 5424, section 6.2.1: 0 is emergency, 7 is debug.
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

// String returns the name of the severity: emergency, alert, critical, error, warning, notice, info or debug.
func (s Severity) String() string {
	switch s {
	case Emergency:
		return "emergency"
	case Alert:
		return "alert"
	case Critical:
		return "critical"
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Notice:
		return "notice"
	case Informational:
		return "info"
	case Debug:
		return "debug"
	}
	return "severity" + strconv.Itoa(int(s))
}

// Event is a log line or another occurrence. The input fills in what it knows; the agent adds Source, Seq and, if it is
// missing, Time. After that the event is immutable.
type Event struct {
	Time     time.Time
	Seq      uint64 // number of the event within its run of the agent; unique
	Run      string // the instance of that run if it is an earlier one, whose event was stored; "": the run that writes the event
	Source   string // the input that it came from, like the label "source" of a series
	Severity Severity
	Host     string
	App      string
	Proc     string
	MsgID    string
	Message  string
	Fields   []Field
}

// Bytes that an event and a field take without their texts, on a 64-bit machine.
const (
	sizeOfEvent = 176
	sizeOfField = 48
)

// Size returns how much memory the event takes, in bytes. It is the weight of the event in a queue.
func (e *Event) Size() int {
	n := sizeOfEvent + len(e.Host) + len(e.App) + len(e.Proc) + len(e.MsgID) + len(e.Message)
	for i := range e.Fields {
		n += e.Fields[i].Size()
	}
	return n
}

const (
	stampDigits = 13 // of milliseconds since the epoch, until the year 2286
	seqDigits   = 8
)

// AppendID appends the identity of the event in every destination: "<ms>-<instance>-<seq>", padded with zeros so that IDs
// sort by time as text, and the IDs of one agent and millisecond in order. It is the same whenever the event is written
// again. Instance identifies the run that writes the event: it differs between agents and after a restart.
func (e *Event) AppendID(buf []byte, instance string) []byte {
	buf = append(AppendStamp(buf, e.Time.UnixMilli()), '-')
	buf = append(buf, e.Origin(instance)...)
	return appendPadded(append(buf, '-'), e.Seq, seqDigits)
}

// Origin returns the instance of the run that the event is from. Instance is that of the run that writes it.
func (e *Event) Origin(instance string) string {
	if e.Run != "" {
		return e.Run
	}
	return instance
}

// AppendStamp appends a time in milliseconds since the epoch, padded with zeros so that times sort as text.
func AppendStamp(buf []byte, ms int64) []byte {
	return appendPadded(buf, uint64(max(ms, 0)), stampDigits)
}

func appendPadded(buf []byte, v uint64, width int) []byte {
	var room [20]byte
	digits := strconv.AppendUint(room[:0], v, 10)
	for range width - len(digits) {
		buf = append(buf, '0')
	}
	return append(buf, digits...)
}
