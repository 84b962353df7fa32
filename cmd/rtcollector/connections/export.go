package connections

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// Format is a format of exported events.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	JSONL Format = "jsonl" // one JSON object per line
)

// timeColumn is a column that documents do not have: the time as people read it.
const timeColumn = "time"

// Exporter writes events.
type Exporter struct {
	format Format
	fields []string // columns; for JSONL nil means everything
	zone   *time.Location
	csv    *csv.Writer
	out    io.Writer
	row    []string
}

// Fields returns the names of all fields, in the order of their columns.
func Fields() []string {
	return append([]string{timeColumn, eventdoc.Timestamp, eventdoc.Host}, connlog.FieldNames()...)
}

// NewExporter returns an exporter. Fields are the names of the fields to write; none means all. Times for people are in this zone.
func NewExporter(w io.Writer, format Format, fields []string, zone *time.Location) (*Exporter, error) {
	known := append(Fields(), eventdoc.Severity, eventdoc.Level, eventdoc.Message)
	for _, f := range fields {
		if !slices.Contains(known, f) {
			return nil, fmt.Errorf("there is no field %q; use some of %s", f, strings.Join(known, ", "))
		}
	}
	x := &Exporter{format: format, fields: fields, zone: zone, out: w}
	switch format {
	case CSV:
		if x.csv = csv.NewWriter(w); len(fields) == 0 {
			x.fields = Fields()
		}
	case JSONL:
	default:
		return nil, fmt.Errorf("the format must be %s or %s, not %q", CSV, JSONL, format)
	}
	return x, nil
}

// WriteHeader writes the names of the columns.
func (x *Exporter) WriteHeader() error {
	if x.csv == nil {
		return nil
	}
	return x.csv.Write(x.fields)
}

// Write writes one event.
func (x *Exporter) Write(e *connlog.Event) error {
	t := e.Telemetry()
	var room [2 * eventdoc.TypicalLen]telemetry.Field
	doc := eventdoc.Document(room[:0]).Fill(&t)
	if x.csv != nil {
		return x.writeRow(e, doc)
	}
	text := []byte("{}")
	if chosen := x.choose(e, doc); len(chosen) > 0 {
		text = terminal.JSON.Append(nil, chosen.AppendJSON(nil))
	}
	_, err := x.out.Write(append(text, '\n'))
	return err
}

// choose returns the chosen fields of a document.
func (x *Exporter) choose(e *connlog.Event, doc eventdoc.Document) eventdoc.Document {
	if len(x.fields) == 0 {
		return doc
	}
	var chosen eventdoc.Document
	for _, name := range x.fields {
		if name == timeColumn {
			chosen = append(chosen, telemetry.Text(timeColumn, e.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00")))
		}
		if i := slices.IndexFunc(doc, func(f telemetry.Field) bool { return f.Key == name }); i >= 0 {
			chosen = append(chosen, doc[i])
		}
	}
	return chosen
}

func (x *Exporter) writeRow(e *connlog.Event, doc eventdoc.Document) error {
	x.row = x.row[:0]
	for _, name := range x.fields {
		cell := ""
		if name == timeColumn {
			cell = e.Time.In(x.zone).Format("2006-01-02 15:04:05.000")
		}
		if i := slices.IndexFunc(doc, func(f telemetry.Field) bool { return f.Key == name }); i >= 0 {
			cell = doc[i].Text()
			if doc[i].Kind() == telemetry.KindText {
				cell = safeCell(cell)
			}
		}
		x.row = append(x.row, cell)
	}
	return x.csv.Write(x.row)
}

// safeCell returns a text that a spreadsheet shows and never evaluates (OWASP, CSV Injection), on one line without control characters.
// A text that begins like a formula, or like an apostrophe that a spreadsheet hides, gets an apostrophe before it.
func safeCell(text string) string {
	text = terminal.Line(text)
	if trimmed := strings.TrimLeft(text, " \u00a0"); trimmed != "" && strings.ContainsRune("=+-@'＝＋－＠", firstRune(trimmed)) {
		return "'" + text
	}
	return text
}

func firstRune(text string) rune {
	for _, r := range text {
		return r
	}
	return 0
}

// Flush writes what is buffered.
func (x *Exporter) Flush() error {
	if x.csv == nil {
		return nil
	}
	x.csv.Flush()
	return x.csv.Error()
}
