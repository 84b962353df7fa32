// Package syslogmsg turns syslog messages into events: RFC 5424, and the many formats that are called RFC 3164.
//
// RFC 3164 describes what was observed on the wire in 2001, and requires receivers to accept anything. This package knows the
// formats of rsyslog, syslog-ng, busybox, Docker, Cisco, Meraki, HP, Huawei, F5, Fortinet, Ubiquiti and Synology. It guesses
// year and zone. A message that it does not understand is stored unchanged.
//
//   - parser.go: [Parser] reads the priority and decides on the format.
//   - rfc5424.go: RFC 5424, and messages that almost follow it. rfc3164.go: time, host, tag and text.
//   - cisco.go, devices.go: formats of devices that differ from RFC 3164.
//   - stamp.go, zone.go: times in all these formats; guessing the year and the zone.
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

// Standard is the format of messages.
type Standard string

// The standards.
const (
	Auto    Standard = "auto" // detected for each message
	RFC5424 Standard = "rfc5424"
	RFC3164 Standard = "rfc3164"
)

// Names of fields that messages get in addition to those of their structured data.
const (
	Problem  = "parse_error"     // why the message could not be parsed; the message is then stored unchanged
	SentAt   = "sent_at"         // the sender's time, if it is implausible
	Repeated = "structured_data" // the unchanged text, if a parameter appears more than once
	Counter  = "counter"         // message numbers of Cisco devices
	Uptime   = "uptime"          // uptime of a Cisco device that sends no time
	Node     = "node"            // the part of a router that IOS XR runs on, or the slot of a BIG-IP
	Relay    = "relay"           // the host that relayed the message of a device
	Device   = "device"          // hardware address and version of a Ubiquiti device
)

// Settings configure a parser.
type Settings struct {
	Standard   Standard
	Separator  string         // between ID and parameter name of structured data, in the name of a field
	BestEffort bool           // use the valid parts of a bad message, in addition to the whole message
	Zone       *time.Location // of times without a zone; nil: guess it, relative to the local zone
}

// Parser parses messages. It is not safe for concurrent use.
type Parser struct {
	settings Settings
	machine  syslog.Machine
	local    *time.Location // first guess for the zone
}

// New returns a parser.
func New(s Settings) *Parser {
	return &Parser{s, rfc5424.NewMachine(rfc5424.WithBestEffort()), time.Local}
}

// The priority of messages without one: RFC 3164, section 4.3.3.
const (
	defaultFacility = 1 // user-level messages
	defaultSeverity = telemetry.Notice
	maxPriority     = 191
)

// Parse parses a message into an empty event and returns its facility, 0 to 23. Received is the time at which it arrived.
// After an error the event is also complete: it contains the unchanged message and the error.
func (p *Parser) Parse(data []byte, received time.Time, e *telemetry.Event) (facility int, err error) {
	data = bytes.TrimPrefix(bytes.TrimRight(data, "\r\n\x00"), []byte(bom.Mark))
	text := string(data)
	facility, rest, ok := parsePriority(text, e)
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

// parsePriority parses "<13>": facility times eight plus severity (RFC 5424, section 6.2.1). It sets the severity of e.
func parsePriority(text string, e *telemetry.Event) (facility int, rest string, ok bool) {
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

// hasVersion reports whether the text after the priority begins with a version, as in RFC 5424: "<13>1 ". Other formats have
// a time, a name, or a number with a colon there.
func hasVersion(rest string) bool {
	return len(rest) > 1 && rest[0] >= '1' && rest[0] <= '9' && rest[1] == ' '
}

// setTime sets the time of an event to that of its sender, unless it is implausible. Nobody would find the events of a sender
// whose clock was never set, or is years ahead.
func setTime(e *telemetry.Event, sent, received time.Time) {
	if sent.Before(received.Add(-maxAge)) || sent.After(received.Add(maxAhead)) {
		e.Fields = append(e.Fields, telemetry.Text(SentAt, sent.Format(time.RFC3339Nano)))
		return
	}
	e.Time = sent
}

// The times that setTime accepts, relative to the time of reception. A message may have waited for long.
const (
	maxAge   = 366 * 24 * time.Hour
	maxAhead = 24 * time.Hour
)
