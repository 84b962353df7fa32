package httpresponse

import (
	"fmt"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// addEvents adds an event and a log line if the result has changed, and an event with the answer if that is configured. A URL that
// fails is a result of this input, not an error.
func (p *probe) addEvents(out *telemetry.Batch) {
	a := &p.answer
	if a.result != p.last {
		p.last = a.result
		severity, text := p.logResult()
		p.addEvent(out, severity, text, telemetry.Text("result", a.result.String()))
	}
	if p.bodyField != "" && a.status != 0 {
		p.addEvent(out, telemetry.Informational, fmt.Sprintf("%s answers %d", p, a.status), telemetry.Text(p.bodyField, p.body.String()))
	}
}

// logResult logs the result and returns it as the severity and message of an event.
func (p *probe) logResult() (telemetry.Severity, string) {
	const unexpected = "does not answer as expected"
	a := &p.answer
	switch {
	case a.result == success:
		p.log.Info("answers as expected", "url", p.String())
		return telemetry.Informational, p.String() + " answers as expected"
	case a.err != nil:
		p.log.Warn(unexpected, "url", p.String(), "result", a.result.String(), "error", a.err)
		return telemetry.Error, fmt.Sprintf("%s %s: %v", p, unexpected, a.err)
	}
	p.log.Warn(unexpected, "url", p.String(), "result", a.result.String(), "status", a.status)
	return telemetry.Error, fmt.Sprintf("%s %s: %s, status %d", p, unexpected, a.result, a.status)
}

func (p *probe) addEvent(out *telemetry.Batch, s telemetry.Severity, text string, more telemetry.Field) {
	e := telemetry.Event{Severity: s, Host: p.host, App: "http_response", Message: text}
	for _, l := range p.labels {
		e.Fields = append(e.Fields, telemetry.Text(l.Key, l.Value))
	}
	e.Fields = append(e.Fields, more)
	out.Events = append(out.Events, e)
}
