// Package bom removes the byte order marks that programs on Windows write in front of text (PowerShell 5, .NET's
// UTF8Encoding). Left there, the mark becomes part of the first name: it looks right and matches nothing.
package bom

import (
	"bytes"
	"errors"
)

// Mark is the byte order mark of UTF-8: RFC 3629, section 6.
const Mark = "\ufeff"

// ErrUTF16 is the error for text in UTF-16 or UTF-32. It completes a sentence that begins with the text's name.
var ErrUTF16 = errors.New("is written in UTF-16: let it be written in UTF-8")

// Strip returns text without the mark of UTF-8 at its beginning. The error is [ErrUTF16], with text as it is.
func Strip(text []byte) ([]byte, error) {
	littleEndian, bigEndian := []byte{0xff, 0xfe}, []byte{0xfe, 0xff} // UTF-32 begins like the first, or with {0, 0, 0xfe, 0xff}
	if bytes.HasPrefix(text, littleEndian) || bytes.HasPrefix(text, bigEndian) || bytes.HasPrefix(text, []byte{0, 0, 0xfe, 0xff}) {
		return text, ErrUTF16
	}
	return bytes.TrimPrefix(text, []byte(Mark)), nil
}
