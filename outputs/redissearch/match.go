package redissearch

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
)

// matchesRest reports whether a document satisfies the conditions that the index cannot check reliably. For a prefix, RediSearch only
// considers 200 words and silently ignores the others (MAXPREFIXEXPANSIONS). It considers none if the prefix is one letter (MINPREFIX).
func (r *search) matchesRest(doc eventdoc.Document) bool {
	if !containsFold(doc.Text(eventdoc.Message), r.q.Text) {
		return false
	}
	for _, prefix := range r.prefixes {
		if !hasWordWithPrefix(doc.Text(eventdoc.Message), prefix) {
			return false
		}
	}
	return matchesAny(r.q.Hosts, doc.Text(eventdoc.Host)) && matchesAny(r.q.Apps, doc.Text(eventdoc.App)) && matchesAny(r.q.Sources, doc.Text(eventdoc.Source))
}

// isExact reports whether the index checks all conditions, so that matchesRest accepts every document that it finds.
func (r *search) isExact() bool {
	return r.q.Text == "" && len(r.prefixes) == 0 && !hasPrefixPattern(r.q.Hosts) && !hasPrefixPattern(r.q.Apps) && !hasPrefixPattern(r.q.Sources)
}

// hasPrefixPattern reports whether one of the values is a prefix with a star at the end.
func hasPrefixPattern(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return strings.HasSuffix(v, "*") })
}

// matchesAny reports whether a value matches one of the patterns, in upper or lower case. Without a star in the patterns the index has
// checked that.
func matchesAny(patterns []string, value string) bool {
	return !hasPrefixPattern(patterns) || slices.ContainsFunc(patterns, func(pattern string) bool {
		if prefix, hasStar := strings.CutSuffix(pattern, "*"); hasStar {
			return strings.HasPrefix(strings.ToLower(value), strings.ToLower(prefix))
		}
		return strings.EqualFold(value, pattern)
	})
}

// hasWordWithPrefix reports whether a word of the message begins with prefix, which is in lower case.
func hasWordWithPrefix(message, prefix string) bool {
	for word := range strings.FieldsFuncSeq(strings.ToLower(message), func(r rune) bool { return !isWordRune(r) }) {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}

// separators are bytes at which RediSearch always ends a word.
const separators = " \t,.:;()[]{}<>\"'=+-/"

// wholeWords returns the words of a text that are enclosed by separators. The index contains them for every message with the text. The
// text may begin and end within words; it would be unreliable to look those up, see matchesRest. A separator after a backslash is part
// of a word, and the byte before the text is unknown.
func wholeWords(text string) (words []string) {
	start := -1 // start of a possible word
	for i := range len(text) {
		if strings.IndexByte(separators, text[i]) < 0 {
			continue
		}
		if start >= 0 && isIndexedVerbatim(text[start:i]) {
			words = append(words, text[start:i])
		}
		if start = i + 1; i == 0 || text[i-1] == '\\' {
			start = -1
		}
	}
	return words
}

// isIndexedVerbatim reports whether a word certainly is in the index as it is written. RediSearch leaves out stop words, and has special
// rules for other than ASCII letters and digits. Words of one letter are excluded, too.
func isIndexedVerbatim(word string) bool {
	for _, c := range []byte(word) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(word) > 1 && !strings.Contains(stopWords, " "+strings.ToLower(word)+" ")
}

// stopWords are the words that RediSearch leaves out of an index by default.
const stopWords = " a is the an and are as at be but by for if in into it no not of on or such that their then there these they this to was will with "

// splitQueryWords splits words as the index does, without stop words. It returns prefixes (conn*) separately, without the star and in
// lower case, because matchesRest checks them.
func splitQueryWords(words []string) (list, prefixes []string) {
	for _, word := range words {
		for part := range strings.FieldsFuncSeq(word, func(r rune) bool { return r != '*' && !isWordRune(r) }) {
			plain := strings.Trim(part, "*")
			switch {
			case plain == "" || strings.Contains(stopWords, " "+strings.ToLower(plain)+" "):
			case strings.HasSuffix(part, "*"):
				prefixes = append(prefixes, strings.ToLower(plain))
			default:
				list = append(list, plain)
			}
		}
	}
	return list, prefixes
}

func isWordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// containsFold reports whether message contains text, in upper or lower case.
func containsFold(message, text string) bool {
	return text == "" || strings.Contains(strings.ToLower(message), strings.ToLower(text))
}
