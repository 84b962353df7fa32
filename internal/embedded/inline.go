package embedded

import "bytes"

// inline parses what a person types over netcat: words between blanks, with
// 'single' and "double" quotes. Words are unquoted in place.
func (r *reader) inline() error {
	s, err := r.line(maxInlineBytes, "too big inline request")
	if err != nil {
		return err
	}
	line := r.buf[r.start+s.from : r.start+s.to]
	if isHTTP(line) {
		return errCrossProtocol
	}
	for i := 0; ; {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) {
			return nil
		}
		word, next, ok := unquote(line, i)
		if !ok {
			return protocolError("unbalanced quotes in request")
		}
		r.spans = append(r.spans, span{s.from + word.from, s.from + word.to})
		i = next
	}
}

// isHTTP: a web page may make a browser POST to a port of this machine; Redis
// hangs up on these words for the same reason.
func isHTTP(line []byte) bool {
	word, _, _ := bytes.Cut(line, []byte(" "))
	return bytes.EqualFold(word, []byte("POST")) || bytes.EqualFold(word, []byte("HOST:"))
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == 0 }

// unquote writes the word at line[i:] over itself; it never grows.
func unquote(line []byte, i int) (word span, next int, ok bool) {
	from, out := i, i
	var quote byte
	for ; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && isBlank(c):
			return span{from, out}, i, true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			continue
		case quote != 0 && c == quote:
			if i+1 < len(line) && !isBlank(line[i+1]) {
				return span{}, 0, false
			}
			quote = 0
			continue
		case quote != 0 && c == '\\' && i+1 < len(line):
			var used int
			if c, used = unescape(quote, line[i+1:]); used > 0 {
				i += used
			}
		}
		line[out] = c
		out++
	}
	return span{from, out}, i, quote == 0
}

// unescape decodes what follows a backslash and tells how many bytes it took.
func unescape(quote byte, rest []byte) (c byte, used int) {
	if quote == '\'' {
		if rest[0] == '\'' {
			return '\'', 1
		}
		return '\\', 0
	}
	if rest[0] == 'x' && len(rest) >= 3 {
		hi, okHi := hexDigit(rest[1])
		lo, okLo := hexDigit(rest[2])
		if okHi && okLo {
			return hi<<4 | lo, 3
		}
	}
	switch rest[0] {
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'b':
		return '\b', 1
	case 'a':
		return '\a', 1
	}
	return rest[0], 1
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
