// Package syslogmsg turns syslog messages into events: RFC 5424, and what is sent under the name of RFC 3164.
//
// That RFC describes what was seen on the wire in 2001 and says that a receiver has to live with anything. This package
// knows what rsyslog, syslog-ng, busybox, Docker, Cisco, Meraki, HP, Huawei, F5, Fortinet, Ubiquiti and Synology make of
// it, guesses year and zone, and keeps a message that it does not understand as it came.
package syslogmsg

import (
	"bytes"
	"errors"
	"strings"
	"time"

	syslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Standard says how messages are written.
type Standard string

// The standards.
const (
	Auto    Standard = "auto" // each message tells
	RFC5424 Standard = "rfc5424"
	RFC3164 Standard = "rfc3164"
)

// Names of fields that messages get beside those of their structured data.
const (
	Problem  = "parse_error"     // what is wrong with the message, which then is stored as it came
	SentAt   = "sent_at"         // what the sender says the time is, where that cannot be
	Repeated = "structured_data" // as it came, where it says one thing several times
	Counter  = "counter"         // the numbers that Cisco's devices give to messages
	Uptime   = "uptime"          // what they say instead of a time
	Node     = "node"            // the part of a router that IOS XR runs on, the slot of a BIG-IP
	Relay    = "relay"           // who passed the message of one of them on
	Device   = "device"          // hardware address and version of one of Ubiquiti's
)

// Settings say how to read messages.
type Settings struct {
	Standard   Standard
	Separator  string         // between the ID and the name of structured data, in the name of a field
	BestEffort bool           // what could be read of a bad message is used, beside the whole message
	Zone       *time.Location // of times that do not name theirs; nil: guessed, from the local one on
}

// Parser reads messages. It is for one goroutine.
type Parser struct {
	settings Settings
	machine  syslog.Machine
	local    *time.Location // where guessing begins
}

// New returns a parser.
func New(s Settings) *Parser {
	return &Parser{s, rfc5424.NewMachine(rfc5424.WithBestEffort()), time.Local}
}

// The priority of messages that do not say theirs: RFC 3164, section 4.3.3.
const (
	defaultFacility = 1 // user-level messages
	defaultSeverity = telemetry.Notice
	maxPriority     = 191
)

// Parse reads a message that was received at some time into an empty event, and returns its facility, 0 to 23. It says
// what is wrong with it; the event is complete even then, with the message as it came.
func (p *Parser) Parse(data []byte, received time.Time, e *telemetry.Event) (facility int, err error) {
	data = bytes.TrimPrefix(bytes.TrimRight(data, "\r\n\x00"), []byte(bom.Mark))
	text := string(data)
	facility, rest, ok := priority(text, e)
	e.Fields = append(e.Fields, telemetry.Int(eventdoc.Facility, int64(facility)))
	e.Time = received
	switch {
	case !ok:
		err = errNoPriority
	case p.parseEpoch(rest, received, e):
	case p.settings.Standard == RFC5424 || p.settings.Standard != RFC3164 && hasVersion(rest):
		err = p.parse5424(data, text, received, e)
	default:
		p.parse3164(rest, received, e)
	}
	if err != nil {
		e.Message = text
		e.Fields = append(e.Fields, telemetry.Text(Problem, err.Error()))
	}
	return facility, err
}

var errNoPriority = errors.New("no priority such as <13> at the beginning")

// priority reads "<13>": facility times eight plus severity, RFC 5424 section 6.2.1.
func priority(text string, e *telemetry.Event) (facility int, rest string, ok bool) {
	e.Severity = defaultSeverity
	end := strings.IndexByte(text[:min(len(text), len("<999>"))], '>')
	if end < 2 || text[0] != '<' {
		return defaultFacility, text, false
	}
	n := 0
	for _, c := range []byte(text[1:end]) {
		if c < '0' || c > '9' {
			return defaultFacility, text, false
		}
		n = 10*n + int(c-'0')
	}
	if n > maxPriority {
		return defaultFacility, text, false
	}
	e.Severity = telemetry.Severity(n % 8)
	return n / 8, text[end+1:], true
}

// hasVersion tells RFC 5424 from the rest: "<13>1 ", where others have a time, a name or a number with a colon.
func hasVersion(rest string) bool {
	return len(rest) > 1 && rest[0] >= '1' && rest[0] <= '9' && rest[1] == ' '
}

// setTime sets the time of an event to what its sender says, unless that cannot be: a clock that was never set or is years
// ahead would put the event where nobody looks for it.
func setTime(e *telemetry.Event, sent, received time.Time) {
	if sent.Before(received.Add(-oldest)) || sent.After(received.Add(newest)) {
		e.Fields = append(e.Fields, telemetry.Text(SentAt, sent.Format(time.RFC3339Nano)))
		return
	}
	e.Time = sent
}

// What setTime believes: messages may have waited for long, but not come from the future.
const (
	oldest = 366 * 24 * time.Hour
	newest = 24 * time.Hour
)
