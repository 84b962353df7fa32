package jsondoc

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxDepth is how deep RedisJSON lets values nest.
const maxDepth = 127

// What RedisJSON (serde_json) says about a text that is no JSON. The place,
// line and column, is added when it is answered.
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

// compactor checks a JSON text and writes it as RedisJSON tells it back: no
// blanks, escapes and numbers in one form, of a repeated key the last value.
// The zero value is ready; out may be reused for the next text.
type compactor struct {
	in    []byte
	at    int
	out   []byte
	depth int
	keys  []objectMember // of the objects that are open
	fault string         // set with the first mistake, which is at byte where
	where int
}

// objectMember is a member of an object that is being written: offsets in out.
type objectMember struct{ key, keyEnd, val, valEnd int }

// compact writes a text to out; the error is what RedisJSON says.
func (w *compactor) compact(text []byte) resp.Error {
	w.in, w.at, w.out, w.depth, w.keys, w.fault = text, 0, w.out[:0], 0, w.keys[:0], ""
	if w.value() && w.blanks() {
		w.mistake(msgTrailingCharacters, w.at+1)
	}
	if w.fault == "" {
		return ""
	}
	line, start := 1, 0
	head := text[:min(w.where, len(text))]
	if i := bytes.LastIndexByte(head, '\n'); i >= 0 {
		start = i + 1
		line += bytes.Count(head[:start], []byte{'\n'})
	}
	return resp.Error(fmt.Sprintf("%s at line %d column %d", w.fault, line, len(head)-start))
}

// shrink drops the buffer if a large text made it large.
func (w *compactor) shrink() {
	if cap(w.out) > resp.KeptBufferBytes {
		*w = compactor{}
	}
	w.in = nil
}

// mistake ends the parse; at is how many bytes had been looked at.
func (w *compactor) mistake(fault string, at int) bool {
	w.fault, w.where = fault, at
	return false
}

// blanks skips white space and tells whether there is more.
func (w *compactor) blanks() bool {
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

func (w *compactor) value() bool {
	if !w.blanks() {
		return w.mistake(msgEOFValue, w.at+1)
	}
	switch c := w.in[w.at]; {
	case c == '"':
		return w.string()
	case c >= '0' && c <= '9' || c == '-':
		return w.number()
	case c == '{':
		return w.nested((*compactor).object)
	case c == '[':
		return w.nested((*compactor).array)
	case c == 't':
		return w.word("true")
	case c == 'f':
		return w.word("false")
	case c == 'n':
		return w.word("null")
	}
	return w.mistake(msgExpectedValue, w.at+1)
}

func (w *compactor) nested(parse func(*compactor) bool) bool {
	if w.depth == maxDepth {
		return w.mistake(msgRecursionLimit, w.at+1)
	}
	w.depth++
	ok := parse(w)
	w.depth--
	return ok
}

func (w *compactor) word(word string) bool {
	for i := range len(word) {
		if w.at+i >= len(w.in) {
			return w.mistake(msgEOFValue, w.at+i)
		}
		if w.in[w.at+i] != word[i] {
			return w.mistake(msgExpectedIdent, w.at+i+1)
		}
	}
	w.at += len(word)
	w.out = append(w.out, word...)
	return true
}

func (w *compactor) array() bool {
	w.at++
	w.out = append(w.out, '[')
	for first := true; ; first = false {
		if !w.blanks() {
			return w.mistake(msgEOFList, w.at+1)
		}
		switch c := w.in[w.at]; {
		case c == ']':
			w.at++
			w.out = append(w.out, ']')
			return true
		case first:
		case c != ',':
			return w.mistake(msgExpectedCommaInList, w.at+1)
		default:
			w.at++
			w.out = append(w.out, ',')
			if w.blanks() && w.in[w.at] == ']' {
				return w.mistake(msgTrailingComma, w.at+1)
			}
		}
		if !w.value() {
			return false
		}
	}
}

func (w *compactor) object() bool {
	w.at++
	start, mine := len(w.out), len(w.keys)
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
		if !w.string() {
			return false
		}
		m.keyEnd = len(w.out)
		if !w.colon() {
			return false
		}
		m.val = len(w.out)
		if !w.value() {
			return false
		}
		m.valEnd = len(w.out)
		names.add(w, mine, m)
	}
	w.at++
	if names.repeated {
		w.rewrite(start, w.keys[mine:])
	}
	w.out = append(w.out, '}')
	w.keys = w.keys[:mine]
	return true
}

