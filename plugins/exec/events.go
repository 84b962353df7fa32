package execinput

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	maxLines   = 1000    // of one output that become events
	maxMessage = 8 << 10 // bytes
)

// addLog adds an event for each line of text.
func (c *command) addLog(out *telemetry.Batch, text []byte, severity telemetry.Severity) {
	n := 0
	text, _ = bom.Strip(text)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if n++; n <= maxLines {
			c.addEvent(out, telemetry.Event{Severity: severity, Message: line})
		}
	}
	if n > maxLines {
		c.addEvent(out, telemetry.Event{Severity: telemetry.Warning, Message: fmt.Sprintf("%d more lines are left out: the limit per gather is %d", n-maxLines, maxLines)})
	}
}

// addEvent completes an event and adds it.
func (c *command) addEvent(out *telemetry.Batch, e telemetry.Event) {
	if len(e.Message) > maxMessage {
		e.Message = strings.ToValidUTF8(e.Message[:maxMessage], "")
		e.Fields = append(e.Fields, telemetry.Int("cut_at", int64(len(e.Message))))
	}
	e.Host, e.App = c.host, cmp.Or(e.App, c.name)
	e.Fields = append([]telemetry.Field{telemetry.Text("cmd", c.name)}, e.Fields...)
	out.Events = append(out.Events, e)
}

// parseSeverity returns the severity for a level as programs name it. An unknown level is informational.
func parseSeverity(text string) telemetry.Severity {
	switch strings.ToLower(text) {
	case "emergency", "emerg", "panic":
		return telemetry.Emergency
	case "alert":
		return telemetry.Alert
	case "critical", "crit", "fatal":
		return telemetry.Critical
	case "error", "err":
		return telemetry.Error
	case "warning", "warn":
		return telemetry.Warning
	case "notice":
		return telemetry.Notice
	case "debug", "trace":
		return telemetry.Debug
	}
	return telemetry.Informational
}

// addStateChange adds an event if the state of a nagios check has changed.
func (c *command) addStateChange(status int, p *parsedOutput) {
	if status == c.nagiosState {
		return
	}
	c.nagiosState = status
	severity := [...]telemetry.Severity{telemetry.Notice, telemetry.Warning, telemetry.Error, telemetry.Warning}[min(max(status, 0), stateUnknown)]
	p.events = append([]telemetry.Event{{Severity: severity, Message: p.nagiosText}}, p.events...)
}

// epochTime returns the time for a number of milliseconds or, if the number is small, seconds since the epoch.
func epochTime(value float64) (t time.Time, ok bool) {
	const asMillis = 1e11 // the year 5138 in seconds, 1973 in milliseconds
	switch {
	case value <= 0 || value > 1e14:
		return time.Time{}, false
	case value < asMillis:
		value *= 1000
	}
	return time.UnixMilli(int64(value)), true
}
