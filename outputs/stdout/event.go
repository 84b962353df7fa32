package stdout

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

// WriteEvents implements [outputs.EventWriter]. With format ts.add it prints no events, because TS.ADD cannot store them, and warns once.
func (p *Printer) WriteEvents(ctx context.Context, events []telemetry.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case len(events) == 0:
	case p.format == JSON:
		p.printEventsJSON(events)
	case p.format == TSAdd:
		if !p.warnedEvents {
			p.log.Warn("events are not printed with format ts.add; use format table or json")
		}
		p.warnedEvents = true
	default:
		p.printEventTable(events)
	}
	if err := p.out.Flush(); err != nil {
		return outputs.Permanent(fmt.Errorf("print events: %w", err))
	}
	return nil
}

func (p *Printer) printEventsJSON(events []telemetry.Event) {
	var d eventdoc.Document
	var line []byte
	for i := range events {
		d = d[:0].Fill(&events[i])
		line = append(d.AppendJSON(line[:0]), '\n')
		_, _ = p.out.Write(line)
	}
}

func (p *Printer) printEventTable(events []telemetry.Event) {
	t := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "TIME\tHOST\tLEVEL\tSOURCE\tAPP\tMESSAGE")
	for i := range events {
		e := &events[i]
		app := e.App
		if e.Proc != "" {
			app += "[" + e.Proc + "]"
		}
		message := []string{terminal.Line(e.Message)}
		for _, f := range e.Fields {
			message = append(message, terminal.Line(f.Key)+"="+terminal.Line(f.Text()))
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Time.Format("15:04:05"), terminal.Line(e.Host), e.Severity,
			terminal.Line(e.Source), terminal.Line(app), strings.Join(message, " "))
	}
	_ = t.Flush()
}
