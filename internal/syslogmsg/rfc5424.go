package syslogmsg

import (
	"slices"
	"strings"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// parse5424 parses a whole message; data and text have the same content. After an error the event has the valid parts if
// BestEffort is set.
func (p *Parser) parse5424(data []byte, text string, received time.Time, e *telemetry.Event) error {
	var names [4]string
	var sent time.Time
	valid := text
	parsed, err := p.machine.Parse(data)
	if err != nil {
		if repaired, long, at, ok := p.repair(text, received); ok {
			names, valid, sent = long, repaired, at
			parsed, err = p.machine.Parse([]byte(repaired))
		}
	}
	m, _ := parsed.(*rfc5424.SyslogMessage)
	if m == nil || err != nil && !p.settings.BestEffort {
		return err
	}
	if sent.IsZero() && m.Timestamp != nil {
		sent = *m.Timestamp
	}
	if !sent.IsZero() {
		setTime(e, sent, received)
	}
	for i, word := range [...]*string{m.Hostname, m.Appname, m.ProcID, m.MsgID} {
		if names[i] == "" {
			names[i] = stringOrEmpty(word)
		}
	}
	e.Host, e.App, e.Proc, e.MsgID = names[0], names[1], names[2], names[3]
	e.Message = strings.TrimPrefix(stringOrEmpty(m.Message), bom.Mark) // marks the text as UTF-8: section 6.4
	if m.StructuredData != nil {
		for range headerWords {
			_, valid, _ = strings.Cut(valid, " ")
		}
		e.Fields = p.appendStructuredData(e.Fields, valid, *m.StructuredData)
	}
	return err
}

// headerWords is the number of words before structured data: priority and version, time, host, name, process, ID.
const headerWords = 6

// repair corrects three common violations of RFC 5424. Ok is false if the message has none of them.
//
//   - Words of the header that are too long are replaced by "-" and returned in long. Docker writes the name of a container
//     as APP-NAME and MSGID, however long it is.
//   - A time in another form than in section 6.2.3 (nanoseconds, no zone, +0100) is replaced and returned in sent.
//   - Backslashes in structured data that escape nothing are escaped, as section 6.3.3 wants them to be read: path="C:\dir".
func (p *Parser) repair(text string, received time.Time) (repaired string, long [4]string, sent time.Time, ok bool) {
	words := strings.SplitN(text, " ", headerWords+1)
	if len(words) <= headerWords {
		return text, long, sent, false
	}
	if at, rest, isTime := p.readTime(words[1], received); isTime && rest == "" {
		sent, ok = at, true
		words[1] = at.Format("2006-01-02T15:04:05.000000Z07:00")
	}
	for i, maxLen := range [...]int{255, 48, 128, 32} {
		if word := words[2+i]; len(word) > maxLen {
			long[i], words[2+i], ok = word, "-", true
		}
	}
	if rest := escapeBackslashes(words[headerWords]); len(rest) != len(words[headerWords]) {
		words[headerWords], ok = rest, true
	}
	return strings.Join(words, " "), long, sent, ok
}

// escapeBackslashes escapes the backslashes that escape nothing, in the structured data at the beginning of a text.
func escapeBackslashes(text string) string {
	var out strings.Builder
	quoted, done := false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted && i+1 < len(text) && strings.IndexByte(`"\]`, text[i+1]) >= 0:
			i++
		case c == '\\' && quoted:
			out.WriteString(text[done:i])
			done = i
			out.WriteByte('\\')
		case c == '"':
			quoted = !quoted
		case !quoted && (i == 0 && c != '[' || c == ']' && !strings.HasPrefix(text[i+1:], "[")):
			return out.String() + text[done:]
		}
	}
	return out.String() + text[done:]
}

// stringOrEmpty returns *s, or "" for nil.
func stringOrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// appendStructuredData appends structured data as fields, in their order. Known is the structured data as the library parsed
// it, up to the first error. RFC 5424 allows a parameter to appear more than once: [origin ip="192.0.2.1" ip="192.0.2.129"].
// Then the last one becomes a field, as in the library's maps, and the field Repeated has the unchanged text.
func (p *Parser) appendStructuredData(fields []telemetry.Field, text string, known map[string]map[string]string) []telemetry.Field {
	before, distinct := len(fields), 0
	for _, parameters := range known {
		distinct += max(1, len(parameters))
	}
	fields = slices.Grow(fields, distinct)
	rest := text
	for strings.HasPrefix(rest, "[") {
		fields, rest = p.appendElement(fields, rest)
	}
	if len(fields)-before <= distinct {
		return fields
	}
	return append(keepLastOfEach(fields, before), telemetry.Text(Repeated, text[:len(text)-len(rest)]))
}

// appendElement appends the parameters of the element at the beginning of a text, and returns the text after it. An element
// without parameters becomes a field with the value true.
func (p *Parser) appendElement(fields []telemetry.Field, text string) (_ []telemetry.Field, rest string) {
	end := strings.IndexAny(text, " ]")
	if end < 0 {
		return fields, ""
	}
	id, rest := text[1:end], text[end:]
	if rest[0] == ']' {
		return append(fields, telemetry.Text(id, "true")), rest[1:]
	}
	for strings.HasPrefix(rest, " ") {
		name, quoted, _ := strings.Cut(rest[1:], `="`)
		v, tail, ok := unquote(quoted)
		if !ok {
			return fields, ""
		}
		fields, rest = append(fields, telemetry.Text(id+p.settings.Separator+name, v)), tail
	}
	return fields, strings.TrimPrefix(rest, "]")
}

// unquote reads a value up to its closing quote and removes the escaping backslashes (section 6.3.3). The rest is the text
// after the quote.
func unquote(text string) (v, rest string, ok bool) {
	end, escapes := 0, 0
	for ; end < len(text) && text[end] != '"'; end++ {
		if text[end] == '\\' {
			end++
			escapes++
		}
	}
	if end >= len(text) {
		return "", "", false
	}
	if v = text[:end]; escapes > 0 {
		v = unescape(v, escapes)
	}
	return v, text[end+1:], true
}

func unescape(v string, escapes int) string {
	out := make([]byte, 0, len(v)-escapes)
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' {
			i++
		}
		out = append(out, v[i])
	}
	return string(out)
}

// keepLastOfEach removes the fields, from the index from on, whose key appears again later.
func keepLastOfEach(fields []telemetry.Field, from int) []telemetry.Field {
	last := map[string]int{}
	for i, f := range fields {
		last[f.Key] = i
	}
	kept := fields[:from]
	for i, f := range fields[from:] {
		if last[f.Key] == from+i {
			kept = append(kept, f)
		}
	}
	return kept
}
