package eventdoc

import (
	"strings"
	"unicode/utf8"
)

// AppendJSON appends the document as a JSON object. JSON is UTF-8: each invalid byte becomes U+FFFD, and the names of the
// values in which that happened are listed in invalid_utf8. A number that JSON does not have (NaN, +Inf) becomes a string.
func (d Document) AppendJSON(buf []byte) []byte {
	var invalid []byte
	for i, v := range d {
		if i == 0 {
			buf = append(buf, '{')
		} else {
			buf = append(buf, ',')
		}
		buf, _ = AppendString(buf, v.Key)
		buf = append(buf, ':')
		if v.IsJSONLiteral() {
			buf = v.AppendText(buf)
			continue
		}
		var ok bool
		if buf, ok = AppendString(buf, v.Text()); !ok {
			if invalid != nil {
				invalid = append(invalid, ',')
			}
			invalid = append(invalid, v.Key...)
		}
	}
	if invalid != nil {
		buf = append(buf, `,"`+Invalid+`":`...)
		buf, _ = AppendString(buf, string(invalid))
	}
	return append(buf, '}')
}

// AppendString appends a JSON string, as encoding/json does without escaping HTML, and reports whether s was valid UTF-8.
func AppendString(buf []byte, s string) (_ []byte, ok bool) {
	const hex = "0123456789abcdef"
	buf, ok = append(buf, '"'), true
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		var r rune
		if c >= utf8.RuneSelf {
			if r, size = utf8.DecodeRuneInString(s[i:]); size > 1 && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		buf = append(buf, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			buf = append(buf, '\\', c)
		case c == '\n':
			buf = append(buf, `\n`...)
		case c == '\r':
			buf = append(buf, `\r`...)
		case c == '\t':
			buf = append(buf, `\t`...)
		case c == '\b':
			buf = append(buf, `\b`...)
		case c == '\f':
			buf = append(buf, `\f`...)
		case c < ' ':
			buf = append(buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case size > 1: // line separators, which JavaScript treats as ends of lines
			buf = append(buf, '\\', 'u', '2', '0', '2', hex[r&15])
		default:
			buf, ok = append(buf, `\ufffd`...), false
		}
		i += size
		start = i
	}
	return append(append(buf, s[start:]...), '"'), ok
}

// toValidUTF8 replaces invalid UTF-8 in a name as AppendString does, because names must be compared as they are stored.
func toValidUTF8(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return strings.Map(func(r rune) rune { return r }, name) // an invalid byte arrives as U+FFFD
}
