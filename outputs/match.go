package outputs

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Matches reports whether a document satisfies all conditions of the query except Last, for readers that have no index for them.
func (q *EventQuery) Matches(doc eventdoc.Document) bool {
	ms, severity := doc.Int(eventdoc.Timestamp), telemetry.Severity(doc.Int(eventdoc.Severity))
	if !q.Since.IsZero() && ms < q.Since.UnixMilli() || !q.Until.IsZero() && ms > q.Until.UnixMilli() || severity < q.From || severity > q.To {
		return false
	}
	if !matchesName(q.Hosts, doc.Text(eventdoc.Host)) || !matchesName(q.Apps, doc.Text(eventdoc.App)) || !matchesName(q.Sources, doc.Text(eventdoc.Source)) {
		return false
	}
	if slices.Contains(q.NotSources, doc.Text(eventdoc.Source)) {
		return false
	}
	message := strings.ToLower(doc.Text(eventdoc.Message))
	return strings.Contains(message, strings.ToLower(q.Text)) && hasWords(message, q.Words)
}

// matchesName reports whether a value matches one of the patterns, in upper or lower case. Without patterns any value does.
func matchesName(patterns []string, value string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool {
		if prefix, hasStar := strings.CutSuffix(pattern, "*"); hasStar {
			return strings.HasPrefix(strings.ToLower(value), strings.ToLower(prefix))
		}
		return strings.EqualFold(value, pattern)
	})
}

// hasWords reports whether a message in lower case has all of these words.
func hasWords(message string, words []string) bool {
	if len(words) == 0 {
		return true
	}
	have := strings.FieldsFunc(message, isNoWordRune)
	for _, word := range words {
		for part := range strings.FieldsFuncSeq(strings.ToLower(word), func(r rune) bool { return r != '*' && isNoWordRune(r) }) {
			if !slices.ContainsFunc(have, func(h string) bool { return matchesName([]string{part}, h) }) {
				return false
			}
		}
	}
	return true
}

func isNoWordRune(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
