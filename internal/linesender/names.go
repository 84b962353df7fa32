package linesender

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// maxName is the length limit of a component of a name, of a tag and of a tag's value, in bytes. Carbon makes file names of them, which may
// have 255 bytes with their ending. Netdata cuts at the same length.
const maxName = 200

// Clean returns a text with an underscore in place of every character that is not allowed and of every byte that is not UTF-8. A text of more
// than 200 bytes is cut, and ends with a hash of the whole.
func Clean(text string, isAllowed func(rune) bool) string {
	bad := func(i int, r rune) bool {
		return !isAllowed(r) || r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD")
	}
	clean := true
	for i, r := range text {
		if bad(i, r) {
			clean = false
			break
		}
	}
	cleaned := text
	if !clean {
		var b strings.Builder
		for i, r := range text {
			if bad(i, r) {
				r = '_'
			}
			b.WriteRune(r)
		}
		cleaned = b.String()
	}
	if len(cleaned) <= maxName {
		return cleaned
	}
	suffix := hashSuffix(text)
	cut := maxName - len(suffix)
	for !utf8.RuneStart(cleaned[cut]) {
		cut--
	}
	return cleaned[:cut] + suffix
}

// hashSuffix returns the end of a name that was cut, or that would otherwise be the name of another series too.
func hashSuffix(text string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return fmt.Sprintf("_%08x", h.Sum32())
}

// IsWord reports whether a character is a letter, a digit, '-' or '_', in any script.
func IsWord(r rune) bool {
	return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// CleanPath cleans each component of a text with dots, and leaves out empty ones.
func CleanPath(text string, isAllowed func(rune) bool) string {
	parts := slices.DeleteFunc(strings.Split(text, "."), func(part string) bool { return part == "" })
	for i, part := range parts {
		parts[i] = Clean(part, isAllowed)
	}
	return strings.Join(parts, ".")
}

// JoinPath joins the parts of a name with dots, without the empty ones.
func JoinPath(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ".")
}

// UniqueKeys changes tags that have the same key after cleaning, which is rare. The tags are sorted by key.
func UniqueKeys(tags []telemetry.Label) {
	for i := 1; i < len(tags); i++ {
		for slices.ContainsFunc(tags[:i], func(other telemetry.Label) bool { return other.Key == tags[i].Key }) {
			tags[i].Key += "_"
		}
	}
}

// Label returns the value of a label of a series, or "".
func Label(s *telemetry.Series, key string) string {
	for _, l := range s.Labels() {
		if l.Key == key {
			return l.Value
		}
	}
	return ""
}

// NetdataChart returns the chart and the dimension of a series of a Netdata plugin, as Netdata's backends write them. IsExact is false if
// characters were replaced. Ok is false for other series. A chart's name may be complete ("disk.root") or without its type ("root").
func NetdataChart(s *telemetry.Series, n Names) (path string, isExact, ok bool) {
	id, dimension := Label(s, "chart"), Label(s, "dimension")
	if n != NetdataNames && n != NetdataIDs || id == "" || dimension == "" {
		return "", false, false
	}
	chart := id
	kind, _, _ := strings.Cut(id, ".")
	switch name := Label(s, "chart_name"); {
	case n == NetdataIDs || name == "":
	case strings.HasPrefix(name, kind+"."):
		chart = name
	default:
		chart = kind + "." + name
	}
	path = JoinPath(cleanNetdata(chart), cleanNetdata(dimension))
	return path, path == chart+"."+dimension, true
}

// cleanNetdata replaces every byte that is not an ASCII letter, a digit or a dot, so that a letter in UTF-8 becomes several underscores, and
// cuts at 200 bytes (Netdata 1.12's backends). Unlike Netdata it leaves no empty components between dots.
func cleanNetdata(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			b[i] = '_'
		}
	}
	cleaned := string(b[:min(len(b), maxName)])
	return JoinPath(strings.Split(cleaned, ".")...)
}