// nextKey goes to the next key of an object, or to its end.
func (w *compactor) nextKey(first bool) (more, ok bool) {
	if !w.blanks() {
		return false, w.mistake(msgEOFObject, w.at+1)
	}
	switch c := w.in[w.at]; {
	case c == '}':
		return false, true
	case first && c == '"':
		return true, true
	case first:
		return false, w.mistake(msgKeyNotString, w.at+1)
	case c != ',':
		return false, w.mistake(msgExpectedCommaInObject, w.at+1)
	}
	w.at++
	w.out = append(w.out, ',')
	if !w.blanks() {
		return false, w.mistake(msgEOFValue, w.at+1)
	}
	switch w.in[w.at] {
	case '"':
		return true, true
	case '}':
		return false, w.mistake(msgTrailingComma, w.at+1)
	}
	return false, w.mistake(msgKeyNotString, w.at+1)
}

func (w *compactor) colon() bool {
	if !w.blanks() {
		return w.mistake(msgEOFObject, w.at+1)
	}
	if w.in[w.at] != ':' {
		return w.mistake(msgExpectedColon, w.at+1)
	}
	w.at++
	w.out = append(w.out, ':')
	return true
}

// manyMembers is where a map finds a repeated key sooner than a look at all.
const manyMembers = 24

// memberIndex finds the repeated keys of one object.
type memberIndex struct {
	wide     map[string]int // key → place in keys; only for objects with many members
	repeated bool
}

// add notes a member. A repeated key gives its value to the first one.
func (n *memberIndex) add(w *compactor, mine int, m objectMember) {
	if at := n.find(w, mine, m); at >= 0 {
		w.keys[at].val, w.keys[at].valEnd = m.val, m.valEnd
		n.repeated = true
		return
	}
	w.keys = append(w.keys, m)
	if n.wide != nil {
		n.wide[string(w.out[m.key:m.keyEnd])] = len(w.keys) - 1
	} else if len(w.keys)-mine > manyMembers {
		n.wide = map[string]int{}
		for i, k := range w.keys[mine:] {
			n.wide[string(w.out[k.key:k.keyEnd])] = mine + i
		}
	}
}

func (n *memberIndex) find(w *compactor, mine int, m objectMember) int {
	key := w.out[m.key:m.keyEnd]
	if n.wide != nil {
		if at, ok := n.wide[string(key)]; ok {
			return at
		}
		return -1
	}
	for i := mine; i < len(w.keys); i++ {
		if old := &w.keys[i]; old.keyEnd-old.key == len(key) && bytes.Equal(w.out[old.key:old.keyEnd], key) {
			return i
		}
	}
	return -1
}

// rewrite writes an object anew from its distinct members.
func (w *compactor) rewrite(start int, members []objectMember) {
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

// number copies whole numbers of up to 18 digits, and brings others in form.
func (w *compactor) number() bool {
	start := w.at
	if w.in[w.at] == '-' {
		w.at++
	}
	n := resp.CountDigits(w.in[w.at:])
	if n == 0 {
		if w.at == len(w.in) {
			return w.mistake(msgEOFValue, w.at)
		}
		return w.mistake(msgInvalidNumber, w.at+1)
	}
	if n > 1 && w.in[w.at] == '0' {
		return w.mistake(msgInvalidNumber, w.at+2)
	}
	w.at += n
	whole := w.at == len(w.in) || w.in[w.at] != '.' && w.in[w.at]|0x20 != 'e'
	if !whole && !w.fraction() {
		return false
	}
	text := w.in[start:w.at]
	if whole && n <= 18 && (text[0] != '-' || text[1] != '0') {
		w.out = append(w.out, text...)
		return true
	}
	return w.longNumber(string(text), whole)
}

// fraction skips what follows a number's whole part.
func (w *compactor) fraction() bool {
	if w.in[w.at] == '.' {
		w.at++
		n := resp.CountDigits(w.in[w.at:])
		if n == 0 && w.at == len(w.in) {
			return w.mistake(msgEOFValue, w.at+1)
		}
		if n == 0 {
			return w.mistake(msgInvalidNumber, w.at+1)
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
		return w.mistake(msgEOFValue, w.at)
	}
	if n == 0 {
		return w.mistake(msgInvalidNumber, w.at+1)
	}
	w.at += n
	return true
}

func (w *compactor) longNumber(text string, whole bool) bool {
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
		return w.mistake(msgNumberOutOfRange, w.at)
	}
	w.out = appendFloat(w.out, v)
	return true
}

// appendFloat writes a number with a fraction as RedisJSON (ryu) does:
// plain from 1e-5 to 1e16, always with a point or an exponent.
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
