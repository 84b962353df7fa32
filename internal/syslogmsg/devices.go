package syslogmsg

import (
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// parseEpoch parses the messages of Meraki's devices: a version, seconds since 1970 with a fraction, a host and a topic. They
// resemble RFC 5424. parseEpoch returns false, and does not change e, if the text has another form.
//
//	1 1762366455.409907947 MX84 flows src=192.0.2.1 dst=198.51.100.1 protocol=udp
func (p *Parser) parseEpoch(text string, received time.Time, e *telemetry.Event) bool {
	sent, rest, ok := readEpoch(strings.TrimPrefix(text, "1 "))
	if !ok {
		return false
	}
	setTime(e, sent, received)
	relay := e.Host
	e.Host, rest = readHost(rest)
	if relay != "" && e.Host != "" {
		e.Fields = append(e.Fields, telemetry.Text(Relay, relay))
	} else if relay != "" {
		e.Host = relay
	}
	if e.App, e.Proc, e.Message = readTag(rest); e.App == "" {
		e.App, e.Message = readTopic(rest)
	}
	return true
}

// readEpoch parses seconds since 1970 with a fraction.
func readEpoch(text string) (sent time.Time, rest string, ok bool) {
	s := scanner{rest: text}
	seconds := s.readDigits(9, 10)
	if !s.skipByte('.') || s.missingDigits {
		return time.Time{}, text, false
	}
	nanoseconds := s.readFraction()
	if len(s.rest) == len(text) || !strings.HasPrefix(s.rest, " ") {
		return time.Time{}, text, false
	}
	return time.Unix(int64(seconds), int64(nanoseconds)), strings.TrimLeft(s.rest, " "), true
}

// readTopic parses a word such as flows or security_event.
func readTopic(text string) (topic, rest string) {
	word, rest, more := strings.Cut(text, " ")
	if !more || word == "" || !isLetter(word[0]) || len(word) > maxTagLen {
		return "", text
	}
	for i := range len(word) {
		if c := word[i]; !isLetter(c) && !isDigit(c) && c != '_' && c != '-' {
			return "", text
		}
	}
	return word, rest
}

// readPairs takes time and host from messages that consist of keys and values, as firewalls of Fortinet, Sophos and SonicWall
// send them. The message is not changed.
//
//	date=2026-11-05 time=19:14:15 devname="fw1" devid="FG" tz="+0100" type="traffic"
//	device_name="fw1" timestamp="2026-11-05T19:14:15+0100" device_model="XG"
//	id=firewall sn=00 time="2026-11-05 18:14:15 UTC" fw=192.0.2.1 pri=6
func (p *Parser) readPairs(text string, received time.Time, e *telemetry.Event) {
	const maxPairs = 30
	var date, clock, zone, host string
	for rest, n := text, 0; n < maxPairs; n++ {
		var key, value string
		if key, value, rest = cutPair(rest); key == "" {
			break
		}
		switch key {
		case "date":
			date = value + " "
		case "time", "timestamp":
			clock = value
		case "tz", "timezone":
			zone = " " + strings.ToUpper(value)
		case "devname", "device_name":
			host = value
		}
	}
	if clock == "" {
		return
	}
	if sent, rest, ok := p.readTime(date+clock+zone, received); ok && strings.TrimSpace(rest) == "" {
		setTime(e, sent, received)
	} else if sent, rest, ok := p.readTime(date+clock, received); ok && rest == "" { // an unknown zone
		setTime(e, sent, received)
	}
	if isHost(host) {
		e.Host = host
	}
}

// cutPair splits off key=value or key="a value". The key is empty if the text does not begin with a pair.
func cutPair(text string) (key, value, rest string) {
	key, rest, ok := strings.Cut(strings.TrimLeft(text[:min(len(text), 4<<10)], " "), "=")
	if !ok || key == "" || len(key) > 32 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_"+decimalDigits) != "" {
		return "", "", text
	}
	if strings.HasPrefix(rest, `"`) {
		value, rest, ok = strings.Cut(rest[1:], `"`)
		if !ok {
			return "", "", text
		}
		return key, value, rest
	}
	value, rest, _ = strings.Cut(rest, " ")
	return key, value, rest
}

// skipSeverity skips the severity that BIG-IP (F5) writes before the tag, if it matches the priority and a tag follows.
//
//	Nov  5 19:14:15 bigip1 notice mcpd[5281]: 01070417:5: AUDIT
func skipSeverity(text string, severity telemetry.Severity) string {
	word, rest, _ := strings.Cut(text, " ")
	names := [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	if names[severity] != word {
		return text
	}
	if app, _, _ := readTag(rest); app == "" {
		return text
	}
	return rest
}

// cutSlot splits the slot off the host name of a BIG-IP: slot1/bigip1.
func cutSlot(host string) (slot, name string) {
	slot, name, ok := strings.Cut(host, "/")
	if number := strings.TrimPrefix(slot, "slot"); !ok || len(number) == len(slot) || number == "" || strings.Trim(number, decimalDigits) != "" || name == "" {
		return "", host
	}
	return slot, name
}

// readModule returns the names at the beginning of a message of Comware (HP, H3C) and VRP (Huawei): the module, and the module
// with severity and mnemonic. The message is not changed.
//
//	%%10WEB/4/WEBOPT_LOGIN_FAIL(l): admin failed to log in
//	%%01IFNET/4/IF_STATE(l)[0]:Interface GE0/0/1 has turned into UP state.
func readModule(text string) (module, id string) {
	s := scanner{rest: text}
	if !s.skipByte('%') {
		return "", ""
	}
	s.skipByte('%')
	s.readDigits(2, 2)
	name := s.rest
	s.skipMnemonicWord()
	module = name[:len(name)-len(s.rest)]
	slash := s.skipByte('/')
	s.readDigits(1, 1)
	slash = s.skipByte('/') && slash
	left := len(s.rest)
	s.skipMnemonicWord()
	if !slash || s.missingDigits || module == "" || left == len(s.rest) || len(name)-len(s.rest) > maxTagLen {
		return "", ""
	}
	return module, name[:len(name)-len(s.rest)]
}

// skipMnemonicWord skips capital letters, digits, underscores and hyphens.
func (s *scanner) skipMnemonicWord() {
	s.rest = strings.TrimLeft(s.rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-"+decimalDigits)
}
