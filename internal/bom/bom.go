// Package bom removes the byte order marks that programs on Windows write at the beginning of text (PowerShell 5, .NET's UTF8Encoding).
// Otherwise the invisible mark becomes part of the first name, which then matches nothing.
package bom

import (
	"bytes"
	"errors"
)

// Mark is the byte order mark of UTF-8: RFC 3629, section 6.
const Mark = "\ufeff"

// ErrUTF16 is the error for text in UTF-16 or UTF-32. It completes a sentence that begins with the text's name.
var ErrUTF16 = errors.New("is in UTF-16: convert it to UTF-8")

// Strip returns text without the UTF-8 mark at its beginning. For UTF-16 and UTF-32 it returns the unchanged text and [ErrUTF16].
func Strip(text []byte) ([]byte, error) {
	littleEndian, bigEndian := []byte{0xff, 0xfe}, []byte{0xfe, 0xff} // UTF-32 begins like the first, or with {0, 0, 0xfe, 0xff}
	if bytes.HasPrefix(text, littleEndian) || bytes.HasPrefix(text, bigEndian) || bytes.HasPrefix(text, []byte{0, 0, 0xfe, 0xff}) {
		return text, ErrUTF16
	}
	return bytes.TrimPrefix(text, []byte(Mark)), nil
}
