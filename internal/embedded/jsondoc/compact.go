package jsondoc

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxDepth is the limit of RedisJSON on nesting.
const maxDepth = 127

// Errors of RedisJSON (serde_json) for a text that is not JSON. The answer adds
// line and column.
const (
	msgEOFValue              = "EOF while parsing a value"
	msgEOFList               = "EOF while parsing a list"
	msgEOFObject             = "EOF while parsing an object"
	msgEOFString             = "EOF while parsing a string"
	msgExpectedValue         = "expected value"
	msgExpectedIdent         = "expected ident"
	msgExpectedColon         = "expected `:`"
	msgExpectedCommaInList   = "expected `,` or `]`"
	msgExpectedCommaInObject = "expected `,` or `}`"
	msgKeyNotString          = "key must be a string"
	msgTrailingComma         = "trailing comma"
	msgTrailingCharacters    = "trailing characters"
	msgInvalidNumber         = "invalid number"
	msgNumberOutOfRange      = "number out of range"
	msgControlCharacter      = "control character (\\u0000-\\u001F) found while parsing a string"
	msgInvalidEscape         = "invalid escape"
	msgLoneSurrogate         = "lone leading surrogate in hex escape"
	msgUnexpectedEndOfEscape = "unexpected end of hex escape"
	msgRecursionLimit        = "recursion limit exceeded"
)

// compactor checks a JSON text and writes it as RedisJSON returns it. That is
// without blanks, with one form of escapes and numbers, and with the last value
// of a repeated key. The zero value is ready. Its output is reused for the next
// text.
type compactor struct {
	in        []byte
	at        int
	out       []byte
	depth     int
	keys      []objectMember // members of the objects that are not closed yet
	message   string         // the first error
	messageAt int
}

// objectMember is a member of an object in the output, as offsets.
type objectMember struct{ key, keyEnd, val, valEnd int }

// compact writes a text to out. The error is that of RedisJSON.
func (w *compactor) compact(text []byte) resp.Error {
	w.in, w.at, w.out, w.depth, w.keys, w.message = text, 0, w.out[:0], 0, w.keys[:0], ""
	if w.compactValue() && w.skipBlanks() {
		w.fail(msgTrailingCharacters, w.at+1)
	}
	if w.message == "" {
		return ""
	}
	line, start := 1, 0
	head := text[:min(w.messageAt, len(text))]
	if i := bytes.LastIndexByte(head, '\n'); i >= 0 {
		start = i + 1
		line += bytes.Count(head[:start], []byte{'\n'})
	}
	return resp.Error(fmt.Sprintf("%s at line %d column %d", w.message, line, len(head)-start))
}

// shrink drops the buffers if a large text made them large.
func (w *compactor) shrink() {
	if cap(w.out) > resp.KeptBufferBytes {
		*w = compactor{}
	}
	w.in = nil
}

// fail ends the parse with an error after so many bytes of the text.
func (w *compactor) fail(message string, at int) bool {
	w.message, w.messageAt = message, at
	return false
}

// skipBlanks skips white space. It returns false at the end of the text.
func (w *compactor) skipBlanks() bool {
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case ' ', '\n', '\t', '\r':
			w.at++
		default:
			return true
		}
	}
	return false
}

func (w *compactor) compactValue() bool {
	if !w.skipBlanks() {
		return w.fail(msgEOFValue, w.at+1)
	}
	switch c := w.in[w.at]; {
	case c == '"':
		return w.compactString()
	case c >= '0' && c <= '9' || c == '-':
		return w.compactNumber()
	case c == '{':
		return w.compactNested((*compactor).compactObject)
	case c == '[':
		return w.compactNested((*compactor).compactArray)
	case c == 't':
		return w.compactLiteral("true")
	case c == 'f':
		return w.compactLiteral("false")
	case c == 'n':
		return w.compactLiteral("null")
	}
	return w.fail(msgExpectedValue, w.at+1)
}

func (w *compactor) compactNested(parse func(*compactor) bool) bool {
	if w.depth == maxDepth {
		return w.fail(msgRecursionLimit, w.at+1)
	}
	w.depth++
	ok := parse(w)
	w.depth--
	return ok
}

