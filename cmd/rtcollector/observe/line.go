package observe

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/units"
)

// Kinds is a set of kinds of events.
type Kinds uint8

// Kinds of events, as they are shown: failed connections and listeners are connect events in documents.
const (
	ShowConnect Kinds = 1 << iota
	ShowClose
	ShowFailed
	ShowAlert
	ShowListen
)

var kindNames = []string{"connect", "close", "failed", "alert", "listen"}

// ParseKinds returns the set of kinds with these names.
func ParseKinds(names []string) (all Kinds, err error) {
	for _, name := range names {
		bit := Kinds(0)
		for i, known := range kindNames {
			if name == known {
				bit = 1 << i
			}
		}
		if bit == 0 {
			return 0, fmt.Errorf("%q is not one of %s", name, strings.Join(kindNames, ", "))
		}
		all |= bit
	}
	return all, nil
}

// kindOf returns the kind of an event.
func kindOf(e *connlog.Event) Kinds {
	switch {
	case e.Kind == connlog.Alert:
		return ShowAlert
	case e.Direction == connlog.Listen:
		return ShowListen
	case e.Kind == connlog.Close:
		return ShowClose
	case e.Error != "":
		return ShowFailed
	}
	return ShowConnect
}

// Has reports whether an event is of one of the kinds.
func (k Kinds) Has(e *connlog.Event) bool { return k&kindOf(e) != 0 }

// sign returns the sign and the style of an event.
func (t *Theme) sign(e *connlog.Event) (string, tui.Style) {
	switch kindOf(e) {
	case ShowAlert:
		return "!", t.Alert
	case ShowFailed:
		return "×", t.Failed
	case ShowClose:
		return "-", t.Close
	case ShowListen:
		return "○", t.Close
	default:
		return "+", t.Connect
	}
}

// describeEnds returns where a connection goes to, or comes from.
func describeEnds(e *connlog.Event) string {
	switch {
	case e.Kind == connlog.Alert && !e.Remote.IsValid():
		return ""
	case e.Direction == connlog.Listen:
		return fmt.Sprintf("listens on %s", e.Local)
	case e.Direction == connlog.In:
		return fmt.Sprintf("← %s:%d to port %d", e.Destination(), e.Remote.Port(), e.Local.Port())
	}
	return fmt.Sprintf("→ %s:%d", e.Destination(), e.Remote.Port())
}

// describeOutcome returns what is known at the end: why there is no connection, how long it lasted, its bytes.
func describeOutcome(e *connlog.Event) string {
	var parts []string
	switch {
	case e.Kind == connlog.Alert:
		return e.Alert + ": " + e.Message
	case e.Error != "":
		parts = append(parts, e.Error)
	case e.BeforeStart && e.Kind == connlog.Connect:
		parts = append(parts, "open before")
	}
	if e.Kind == connlog.Close {
		if e.HasDuration {
			parts = append(parts, units.Duration(e.Duration.Seconds()))
		}
		if e.TxBytes >= 0 || e.RxBytes >= 0 {
			parts = append(parts, "↑"+formatBytes(e.TxBytes)+" ↓"+formatBytes(e.RxBytes))
		}
		if e.Reason != "" {
			parts = append(parts, "("+e.Reason+")")
		}
	}
	if e.RetryCount > 0 {
		parts = append(parts, fmt.Sprintf("retry %d", e.RetryCount))
	}
	return strings.Join(parts, ", ")
}

func formatBytes(n int64) string {
	if n < 0 {
		return "?"
	}
	return units.Bytes(float64(n))
}

// Printer prints events, one per line.
type Printer struct {
	W       io.Writer // must not escape
	JSON    bool      // JSON lines instead of lines for people
	Details bool      // with user, command line and ancestors
	Colours bool
	Theme   Theme
	Show    Kinds // lines for people; JSON has all events
	Bell    bool
	Zone    *time.Location
}

// Print prints one event.
func (p *Printer) Print(e *connlog.Event, doc eventdoc.Document) error {
	var line []byte
	switch {
	case p.JSON:
		line = terminal.JSON.Append(nil, doc.AppendJSON(nil))
	case !p.Show.Has(e):
		return nil
	default:
		line = []byte(p.format(e))
	}
	if p.Bell && e.Kind == connlog.Alert && !p.JSON {
		line = append(line, '\a')
	}
	_, err := p.W.Write(append(line, '\n'))
	return err
}

// format returns the line of an event.
func (p *Printer) format(e *connlog.Event) string {
	sign, style := p.Theme.sign(e)
	parts := []string{e.Time.In(p.Zone).Format("15:04:05.000"), sign}
	if e.Conn != 0 || e.PID != 0 {
		parts = append(parts, processName(e))
	}
	if e.Provider != "" {
		parts = append(parts, "("+e.Provider+")")
	}
	for _, part := range []string{e.Proto, describeEnds(e), describeOutcome(e)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if p.Details {
		parts = append(parts, p.details(e)...)
	}
	text := terminal.Line(strings.Join(parts, " "))
	if p.Colours {
		return style.Render(text)
	}
	return text
}

func (p *Printer) details(e *connlog.Event) (parts []string) {
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	if e.Remote.IsValid() && e.Domain != "" {
		add("ip", e.Remote.Addr().String())
	}
	add("by", e.DomainSource)
	add("user", e.User)
	if e.Cmdline != "" {
		parts = append(parts, fmt.Sprintf("cmd=%q", e.Cmdline))
	}
	if e.Ancestry != "" {
		parts = append(parts, fmt.Sprintf("from=%q", e.Ancestry))
	}
	add("via", e.Via)
	return parts
}
