//go:build !core

package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// Colours of lines, as SGR control sequences (ECMA-48).
const (
	red     = "\x1b[31m"
	boldRed = "\x1b[1;31m"
	yellow  = "\x1b[33m"
	faint   = "\x1b[2m"
	bold    = "\x1b[1m"
	normal  = "\x1b[0m"
)

// severityColour returns the control sequence for a severity, or "" for the default colour.
func severityColour(s telemetry.Severity) string {
	switch {
	case s <= telemetry.Critical:
		return boldRed
	case s == telemetry.Error:
		return red
	case s == telemetry.Warning:
		return yellow
	case s == telemetry.Notice:
		return bold
	case s == telemetry.Debug:
		return faint
	}
	return ""
}

// formatEvent formats a document for people: time, host, program, severity, message. It escapes control characters.
func (p *eventPrinter) formatEvent(d eventdoc.Document) []byte {
	severity := telemetry.Severity(d.Int(eventdoc.Severity))
	buf := time.UnixMilli(d.Int(eventdoc.Timestamp)).In(p.zone).AppendFormat(nil, "2006-01-02 15:04:05.000")
	for _, name := range []string{eventdoc.Host, eventdoc.App} {
		if text := d.Text(name); text != "" {
			buf = terminal.AppendLine(append(buf, ' '), text)
		}
	}
	if proc := d.Text(eventdoc.Proc); proc != "" {
		buf = append(terminal.AppendLine(append(buf, '['), proc), ']')
	}
	buf = append(append(append(buf, ' '), severity.String()...), ": "...)
	c := ""
	if p.colours {
		c = severityColour(severity)
	}
	buf = appendMessage(append(buf, c...), d.Text(eventdoc.Message))
	if p.fields {
		buf = appendFields(buf, d)
	}
	if c != "" {
		buf = append(buf, normal...)
	}
	return append(buf, '\n')
}

// appendMessage appends a message. Its second and later lines start with a bar, so that none of them looks like an event of its own.
func appendMessage(buf []byte, text string) []byte {
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			buf = append(buf, "\n    | "...)
		}
		buf = terminal.AppendLine(buf, strings.TrimSuffix(line, "\r"))
	}
	return buf
}

func appendFields(buf []byte, d eventdoc.Document) []byte {
	for _, v := range d {
		switch v.Key {
		case eventdoc.Timestamp, eventdoc.Severity, eventdoc.Level, eventdoc.Host, eventdoc.App, eventdoc.Proc, eventdoc.Message:
			continue
		}
		buf = append(terminal.AppendLine(append(buf, ' '), v.Key), '=')
		if v.Kind() == telemetry.KindText {
			buf = terminal.AppendLine(buf, strconv.Quote(v.Text()))
		} else {
			buf = v.AppendText(buf)
		}
	}
	return buf
}
