// Package cmdline makes command lines of processes safe to store and to show: it replaces credentials by a mark. Events outlive the
// process and have more readers than the process table. Redaction only knows usual forms of credentials; an unusual one stays.
//
//   - cmdline.go: [Redact], [Text], [Split].
//   - words.go: the arguments from left to right, and the words of an argument that holds a whole command.
//   - options.go: options, assignments and headers.
//   - programs.go: options that hold a credential only for certain programs, such as -p.
//   - names.go: which names of options, variables and headers belong to a credential.
//   - scan.go: credentials within an argument: in URLs, in connection strings, in JSON, and tokens of a known form.
package cmdline

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// mark replaces a credential. It is the mark of the package secret.
const mark = "[redacted]"

// maxBytes is how much of a command line [Split] returns. The kernel allows a quarter of the stack limit, 2 MiB by default.
const maxBytes = 64 << 10

// Redact returns the arguments of a command line with credentials replaced by "[redacted]". The number of arguments stays the same. An
// argument that holds several words, as after sh -c or when a process rewrote its title, is redacted word by word. Redact must see whole
// arguments: a URL that was cut before its @ no longer looks like one. The time is linear in the size of the arguments.
func Redact(argv []string) []string {
	clean := make([]string, len(argv))
	var w walker
	for i, arg := range argv {
		clean[i] = w.redactArgument(arg)
	}
	return clean
}

// Text returns the redacted arguments joined by blanks, in valid UTF-8, cut to max bytes at a character boundary. It stops working when it
// has enough. Control characters stay; the output escapes them.
func Text(argv []string, max int) string {
	var text strings.Builder
	var w walker
	for i, arg := range argv {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(strings.ToValidUTF8(w.redactArgument(arg), "\ufffd"))
		if text.Len() > max {
			break
		}
	}
	return cut(text.String(), max)
}

// cut returns at most max bytes of text and no part of a character.
func cut(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}

// Split returns the arguments in /proc/PID/cmdline (proc(5)), where each ends with NUL. A process that rewrote its title has one argument
// with blanks. Of a command line over 64 KiB, only the arguments that end within that size are returned, so none is cut in the middle.
func Split(data []byte) []string {
	if len(data) > maxBytes {
		data = data[:maxBytes]
		end := bytes.LastIndexByte(data, 0)
		if end < 0 {
			end = max(bytes.LastIndexByte(data, ' '), 0) // a long title: only whole words
		}
		data = data[:end]
	}
	data = bytes.TrimRight(data, "\x00") // titles are padded with NUL
	if len(data) == 0 {
		return nil
	}
	return strings.Split(string(data), "\x00")
}
