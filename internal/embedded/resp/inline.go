package resp

import "bytes"

// parseInline parses a line of words between blanks, with 'single' and "double"
// quotes. It unquotes the words in place.
func (r *Reader) parseInline() error {
	s, err := r.parseLine(maxInlineBytes, "too big inline request")
	if err != nil {
		return err
	}
	line := r.buf[r.start+s.from : r.start+s.to]
	if isHTTP(line) {
		return ErrHTTP
	}
	for i := 0; ; {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) {
			return nil
		}
		word, next, ok := unquoteWord(line, i)
		if !ok {
			return ProtocolError("unbalanced quotes in request")
		}
		r.spans = append(r.spans, span{s.from + word.from, s.from + word.to})
		i = next
	}
}

// isHTTP reports whether a line belongs to an HTTP request. Redis closes the
// connection on the same two words.
func isHTTP(line []byte) bool {
	word, _, _ := bytes.Cut(line, []byte(" "))
	return bytes.EqualFold(word, []byte("POST")) || bytes.EqualFold(word, []byte("HOST:"))
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == 0 }

// unquoteWord overwrites the word at line[i:] with its content, which is never
// longer. It returns false for a missing or misplaced closing quote.
func unquoteWord(line []byte, i int) (word span, next int, ok bool) {
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
			c, used = decodeEscape(quote, line[i+1:])
			i += used
		}
		line[out] = c
		out++
	}
	return span{from, out}, i, quote == 0
}

// decodeEscape decodes the characters after a backslash. It returns how many it
// consumed; 0 means that the backslash stands for itself.
func decodeEscape(quote byte, rest []byte) (c byte, used int) {
	if quote == '\'' {
		if rest[0] == '\'' {
			return '\'', 1
		}
		return '\\', 0
	}
	if rest[0] == 'x' && len(rest) >= 3 {
		high, okHigh := HexDigit(rest[1])
		low, okLow := HexDigit(rest[2])
		if okHigh && okLow {
			return high<<4 | low, 3
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
