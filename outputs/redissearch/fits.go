package redissearch

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
)

// fits says whether a document fits what the index cannot be asked. Of what begins with something it looks at 200 words and
// leaves out the others without saying so (MAXPREFIXEXPANSIONS), and at none if it is a single letter (MINPREFIX).
func (r *search) fits(doc eventdoc.Document) bool {
	if !contains(doc.Text(eventdoc.Message), r.q.Text) {
		return false
	}
	for _, b := range r.beginnings {
		if !hasWord(doc.Text(eventdoc.Message), b) {
			return false
		}
	}
	return oneOf(r.q.Hosts, doc.Text(eventdoc.Host)) && oneOf(r.q.Apps, doc.Text(eventdoc.App)) && oneOf(r.q.Sources, doc.Text(eventdoc.Source))
}

// hasStar says whether one of the values is a beginning only.
func hasStar(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return strings.HasSuffix(v, "*") })
}

// oneOf says whether a value is one of those wanted, in capitals or not; where none has a star the index has said so.
func oneOf(wanted []string, value string) bool {
	return !hasStar(wanted) || slices.ContainsFunc(wanted, func(w string) bool {
		beginning, star := strings.CutSuffix(w, "*")
		if star {
			return strings.HasPrefix(strings.ToLower(value), strings.ToLower(beginning))
		}
		return strings.EqualFold(value, w)
	})
}

// hasWord says whether a word of the message begins so.
func hasWord(message, beginning string) bool {
	for word := range strings.FieldsFuncSeq(strings.ToLower(message), func(r rune) bool { return !inWord(r) }) {
		if strings.HasPrefix(word, beginning) {
			return true
		}
	}
	return false
}

// separators are bytes at which RediSearch ends a word for sure.
const separators = " \t,.:;()[]{}<>\"'=+-/"

// wholeWords returns the words of a text that stand between separators: a message with the text has them in the index as they
// are. At its ends there may be parts of words, which the index finds only up to a number of words (MAXPREFIXEXPANSIONS). A
// separator behind a backslash is a part of a word, and what stands before the first byte we do not know.
func wholeWords(text string) (words []string) {
	start := -1 // of what may be a word
	for i := range len(text) {
		if strings.IndexByte(separators, text[i]) < 0 {
			continue
		}
		if start >= 0 && isPlain(text[start:i]) {
			words = append(words, text[start:i])
		}
		if start = i + 1; i == 0 || text[i-1] == '\\' {
			start = -1
		}
	}
	return words
}

// isPlain says whether a word stands in the index as it is written: short ones and those without meaning do not, and what others
// are made of, RediSearch has rules for.
func isPlain(word string) bool {
	for _, c := range []byte(word) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(word) > 1 && !strings.Contains(stopWords, " "+strings.ToLower(word)+" ")
}

// stopWords are those that RediSearch leaves out of an index, if nothing else is said.
const stopWords = " a is the an and are as at be but by for if in into it no not of on or such that their then there these they this to was will with "

// queried writes words for a query. Those with a star at the end, which stand for all that begin so, are returned apart, in
// lower case: see fits.
func queried(words []string) (list, beginnings []string) {
	for _, word := range words {
		for part := range strings.FieldsFuncSeq(word, func(r rune) bool { return r != '*' && !inWord(r) }) {
			plain := strings.Trim(part, "*")
			switch {
			case plain == "" || strings.Contains(stopWords, " "+strings.ToLower(plain)+" "):
			case strings.HasSuffix(part, "*"):
				beginnings = append(beginnings, strings.ToLower(plain))
			default:
				list = append(list, plain)
			}
		}
	}
	return list, beginnings
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// contains says whether a text stands in another, whether in capitals or not.
func contains(message, text string) bool {
	return text == "" || strings.Contains(strings.ToLower(message), strings.ToLower(text))
}
