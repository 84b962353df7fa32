package syslogmsg

import (
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// maxMnemonicOffset bounds the bytes before the mnemonic of a message.
const maxMnemonicOffset = 160

// parseCisco parses the messages of IOS, IOS XE, IOS XR, NX-OS and ASA: %FACILITY-SEVERITY-MNEMONIC: text. Depending on the
// configuration of the device, counters, names and times precede it, in several orders. parseCisco returns false, and does
// not change e, if the message is not from such a device.
//
//	237: 000485: router1: *Jan  8 19:46:03.295: %SYS-5-CONFIG_I: Configured from console
//	Jan 08 2026 19:46:03 fw1 : %ASA-6-302013: Built inbound TCP connection
//	: 2026 Jan 28 19:46:03 CET: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up
//	712: edge1 RP/0/RSP1/CPU0:Jan 28 19:46:03.930 UTC: bgp[1051]: %ROUTING-BGP-5-MAXPFX : No. of prefixes
//	237: router1: Jan  8 19:46:03.295 CET: last message repeated 66 times
func (p *Parser) parseCisco(text string, received time.Time, e *telemetry.Event) bool {
	head, facility, id, message := splitMnemonic(text)
	bare := id == ""
	if bare && !startsWithCounter(text) {
		return false
	}
	o, rest, ok := p.readOrigin(head, received, bare)
	if !ok {
		return false
	}
	if bare {
		message = rest
	}
	if !o.sent.IsZero() {
		setTime(e, o.sent, received)
	}
	for _, f := range [...]telemetry.Field{telemetry.Text(Counter, o.counter), telemetry.Text(Uptime, o.uptime), telemetry.Text(Node, o.node), telemetry.Text(Relay, o.relay)} {
		if f.Text() != "" {
			e.Fields = append(e.Fields, f)
		}
	}
	if o.app == "" {
		o.app = facility
	}
	e.Host, e.App, e.Proc, e.MsgID, e.Message = o.host, o.app, o.proc, id, message
	return true
}

const decimalDigits = "0123456789"

// startsWithCounter reports whether a text begins with a number and a colon. The number may be missing.
func startsWithCounter(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return text[i] == ':'
		}
	}
	return false
}

// splitMnemonic splits a message around "%SYS-5-CONFIG_I: ". Without a mnemonic, id is empty and head is the whole text.
func splitMnemonic(text string) (head, facility, id, message string) {
	at := strings.IndexByte(text[:min(len(text), maxMnemonicOffset)], '%')
	if at < 0 || at > 0 && text[at-1] != ' ' {
		return text, "", "", ""
	}
	if facility, id, message = parseMnemonic(text[at+1:]); id == "" {
		return text, "", "", ""
	}
	return text[:at], facility, id, message
}

// parseMnemonic splits "SYS-5-CONFIG_I: text". The id is empty if the text has another form.
func parseMnemonic(text string) (facility, id, message string) {
	const severities = "01234567" + "ACEWNID" // small switches send a letter
	id, message, ok := strings.Cut(text, ":")
	id = strings.TrimSuffix(id, " ") // IOS XR
	if !ok || len(id) > maxTagLen {
		return "", "", ""
	}
	last := strings.LastIndexByte(id, '-')
	if last < len("A-5") || last == len(id)-1 || id[last-2] != '-' || strings.IndexByte(severities, id[last-1]) < 0 {
		return "", "", ""
	}
	for _, c := range []byte(id) {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '_' && c != '-' {
			return "", "", ""
		}
	}
	return id[:last-2], id, strings.TrimPrefix(message, " ")
}

// messageOrigin is the information before a mnemonic.
type messageOrigin struct {
	counter, uptime, node, relay, host, app, proc string

	sent  time.Time // by the clock of the device; it comes after the time of a relay
	times int       // number of times in the text
}

// readOrigin parses the text before a mnemonic. Without a mnemonic (bare), the head ends at the first time that is followed
// by a colon, and rest is the text after it.
func (p *Parser) readOrigin(text string, received time.Time, bare bool) (o messageOrigin, rest string, ok bool) {
	for {
		if text = strings.TrimLeft(text, ": "); text == "" {
			return o, "", !bare
		}
		if sent, rest, ok := p.readTime(text, received); ok && o.times < 2 {
			o.sent, o.times, text = sent, o.times+1, o.skipUnknownZone(rest)
			if message, ended := strings.CutPrefix(text, ":"); bare && ended {
				return o, strings.TrimPrefix(message, " "), true
			}
			continue
		}
		end := len(text)
		if at := strings.IndexByte(text, ' '); at >= 0 {
			end = at
		}
		if at := strings.IndexByte(text[:end], ':'); at >= 0 && strings.IndexByte(text[:at], '/') >= 0 {
			end = at // the time follows a node without a blank
		}
		if !o.takeWord(strings.TrimSuffix(text[:end], ":")) {
			return o, text, false
		}
		text = text[end:]
	}
}

// takeWord assigns a word to a field of the origin. It returns false if no field fits.
func (o *messageOrigin) takeWord(word string) bool {
	process, pid, bracket := strings.Cut(word, "[")
	switch {
	case len(word) > maxHostLen:
		return false
	case strings.Trim(word, decimalDigits) == "":
		o.counter = strings.TrimPrefix(o.counter+":"+word, ":")
	case isUptime(word):
		o.uptime = word
	case bracket && strings.HasSuffix(pid, "]"): // IOS XR
		o.app, o.proc = process, strings.TrimSuffix(pid, "]")
	case strings.Contains(word, "/"):
		o.node = word
	case o.host != "" && isZoneName(word): // NX-OS without a time of its own
	case o.host == "":
		o.host = word
	case o.relay == "":
		o.relay, o.host = o.host, word
	default:
		return false
	}
	return true
}

// isUptime reports whether a word is an uptime such as 3w2d or 00:01:46, and not a name or an address.
func isUptime(word string) bool {
	if len(word) == len("00:01:46") && word[2] == ':' && word[5] == ':' {
		return strings.Trim(word, decimalDigits+":") == ""
	}
	return isDigit(word[0]) && strings.Trim(word, decimalDigits+"ywdhms") == "" && !isDigit(word[len(word)-1])
}

// skipUnknownZone skips the name of an unknown zone: IOS accepts any name of up to seven letters. If nothing precedes the
// time, the word is the name of an ASA.
func (o *messageOrigin) skipUnknownZone(rest string) string {
	const maxLen = 7
	word, tail, ok := strings.Cut(rest, ":")
	if name := strings.TrimPrefix(word, " "); !ok || len(word) == len(name) || len(name) > maxLen || o.counter+o.host == "" {
		return rest
	} else if strings.IndexFunc(name, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' }) >= 0 {
		return rest
	}
	return rest[len(rest)-len(tail)-1:]
}

func isZoneName(word string) bool {
	_, meanings := zoneMeanings(word)
	return meanings > 0
}
