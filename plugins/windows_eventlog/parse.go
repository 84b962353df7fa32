package windowseventlog

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	maxXML     = 1 << 20 // bytes; more is not parsed
	maxDepth   = 32
	maxData    = 64       // fields of an event's data
	maxMessage = 64 << 10 // bytes
	maxText    = 4 << 10  // bytes of a field
	maxKey     = 100
)

// system is the element System of an event: learn.microsoft.com, "Event Schema".
type system struct {
	Provider struct {
		Name string `xml:"Name,attr"`
	}
	EventID       string
	Level         string
	Task          string
	Keywords      string
	EventRecordID string
	Channel       string
	Computer      string
	TimeCreated   struct {
		SystemTime string `xml:"SystemTime,attr"`
	}
	Execution struct {
		ProcessID string `xml:"ProcessID,attr"`
		ThreadID  string `xml:"ThreadID,attr"`
	}
	Security struct {
		UserID string `xml:"UserID,attr"`
	}
}

// data is a value of the elements EventData and UserData.
type data struct{ name, value string }

// parseEvent parses a rendered event.
func parseEvent(text string) (s system, values []data, err error) {
	if len(text) > maxXML {
		return s, nil, fmt.Errorf("the event has %d bytes, more than %d", len(text), maxXML)
	}
	d := xml.NewDecoder(strings.NewReader(text))
	found := false
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && found {
			return s, values, nil
		}
		if err != nil {
			return s, values, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch {
			case depth == 1 && t.Name.Local == "System":
				if err := d.DecodeElement(&s, &t); err != nil {
					return s, values, err
				}
				found = true
			case depth == 1 && (t.Name.Local == "EventData" || t.Name.Local == "UserData"):
				if values, err = parseData(d, values); err != nil {
					return s, values, err
				}
			default:
				depth++
			}
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth {
			return s, values, errDepth
		}
	}
}

var errDepth = errors.New("elements are nested too deeply")

// parseData returns the texts of the elements without children, up to the end of the current one. Their names are those of the attribute Name,
// else of the elements; the second of two equal names is numbered.
func parseData(d *xml.Decoder, values []data) ([]data, error) {
	var text bytes.Buffer
	var names []string
	isLeaf := false
	for {
		token, err := d.Token()
		if err != nil {
			return values, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(names) >= maxDepth {
				return values, errDepth
			}
			name := t.Name.Local
			for _, a := range t.Attr {
				if a.Name.Local == "Name" {
					name = a.Value
				}
			}
			names, isLeaf = append(names, name), true
			text.Reset()
		case xml.CharData:
			if text.Len() < maxText {
				text.Write(t)
			}
		case xml.EndElement:
			if len(names) == 0 {
				return values, nil
			}
			if value := metric.LabelValue(text.String(), maxText); isLeaf && value != "" && len(values) < maxData {
				values = append(values, data{names[len(names)-1], value})
			}
			names, isLeaf = names[:len(names)-1], false
		}
	}
}

// makeEvent makes an event of a rendered one. If it cannot be parsed, the event has it as it is, and says why.
func makeEvent(text, message string, now time.Time) telemetry.Event {
	s, values, err := parseEvent(text)
	if err != nil {
		return telemetry.Event{Time: now, Severity: telemetry.Notice, Message: clean(text), Fields: []telemetry.Field{telemetry.Text("parse_error", clean(err.Error()))}}
	}
	e := telemetry.Event{
		Time: now, Severity: severityOf(s.Level, s.Keywords), Host: metric.LabelValue(s.Computer, maxKey), App: metric.LabelValue(s.Provider.Name, maxText),
		Proc: metric.LabelValue(s.Execution.ProcessID, maxKey), MsgID: metric.LabelValue(s.EventID, maxKey), Message: clean(message),
	}
	if at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(s.TimeCreated.SystemTime)); err == nil && at.Unix() > 0 {
		e.Time = at
	}
	e.Fields = append(e.Fields, telemetry.Text("channel", metric.LabelValue(s.Channel, maxText)))
	for _, number := range []data{{"record_id", s.EventRecordID}, {"thread_id", s.Execution.ThreadID}, {"task", s.Task}} {
		if n, err := strconv.ParseInt(strings.TrimSpace(number.value), 10, 64); err == nil && n != 0 {
			e.Fields = append(e.Fields, telemetry.Int(number.name, n))
		}
	}
	if s.Security.UserID != "" {
		e.Fields = append(e.Fields, telemetry.Text("user_sid", metric.LabelValue(s.Security.UserID, maxText)))
	}
	e.Fields = appendData(e.Fields, values)
	if e.Message == "" {
		e.Message = describeData(values)
	}
	return e
}

// appendData appends the values as fields data_<name>.
func appendData(fields []telemetry.Field, values []data) []telemetry.Field {
	seen := map[string]int{}
	for _, v := range values {
		key := "data_" + metric.Name(v.name, maxKey)
		if seen[key]++; seen[key] > 1 {
			key += "_" + strconv.Itoa(seen[key])
		}
		fields = append(fields, telemetry.Text(key, v.value))
	}
	return fields
}

// describeData is the message of an event whose provider has no text for it.
func describeData(values []data) string {
	var parts []string
	for _, v := range values {
		if v.name == "Data" || v.name == "" { // without a name of its own
			parts = append(parts, v.value)
		} else {
			parts = append(parts, v.name+"="+v.value)
		}
	}
	return clean(strings.Join(parts, " "))
}

// clean returns a message without surrounding white space, in valid UTF-8, and bounded.
func clean(message string) string {
	message = strings.ReplaceAll(message, "\r\n", "\n")
	return strings.TrimSpace(strings.ToValidUTF8(message[:min(len(message), maxMessage)], "\ufffd"))
}

// auditFailure is the keyword of failed audits: winmeta.xml, win:AuditFailure.
const auditFailure = 0x10000000000000

// severityOf maps the levels of winmeta.xml: 1 critical, 2 error, 3 warning, 4 information, 5 verbose. Level 0 is for events that are always logged,
// such as audits, whose failures are warnings.
func severityOf(level, keywords string) telemetry.Severity {
	switch strings.TrimSpace(level) {
	case "1":
		return telemetry.Critical
	case "2":
		return telemetry.Error
	case "3":
		return telemetry.Warning
	case "5":
		return telemetry.Debug
	}
	if bits, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(keywords), "0x"), 16, 64); err == nil && bits&auditFailure != 0 {
		return telemetry.Warning
	}
	return telemetry.Informational
}
