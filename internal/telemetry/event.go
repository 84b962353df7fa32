package telemetry

import (
	"strconv"
	"time"
)

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

// String is the severity's name: emergency, alert, critical, error, warning, notice, info or debug.
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

// Event is one log line or other occurrence. The input fills in what it knows; the agent adds Source, Seq and, where
// it is missing, Time. After that the event is immutable.
type Event struct {
	Time     time.Time
	Seq      uint64 // counts the events of one agent: no two have the same
	Source   string // the input that it came from, as in the label "source" of a series
	Severity Severity
	Host     string
	App      string
	Proc     string
	MsgID    string
	Message  string
	Fields   []Label
}

// What an event holds beside its texts, in bytes of a 64-bit machine.
const (
	sizeOfEvent = 160
	sizeOfField = 32
)

// Size is how much memory the event takes, in bytes: what it counts for in a buffer.
func (e *Event) Size() int {
	n := sizeOfEvent + len(e.Host) + len(e.App) + len(e.Proc) + len(e.MsgID) + len(e.Message)
	for i := range e.Fields {
		n += sizeOfField + len(e.Fields[i].Key) + len(e.Fields[i].Value)
	}
	return n
}

const (
	stampDigits = 13 // of milliseconds since the epoch, until the year 2286
	seqDigits   = 8
)

// AppendID appends what an event is called wherever it is stored: "<ms>-<instance>-<seq>", padded with zeros so that
// IDs sort by time as text, and those of one agent and millisecond in their order. It is the same whenever the event
// is written again. Instance tells agents apart, also the same one before and after a restart.
func (e *Event) AppendID(buf []byte, instance string) []byte {
	buf = append(AppendStamp(buf, e.Time.UnixMilli()), '-')
	buf = append(buf, instance...)
	return appendPadded(append(buf, '-'), e.Seq, seqDigits)
}

// AppendStamp appends milliseconds since the epoch, padded with zeros so that they sort as text.
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
