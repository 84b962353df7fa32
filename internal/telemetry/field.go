package telemetry

import (
	"math"
	"strconv"
)

// Field is one value of an event beside those that every event has: a text, a number or a truth value. Fields are made by
// [Text], [Int], [Float] and [Bool]. They are comparable, and making one does not allocate.
type Field struct {
	Key  string
	text string
	bits uint64
	kind FieldKind
}

// FieldKind is the type of a field's value.
type FieldKind uint8

// The kinds of fields.
const (
	KindText FieldKind = iota
	KindInt
	KindFloat
	KindBool
)

// Text returns a field that holds a text.
func Text(key, value string) Field { return Field{Key: key, text: value} }

// Int returns a field that holds a whole number.
func Int(key string, value int64) Field { return Field{Key: key, bits: uint64(value), kind: KindInt} }

// Float returns a field that holds a number.
func Float(key string, value float64) Field {
	return Field{Key: key, bits: math.Float64bits(value), kind: KindFloat}
}

// Bool returns a field that holds a truth value.
func Bool(key string, value bool) Field {
	f := Field{Key: key, kind: KindBool}
	if value {
		f.bits = 1
	}
	return f
}

// String returns "key=value", for logs and tests.
func (f Field) String() string { return f.Key + "=" + f.Text() }

// Equal reports whether two fields have the same name, type and value.
func (f Field) Equal(other Field) bool { return f == other }

// Kind returns the type of the value.
func (f Field) Kind() FieldKind { return f.kind }

// Bits returns the value of a field that is not a text, and [NewField] makes the field again.
func (f Field) Bits() uint64 { return f.bits }

// NewField returns a field as it was stored: a text, or the bits of another kind. An unknown kind becomes a text.
func NewField(key string, kind FieldKind, text string, bits uint64) Field {
	if kind == KindText || kind > KindBool {
		return Text(key, text)
	}
	return Field{Key: key, bits: bits, kind: kind}
}

// Int returns the value of a KindInt field, else 0.
func (f Field) Int() int64 {
	if f.kind != KindInt {
		return 0
	}
	return int64(f.bits)
}

// Text returns the value as text: "12", "0.5", "true", or the text itself.
func (f Field) Text() string {
	if f.kind == KindText {
		return f.text
	}
	return string(f.AppendText(nil))
}

// AppendText appends the value as text. Numbers are written as in JSON, except that a float may be NaN, +Inf or -Inf.
func (f Field) AppendText(buf []byte) []byte {
	switch f.kind {
	case KindInt:
		return strconv.AppendInt(buf, int64(f.bits), 10)
	case KindFloat:
		return strconv.AppendFloat(buf, math.Float64frombits(f.bits), 'g', -1, 64)
	case KindBool:
		return strconv.AppendBool(buf, f.bits != 0)
	}
	return append(buf, f.text...)
}

// IsJSONLiteral reports whether [Field.AppendText] writes the value as a JSON literal, which needs no quotes.
func (f Field) IsJSONLiteral() bool {
	switch f.kind {
	case KindText:
		return false
	case KindFloat:
		v := math.Float64frombits(f.bits)
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return true
}

// Size returns how much memory the field takes, in bytes.
func (f Field) Size() int { return sizeOfField + len(f.Key) + len(f.text) }
