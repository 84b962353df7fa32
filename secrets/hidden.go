package secrets

import (
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Hidden are values that must not be shown. It is the second line of defence: what is a [Ref] never prints itself, but
// a host name that came from a store is part of many an honest message. Its zero value is ready; nil hides nothing.
type Hidden struct {
	mu       sync.Mutex
	values   []string
	replacer *strings.Replacer
}

const (
	// minHidden is the length of the shortest value that is looked for. To blot out every "22" in a log would hide
	// nothing and show that it is the value.
	minHidden = 6
	maxHidden = 256 // values that are remembered; the oldest of a rotated credential goes first
)

const redacted = "[redacted]"

// Add hides a value from now on.
func (h *Hidden) Add(value string) {
	if h == nil || len(value) < minHidden {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Contains(h.values, value) {
		return
	}
	h.values = append(h.values, value)
	if len(h.values) > maxHidden {
		h.values = h.values[1:]
	}
	var forms []string
	for _, v := range h.values {
		forms = append(forms, spellings(v)...)
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) }) // a value may be part of another
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, redacted)
	}
	h.replacer = strings.NewReplacer(pairs...)
}

// spellings are the ways in which a value may stand in a message: as it is, quoted, and as a part of a URL.
func spellings(v string) []string {
	quoted, asUser := strconv.Quote(v), url.User(v).String()
	return []string{v, quoted[1 : len(quoted)-1], url.QueryEscape(v), url.PathEscape(v), asUser}
}

// Redact replaces hidden values in a text.
func (h *Hidden) Redact(text string) string {
	if h == nil {
		return text
	}
	h.mu.Lock()
	replacer := h.replacer
	h.mu.Unlock()
	if replacer == nil {
		return text
	}
	return replacer.Replace(text)
}

// Writer returns a writer that redacts what goes through it. A value must come in one piece, as it does in a line of a
// log.
func (h *Hidden) Writer(w io.Writer) io.Writer { return hidingWriter{h, w} }

type hidingWriter struct {
	hidden *Hidden
	w      io.Writer
}

// Write implements io.Writer.
func (h hidingWriter) Write(p []byte) (int, error) {
	text := string(p)
	clean := h.hidden.Redact(text)
	if clean == text {
		return h.w.Write(p)
	}
	if _, err := io.WriteString(h.w, clean); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Unwrap returns the writer behind this one: whether it is a terminal matters to some.
func (h hidingWriter) Unwrap() io.Writer { return h.w }