func (w *compactor) compactLiteral(word string) bool {
	for i := range len(word) {
		if w.at+i >= len(w.in) {
			return w.fail(msgEOFValue, w.at+i)
		}
		if w.in[w.at+i] != word[i] {
			return w.fail(msgExpectedIdent, w.at+i+1)
		}
	}
	w.at += len(word)
	w.out = append(w.out, word...)
	return true
}

func (w *compactor) compactArray() bool {
	w.at++
	w.out = append(w.out, '[')
	for first := true; ; first = false {
		if !w.skipBlanks() {
			return w.fail(msgEOFList, w.at+1)
		}
		switch c := w.in[w.at]; {
		case c == ']':
			w.at++
			w.out = append(w.out, ']')
			return true
		case first:
		case c != ',':
			return w.fail(msgExpectedCommaInList, w.at+1)
		default:
			w.at++
			w.out = append(w.out, ',')
			if w.skipBlanks() && w.in[w.at] == ']' {
				return w.fail(msgTrailingComma, w.at+1)
			}
		}
		if !w.compactValue() {
			return false
		}
	}
}

func (w *compactor) compactObject() bool {
	w.at++
	start, firstKey := len(w.out), len(w.keys)
	w.out = append(w.out, '{')
	var names memberIndex
	for first := true; ; first = false {
		more, ok := w.nextKey(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		m := objectMember{key: len(w.out)}
		if !w.compactString() {
			return false
		}
		m.keyEnd = len(w.out)
		if !w.compactColon() {
			return false
		}
		m.val = len(w.out)
		if !w.compactValue() {
			return false
		}
		m.valEnd = len(w.out)
		names.add(w, firstKey, m)
	}
	w.at++
	if names.hasRepeated {
		w.rewriteObject(start, w.keys[firstKey:])
	}
	w.out = append(w.out, '}')
	w.keys = w.keys[:firstKey]
	return true
}

// nextKey skips to the next key of an object, or to its end.
func (w *compactor) nextKey(first bool) (more, ok bool) {
	if !w.skipBlanks() {
		return false, w.fail(msgEOFObject, w.at+1)
	}
	switch c := w.in[w.at]; {
	case c == '}':
		return false, true
	case first && c == '"':
		return true, true
	case first:
		return false, w.fail(msgKeyNotString, w.at+1)
	case c != ',':
		return false, w.fail(msgExpectedCommaInObject, w.at+1)
	}
	w.at++
	w.out = append(w.out, ',')
	if !w.skipBlanks() {
		return false, w.fail(msgEOFValue, w.at+1)
	}
	switch w.in[w.at] {
	case '"':
		return true, true
	case '}':
		return false, w.fail(msgTrailingComma, w.at+1)
	}
	return false, w.fail(msgKeyNotString, w.at+1)
}

func (w *compactor) compactColon() bool {
	if !w.skipBlanks() {
		return w.fail(msgEOFObject, w.at+1)
	}
	if w.in[w.at] != ':' {
		return w.fail(msgExpectedColon, w.at+1)
	}
	w.at++
	w.out = append(w.out, ':')
	return true
}

// minMapMembers is the number of members from which a map finds repeated keys
// faster than a comparison with all keys.
const minMapMembers = 24

// memberIndex finds the repeated keys of one object.
type memberIndex struct {
	byKey       map[string]int // position in keys; only for objects with many members
	hasRepeated bool
}

// add adds a member. The value of a repeated key replaces the first value.
func (n *memberIndex) add(w *compactor, start int, m objectMember) {
	if at := n.find(w, start, m); at >= 0 {
		w.keys[at].val, w.keys[at].valEnd = m.val, m.valEnd
		n.hasRepeated = true
		return
	}
	w.keys = append(w.keys, m)
	if n.byKey != nil {
		n.byKey[string(w.out[m.key:m.keyEnd])] = len(w.keys) - 1
	} else if len(w.keys)-start > minMapMembers {
		n.byKey = map[string]int{}
		for i, k := range w.keys[start:] {
			n.byKey[string(w.out[k.key:k.keyEnd])] = start + i
		}
	}
}

// find returns the position of an equal key in w.keys, or -1.
func (n *memberIndex) find(w *compactor, start int, m objectMember) int {
	key := w.out[m.key:m.keyEnd]
	if n.byKey != nil {
		if at, ok := n.byKey[string(key)]; ok {
			return at
		}
		return -1
	}
	for i := start; i < len(w.keys); i++ {
		if old := &w.keys[i]; old.keyEnd-old.key == len(key) && bytes.Equal(w.out[old.key:old.keyEnd], key) {
			return i
		}
	}
	return -1
}

// rewriteObject writes an object again with its distinct members.
func (w *compactor) rewriteObject(start int, members []objectMember) {
	text := bytes.Clone(w.out[start:])
	w.out = append(w.out[:start], '{')
	for i, m := range members {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(append(w.out, text[m.key-start:m.keyEnd-start]...), ':')
		w.out = append(w.out, text[m.val-start:m.valEnd-start]...)
	}
}

// compactNumber copies whole numbers of up to 18 digits and normalizes others.
func (w *compactor) compactNumber() bool {
	start := w.at
	if w.in[w.at] == '-' {
		w.at++
	}
	n := resp.CountDigits(w.in[w.at:])
	if n == 0 {
		if w.at == len(w.in) {
			return w.fail(msgEOFValue, w.at)
		}
		return w.fail(msgInvalidNumber, w.at+1)
	}
	if n > 1 && w.in[w.at] == '0' {
		return w.fail(msgInvalidNumber, w.at+2)
	}
	w.at += n
	whole := w.at == len(w.in) || w.in[w.at] != '.' && w.in[w.at]|0x20 != 'e'
	if !whole && !w.skipFraction() {
		return false
	}
	text := w.in[start:w.at]
	if whole && n <= 18 && (text[0] != '-' || text[1] != '0') {
		w.out = append(w.out, text...)
		return true
	}
	return w.normalizeNumber(string(text), whole)
}

// skipFraction skips what follows the whole part of a number.
func (w *compactor) skipFraction() bool {
	if w.in[w.at] == '.' {
		w.at++
		n := resp.CountDigits(w.in[w.at:])
		if n == 0 && w.at == len(w.in) {
			return w.fail(msgEOFValue, w.at+1)
		}
		if n == 0 {
			return w.fail(msgInvalidNumber, w.at+1)
		}
		w.at += n
	}
	if w.at == len(w.in) || w.in[w.at]|0x20 != 'e' {
		return true
	}
	w.at++
	if w.at < len(w.in) && (w.in[w.at] == '+' || w.in[w.at] == '-') {
		w.at++
	}
	n := resp.CountDigits(w.in[w.at:])
	if n == 0 && w.at == len(w.in) {
		return w.fail(msgEOFValue, w.at)
	}
	if n == 0 {
		return w.fail(msgInvalidNumber, w.at+1)
	}
	w.at += n
	return true
}

func (w *compactor) normalizeNumber(text string, whole bool) bool {
	if whole && text != "-0" {
		_, errInt := strconv.ParseInt(text, 10, 64)
		_, errUint := strconv.ParseUint(text, 10, 64)
		if errInt == nil || errUint == nil {
			w.out = append(w.out, text...)
			return true
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return w.fail(msgNumberOutOfRange, w.at)
	}
	w.out = appendFloat(w.out, v)
	return true
}

// appendFloat appends a number with a fraction as RedisJSON (ryu) writes it:
// without an exponent from 1e-5 to 1e16, and always with a point or an
// exponent.
func appendFloat(dst []byte, v float64) []byte {
	if v == 0 {
		if math.Signbit(v) {
			dst = append(dst, '-')
		}
		return append(dst, "0.0"...)
	}
	if e := math.Abs(v); e >= 1e-5 && e < 1e16 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	s := strconv.FormatFloat(v, 'e', -1, 64)
	mantissa, exp, _ := strings.Cut(s, "e")
	n, _ := strconv.Atoi(exp)
	return strconv.AppendInt(append(append(dst, mantissa...), 'e'), int64(n), 10)
}
