package execinput

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	maxLines   = 1000    // of one output that become events
	maxMessage = 8 << 10 // bytes
)

// addLog makes an event of each line of text.
func (c *command) addLog(out *telemetry.Batch, text []byte, severity telemetry.Severity) {
	n := 0
	text, _ = bom.Strip(text) // stderr, too
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if n++; n <= maxLines {
			c.addEvent(out, telemetry.Event{Severity: severity, Message: line})
		}
	}
	if n > maxLines {
		c.addEvent(out, telemetry.Event{Severity: telemetry.Warning, Message: fmt.Sprintf("%d more lines are left out: a gather takes %d", n-maxLines, maxLines)})
	}
}

// addEvent completes an event of the command's.
func (c *command) addEvent(out *telemetry.Batch, e telemetry.Event) {
	if len(e.Message) > maxMessage {
		e.Message = strings.ToValidUTF8(e.Message[:maxMessage], "")
		e.Fields = append(e.Fields, telemetry.Label{Key: "cut_at", Value: strconv.Itoa(len(e.Message))})
	}
	e.Host, e.App = c.host, cmp.Or(e.App, c.name)
	e.Fields = append([]telemetry.Label{{Key: "cmd", Value: c.name}}, e.Fields...)
	out.Events = append(out.Events, e)
}

// levelOf understands what programs call their severities.
func levelOf(text string) telemetry.Severity {
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

// tellState makes an event of a nagios check whose state has changed.
func (c *command) tellState(status int, p *parsed) {
	if status == c.state {
		return
	}
	c.state = status
	severity := [...]telemetry.Severity{telemetry.Notice, telemetry.Warning, telemetry.Error, telemetry.Warning}[min(max(status, 0), stateUnknown)]
	p.events = append([]telemetry.Event{{Severity: severity, Message: p.said}}, p.events...)
}

// timeOf reads a time in milliseconds or, if it is small, seconds since the epoch.
func timeOf(value float64) (t time.Time, ok bool) {
	const asMillis = 1e11 // the year 5138 in seconds, 1973 in milliseconds
	switch {
	case value <= 0 || value > 1e14:
		return time.Time{}, false
	case value < asMillis:
		value *= 1000
	}
	return time.UnixMilli(int64(value)), true
}
