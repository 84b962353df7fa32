package syslogmsg

import (
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// maxCisco is how far into a message the mnemonic begins at the latest.
const maxCisco = 160

// parseCisco reads the messages of IOS, NX-OS and ASA: %FACILITY-SEVERITY-MNEMONIC: text, and in front of that, as the
// device is configured, counters, a host and a time in several orders. It returns false if the message is of no such
// device; then it has read nothing.
//
//	237: 000485: router1: *Jan  8 19:46:03.295: %SYS-5-CONFIG_I: Configured from console
//	Jan 08 2026 19:46:03 fw1 : %ASA-6-302013: Built inbound TCP connection
//	2026 Jan 28 19:46:03 CET: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up
func (p *Parser) parseCisco(text string, received time.Time, e *telemetry.Event) bool {
	at := strings.IndexByte(text[:min(len(text), maxCisco)], '%')
	if at < 0 || at > 0 && text[at-1] != ' ' {
		return false
	}
	facility, id, message := mnemonic(text[at+1:])
	if id == "" {
		return false
	}
	o, ok := p.readOrigin(strings.TrimRight(text[:at], ": "), received)
	if !ok {
		return false
	}
	if o.timed {
		setTime(e, o.sent, received)
	}
	if o.counter != "" {
		e.Fields = append(e.Fields, telemetry.Label{Key: Counter, Value: o.counter})
	}
	e.Host, e.App, e.MsgID, e.Message = o.host, facility, id, message
	return true
}

// mnemonic splits "SYS-5-CONFIG_I: text"; id is empty if that is not what stands there.
func mnemonic(text string) (facility, id, message string) {
	id, message, ok := strings.Cut(text, ":")
	parts := strings.Split(id, "-")
	if !ok || len(parts) < 3 || len(id) > maxTag {
		return "", "", ""
	}
	for _, part := range parts {
		if part == "" || strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return "", "", ""
		}
	}
	if severity := parts[len(parts)-2]; len(severity) != 1 || severity > "7" {
		return "", "", ""
	}
	return strings.Join(parts[:len(parts)-2], "-"), id, strings.TrimPrefix(message, " ")
}

// origin is what stands in front of a mnemonic.
type origin struct {
	counter, host string
	sent          time.Time
	timed         bool
}

func (p *Parser) readOrigin(text string, received time.Time) (o origin, ok bool) {
	for text != "" {
		if sent, rest, ok := p.readTime(text, received); ok && !o.timed {
			o.sent, o.timed = sent, true
			text = strings.TrimLeft(rest, ": ")
			continue
		}
		word, rest, _ := strings.Cut(text, ":")
		word = strings.TrimRight(word, " ")
		switch {
		case strings.ContainsRune(word, ' ') || len(word) > maxHost:
			return o, false
		case word == "": // the counter is switched off, its colon is not
		case strings.Trim(word, "0123456789") == "":
			o.counter = strings.TrimPrefix(o.counter+":"+word, ":")
		case o.host == "":
			o.host = word
		default:
			return o, false
		}
		text = strings.TrimLeft(rest, " ")
	}
	return o, true
}
