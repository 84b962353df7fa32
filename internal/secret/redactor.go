package secret

import (
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Redactor removes credentials from text. It is the second line of defence: a [Ref] never prints its value, but a value
// that was resolved from a store, such as a host name, can be part of an error of a library. The zero value is ready to
// use. A nil Redactor changes nothing.
type Redactor struct {
	mu       sync.Mutex
	values   []string
	replacer *strings.Replacer
}

const (
	// minLength is the length in bytes of the shortest value that is redacted. Redacting every "22" of a log would hide
	// nothing and reveal that "22" is the value.
	minLength = 6
	maxValues = 256 // values kept; the oldest is forgotten first, because it was rotated away
)

const redacted = "[redacted]"

// Add redacts value in all text from now on. Values shorter than 6 bytes are ignored.
func (r *Redactor) Add(value string) {
	if r == nil || len(value) < minLength {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.values, value) {
		return
	}
	r.values = append(r.values, value)
	if len(r.values) > maxValues {
		r.values = r.values[1:]
	}
	var variants []string
	for _, v := range r.values {
		variants = append(variants, spellings(v)...)
	}
	slices.SortFunc(variants, func(a, b string) int { return len(b) - len(a) }) // longest first: one value can contain another
	var pairs []string
	for _, variant := range variants {
		pairs = append(pairs, variant, redacted)
	}
	r.replacer = strings.NewReplacer(pairs...)
}

// spellings returns the forms in which v can appear in a message: unchanged, quoted, and escaped as part of a URL.
func spellings(v string) []string {
	quoted, asUser := strconv.Quote(v), url.User(v).String()
	return []string{v, quoted[1 : len(quoted)-1], url.QueryEscape(v), url.PathEscape(v), asUser}
}

// Redact returns text with every added value replaced by "[redacted]".
func (r *Redactor) Redact(text string) string {
	if r == nil {
		return text
	}
	r.mu.Lock()
	replacer := r.replacer
	r.mu.Unlock()
	if replacer == nil {
		return text
	}
	return replacer.Replace(text)
}

// Writer returns a writer that redacts text before it passes it on to w. A value is recognised only within one call of
// Write; log handlers write whole lines.
func (r *Redactor) Writer(w io.Writer) io.Writer { return redactingWriter{r, w} }

type redactingWriter struct {
	redactor *Redactor
	w        io.Writer
}

// Write implements io.Writer.
func (w redactingWriter) Write(p []byte) (int, error) {
	text := string(p)
	clean := w.redactor.Redact(text)
	if clean == text {
		return w.w.Write(p)
	}
	if _, err := io.WriteString(w.w, clean); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Unwrap returns the underlying writer, so that callers can find out whether it is a terminal.
func (w redactingWriter) Unwrap() io.Writer { return w.w }
