package syslogmsg

import (
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// maxCisco is how far into a message the mnemonic begins at the latest.
const maxCisco = 160

// parseCisco reads the messages of IOS, IOS XE, IOS XR, NX-OS and ASA: %FACILITY-SEVERITY-MNEMONIC: text, and in front of
// that, as the device is configured, counters, names and times in several orders. It returns false if the message is of
// no such device; then it has read nothing.
//
//	237: 000485: router1: *Jan  8 19:46:03.295: %SYS-5-CONFIG_I: Configured from console
//	Jan 08 2026 19:46:03 fw1 : %ASA-6-302013: Built inbound TCP connection
//	: 2026 Jan 28 19:46:03 CET: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up
//	712: edge1 RP/0/RSP1/CPU0:Jan 28 19:46:03.930 UTC: bgp[1051]: %ROUTING-BGP-5-MAXPFX : No. of prefixes
//	237: router1: Jan  8 19:46:03.295 CET: last message repeated 66 times
func (p *Parser) parseCisco(text string, received time.Time, e *telemetry.Event) bool {
	head, facility, id, message := splitMnemonic(text)
	bare := id == ""
	if bare && !isCounted(text) {
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

const digits = "0123456789"

// isCounted says whether a text begins with a number and a colon; the number may be missing.
func isCounted(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return text[i] == ':'
		}
	}
	return false
}

// splitMnemonic splits a message around "%SYS-5-CONFIG_I: "; id is empty, and head is all of it, if there is none.
func splitMnemonic(text string) (head, facility, id, message string) {
	at := strings.IndexByte(text[:min(len(text), maxCisco)], '%')
	if at < 0 || at > 0 && text[at-1] != ' ' {
		return text, "", "", ""
	}
	if facility, id, message = mnemonic(text[at+1:]); id == "" {
		return text, "", "", ""
	}
	return text[:at], facility, id, message
}

// mnemonic splits "SYS-5-CONFIG_I: text"; id is empty if that is not what stands there.
func mnemonic(text string) (facility, id, message string) {
	const severities = "01234567" + "ACEWNID" // small switches write a letter
	id, message, ok := strings.Cut(text, ":")
	id = strings.TrimSuffix(id, " ") // IOS XR
	if !ok || len(id) > maxTag {
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

// origin is what stands in front of a mnemonic.
type origin struct {
	counter, uptime, node, relay, host, app, proc string

	sent  time.Time // by the device's own clock, behind that of a relay
	times int
}

// readOrigin reads a head to its end, a bare one to the first time that a colon follows, and returns what is behind it.
func (p *Parser) readOrigin(text string, received time.Time, bare bool) (o origin, rest string, ok bool) {
	for {
		if text = strings.TrimLeft(text, ": "); text == "" {
			return o, "", !bare
		}
		if sent, rest, ok := p.readTime(text, received); ok && o.times < 2 {
			o.sent, o.times, text = sent, o.times+1, o.skipZone(rest)
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
			end = at // of a node, behind which the time follows without a blank
		}
		if !o.take(strings.TrimSuffix(text[:end], ":")) {
			return o, text, false
		}
		text = text[end:]
	}
}

// take takes a word; false: there is no place for it.
func (o *origin) take(word string) bool {
	process, pid, bracket := strings.Cut(word, "[")
	switch {
	case len(word) > maxHost:
		return false
	case strings.Trim(word, digits) == "":
		o.counter = strings.TrimPrefix(o.counter+":"+word, ":")
	case isUptime(word):
		o.uptime = word
	case bracket && strings.HasSuffix(pid, "]"): // IOS XR
		o.app, o.proc = process, strings.TrimSuffix(pid, "]")
	case strings.Contains(word, "/"):
		o.node = word
	case o.host != "" && isZone(word): // NX-OS with the time left to a relay
	case o.host == "":
		o.host = word
	case o.relay == "":
		o.relay, o.host = o.host, word
	default:
		return false
	}
	return true
}

// isUptime tells 3w2d and 00:01:46 from names and addresses.
func isUptime(word string) bool {
	if len(word) == len("00:01:46") && word[2] == ':' && word[5] == ':' {
		return strings.Trim(word, digits+":") == ""
	}
	return isDigit(word[0]) && strings.Trim(word, digits+"ywdhms") == "" && !isDigit(word[len(word)-1])
}

// skipZone skips the name of a zone that nobody knows: IOS takes any of up to seven letters. In front of the time there must
// be something, or it is the name of an ASA.
func (o *origin) skipZone(rest string) string {
	const longest = 7
	word, behind, ok := strings.Cut(rest, ":")
	if name := strings.TrimPrefix(word, " "); !ok || len(word) == len(name) || len(name) > longest || o.counter+o.host == "" {
		return rest
	} else if strings.IndexFunc(name, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' }) >= 0 {
		return rest
	}
	return rest[len(rest)-len(behind)-1:]
}

func isZone(word string) bool {
	_, meanings := zoneMeanings(word)
	return meanings > 0
}
