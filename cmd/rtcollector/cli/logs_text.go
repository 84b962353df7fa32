package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// Colours of lines: ECMA-48, SGR.
const (
	red    = "\x1b[31m"
	strong = "\x1b[1;31m"
	yellow = "\x1b[33m"
	faint  = "\x1b[2m"
	bold   = "\x1b[1m"
	normal = "\x1b[0m"
)

// colour is that of a severity; "" is none.
func colour(s telemetry.Severity) string {
	switch {
	case s <= telemetry.Critical:
		return strong
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

// line lays a document out for people: time, host, program, severity, message. Nothing in it reaches the terminal as
// anything but text.
func (p *printer) line(d eventdoc.Document) []byte {
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
		c = colour(severity)
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

// appendMessage appends a message, with a bar before its further lines: none of them can pass for a line of its own.
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

// parseWhen reads a moment: how long ago, or when. "" is none.
func parseWhen(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var ago conf.Duration
	if err := ago.UnmarshalScalar(text); err == nil {
		return now.Add(-ago.D()), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: 15m, 2h or 7d ago, 2026-11-25, \"2026-11-25 19:00\", 19:00 or RFC 3339", text)
}

// parseSeverities reads a range of severities: the most severe and the least. "warn" is one, "warn.." all that are at
// least as bad.
func parseSeverities(text string) (from, to telemetry.Severity, err error) {
	if text == "" {
		return telemetry.Emergency, telemetry.Debug, nil
	}
	mild, bad, open := strings.Cut(text, "..")
	from, to = telemetry.Emergency, telemetry.Debug
	if mild != "" {
		if to, err = parseSeverity(mild); err != nil {
			return from, to, err
		}
	}
	switch {
	case !open:
		from = to
	case bad != "":
		if from, err = parseSeverity(bad); err != nil {
			return from, to, err
		}
	}
	return min(from, to), max(from, to), nil
}

func parseSeverity(text string) (telemetry.Severity, error) {
	if n, err := strconv.ParseUint(text, 10, 8); err == nil && n <= uint64(telemetry.Debug) {
		return telemetry.Severity(n), nil
	}
	if len(text) >= 3 || text == "err" {
		for s := telemetry.Emergency; s <= telemetry.Debug; s++ {
			if strings.HasPrefix(s.String(), strings.ToLower(text)) {
				return s, nil
			}
		}
	}
	switch strings.ToLower(text) {
	case "panic":
		return telemetry.Emergency, nil
	case "informational":
		return telemetry.Informational, nil
	}
	return 0, fmt.Errorf("%q must be emerg, alert, crit, err, warn, notice, info, debug or 0 to 7, or a range of them (warn.. is warn and worse)", text)
}
