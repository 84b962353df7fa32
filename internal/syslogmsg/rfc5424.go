package syslogmsg

import (
	"slices"
	"strings"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// parse5424 reads a whole message, of which data and text are the same. When it returns an error, what could be read is in
// the event if that is wanted.
func (p *Parser) parse5424(data []byte, text string, received time.Time, e *telemetry.Event) error {
	var names [4]string
	parsed, err := p.machine.Parse(data)
	if err != nil {
		if mended, long, ok := mend(text); ok {
			names = long
			parsed, err = p.machine.Parse([]byte(mended))
		}
	}
	m, _ := parsed.(*rfc5424.SyslogMessage)
	if m == nil || err != nil && !p.settings.BestEffort {
		return err
	}
	if m.Timestamp != nil {
		setTime(e, *m.Timestamp, received)
	}
	for i, word := range [...]*string{m.Hostname, m.Appname, m.ProcID, m.MsgID} {
		if names[i] == "" {
			names[i] = value(word)
		}
	}
	e.Host, e.App, e.Proc, e.MsgID = names[0], names[1], names[2], names[3]
	e.Message = strings.TrimPrefix(value(m.Message), byteOrderMark)
	if m.StructuredData != nil {
		before := len(e.Fields)
		e.Fields = p.appendData(e.Fields, *m.StructuredData)
		e.Fields = appendRepeated(e.Fields, len(e.Fields)-before, strings.TrimSuffix(text, value(m.Message)))
	}
	return err
}

// mend makes a message one of RFC 5424 that is not for two reasons, and says whether it found them. It takes out, and
// returns, those words of the header that are longer than they may be: Docker writes the name of a container as APP-NAME and
// as MSGID, however long it is. And it escapes backslashes in structured data that stand for themselves, as section 6.3.3
// wants them read: path="C:\dir".
func mend(text string) (mended string, long [4]string, ok bool) {
	words := strings.SplitN(text, " ", 7) // priority and version, time, host, name, process, ID, the rest
	if len(words) < 7 {
		return text, long, false
	}
	for i, most := range [...]int{255, 48, 128, 32} {
		if word := words[2+i]; len(word) > most {
			long[i], words[2+i], ok = word, "-", true
		}
	}
	if rest := escapeBackslashes(words[6]); len(rest) != len(words[6]) {
		words[6], ok = rest, true
	}
	return strings.Join(words, " "), long, ok
}

// escapeBackslashes escapes those in the values at the beginning of a text that escape nothing.
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

// appendRepeated appends structured data as it came when a parameter stands in it more than once, which RFC 5424 allows and
// the parser keeps the last of: [origin ip="192.0.2.1" ip="192.0.2.129"]. Quotes within values are escaped, so that ="
// stands before values only.
func appendRepeated(fields []telemetry.Label, known int, head string) []telemetry.Label {
	if strings.Count(head, `="`) <= known {
		return fields
	}
	_, data, _ := strings.Cut(head, "[") // no header of a valid message has a bracket, but may: then there is more than enough
	return append(fields, telemetry.Label{Key: Repeated, Value: "[" + strings.TrimSpace(data)})
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// appendData appends structured data as fields, in the order of their names. An element without parameters is true.
func (p *Parser) appendData(fields []telemetry.Label, data map[string]map[string]string) []telemetry.Label {
	before, more := len(fields), len(data)
	for _, parameters := range data {
		more += len(parameters)
	}
	fields = slices.Grow(fields, more)
	for id, parameters := range data {
		if len(parameters) == 0 {
			fields = append(fields, telemetry.Label{Key: id, Value: "true"})
		}
		for name, v := range parameters {
			fields = append(fields, telemetry.Label{Key: id + p.settings.Separator + name, Value: v})
		}
	}
	slices.SortFunc(fields[before:], func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	return fields
}
