package syslogmsg

import (
	"net/netip"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// parse3164 parses the text after the priority: time, host, tag and message. Each except the message may be missing.
// Everything that it does not recognize is part of the message.
func (p *Parser) parse3164(text string, received time.Time, e *telemetry.Event) {
	text = strings.TrimLeft(text, " ")
	if p.parseCisco(text, received, e) {
		return
	}
	if sent, rest, ok := p.readTime(text, received); ok {
		setTime(e, sent, received)
		text = strings.TrimLeft(rest, " ")
		if e.Host, text = readForwarded(text); e.Host == "" {
			e.Host, text = readHost(text)
		}
		if p.parseEpoch(text, received, e) {
			return
		}
		slot := ""
		if slot, e.Host = cutSlot(e.Host); slot != "" {
			e.Fields = append(e.Fields, telemetry.Text(Node, slot))
		}
		if e.Host != "" {
			text = skipSeverity(text, e.Severity)
		}
	} else {
		p.readPairs(text, received, e)
	}
	if device, rest := readDevice(text); device != "" {
		e.Fields = append(e.Fields, telemetry.Text(Device, device))
		text = rest
	}
	if e.App, e.MsgID = readModule(text); e.App != "" {
		e.Message = text
		return
	}
	e.App, e.Proc, e.Message = readTag(text)
}

// readForwarded parses the words that AIX and the BSDs write before the tag of a forwarded message.
func readForwarded(text string) (host, rest string) {
	for _, words := range []string{"Message forwarded from ", "Forwarded from "} {
		if tail, ok := strings.CutPrefix(text, words); ok {
			if host, rest, ok := strings.Cut(tail, ": "); ok && len(host) <= maxHostLen && !strings.Contains(host, " ") {
				return host, rest
			}
		}
	}
	return "", text
}

const (
	maxHostLen = 255
	maxTagLen  = 128
)

// readHost parses the host of a message. The C library and busybox omit it: then the next word is the tag, which ends in a
// colon.
func readHost(text string) (host, rest string) {
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		end = len(text)
	}
	word := text[:end]
	if !isHost(word) || strings.HasPrefix(text, "last message repeated ") {
		return "", text
	}
	return word, strings.TrimLeft(text[end:], " \t")
}

// isHost reports whether a word can be the name or address of a host. Some devices append "@" and a serial number, or prepend
// a slot and "/".
func isHost(word string) bool {
	if word == "" || len(word) > maxHostLen {
		return false
	}
	letters := false
	for i := range len(word) {
		switch c := word[i]; {
		case isLetter(c), c >= 0x80:
			letters = true
		case isDigit(c):
		case c == ':' || c == '%': // of an address
			return isAddress(word)
		case strings.IndexByte("-_.@/~+", c) < 0:
			return false
		}
	}
	return letters || isAddress(word)
}

func isAddress(word string) bool {
	_, err := netip.ParseAddr(word)
	return err == nil
}

// readTag parses "name[pid]: " or "name: ", the program that sent the message.
func readTag(text string) (app, proc, message string) {
	end := strings.IndexAny(text[:min(len(text), maxTagLen)], ":[ ")
	if end <= 0 || isDigit(text[0]) && strings.Trim(text[:end], decimalDigits) == "" { // a number is a counter of a device with its own format
		return "", "", text
	}
	app, rest := text[:end], text[end:]
	if rest[0] == '[' {
		stop := strings.IndexByte(rest[:min(len(rest), maxTagLen)], ']')
		if stop < 0 {
			return "", "", text
		}
		proc, rest = rest[1:stop], rest[stop+1:]
		if rest = strings.TrimPrefix(rest, ":"); rest != "" && rest[0] != ' ' {
			return "", "", text
		}
		return app, proc, strings.TrimPrefix(rest, " ")
	}
	if message, ok := strings.CutPrefix(rest, ":"); ok && (message == "" || strings.ContainsRune(" \t[", rune(message[0]))) {
		return app, "", strings.TrimLeft(message, " \t")
	}
	for _, word := range []string{" Event: ", " SYSTEM:"} { // services of Synology write no colon after their name
		if strings.HasPrefix(rest, word) {
			return app, "", rest[1:]
		}
	}
	return "", "", text
}

// readDevice parses the text that Ubiquiti's access points write before the tag: U7LR,f09fc2aabbcc,v4.0.42:, the same in
// ("…"), or f09fc2aabbcc,U7LR-6.5.28:.
func readDevice(text string) (device, rest string) {
	word, rest, _ := strings.Cut(text, " ")
	device, quoted := strings.CutPrefix(word, `("`)
	if quoted {
		device = strings.TrimSuffix(device, `")`)
	}
	device = strings.TrimSuffix(device, ":")
	if len(device) == len(word) {
		return "", text
	}
	for part := range strings.SplitSeq(device, ",") {
		if len(part) != len(device) && isHardwareAddress(part) {
			return device, strings.TrimLeft(rest, " ")
		}
	}
	return "", text
}

func isHardwareAddress(word string) bool {
	if len(word) != 12 {
		return false
	}
	for _, c := range []byte(word) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
