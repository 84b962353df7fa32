package query

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/rtcollector/rtcollector/internal/tskey"
)

// aggLabel is the label that compactions have and other series do not.
const aggLabel = "agg"

// selector selects series. Redis evaluates a part of it, which selects a superset; the rest is evaluated here.
type selector struct {
	matchers    []*labels.Matcher
	cleaned     []string // for each matcher: a second value that it compares with, or ""
	compactions bool     // it may select compactions
}

// newSelector returns the selector of the matchers. If none of them is about the label agg, it selects no compactions.
//
// Redis refuses some characters in values, which are replaced when series are written ([tskey.Clean]). A matcher with = or != for the
// original text also means the text that was written. Regular expressions only mean the latter.
func newSelector(matchers []*labels.Matcher) *selector {
	asked := slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return m.Name == aggLabel })
	if !asked {
		matchers = append(slices.Clip(matchers), labels.MustNewMatcher(labels.MatchEqual, aggLabel, ""))
	}
	s := &selector{matchers, make([]string, len(matchers)), asked}
	for i, m := range matchers {
		if m.Type == labels.MatchEqual || m.Type == labels.MatchNotEqual {
			if c := tskey.Clean(m.Value); c != m.Value {
				s.cleaned[i] = c
			}
		}
	}
	return s
}

// matches reports whether the selector selects a series with these labels.
func (s *selector) matches(l labels.Labels) bool {
	for i, m := range s.matchers {
		value := l.Get(m.Name)
		matched := m.Matches(value)
		if c := s.cleaned[i]; c != "" && value == c {
			matched = m.Type == labels.MatchEqual
		}
		if !matched {
			return false
		}
	}
	return true
}

// String returns the selector as users write it.
func (s *selector) String() string {
	written := s.matchers
	if !s.compactions {
		written = written[:len(written)-1] // without the one that newSelector added
	}
	texts := make([]string, len(written))
	for i, m := range written {
		texts[i] = m.String()
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// maxValues is how many values a matcher that is sent to Redis may list.
const maxValues = 2000

// filters returns the part of the selector that Redis can evaluate, as arguments of FILTER. positive is false if none of them requires a
// value, which Redis refuses.
//
// Redis splits a filter at every "=" and "!", reads parentheses and commas as a list, and has no quoting (RedisTimeSeries,
// query_language.c). Matchers with other values are reduced to the presence of the label, or left out.
func (s *selector) filters() (texts []string, positive bool) {
	for i, m := range s.matchers {
		if !isPlain(m.Name) {
			continue
		}
		value := m.Value
		if strings.ContainsAny(value, "(),") && s.cleaned[i] != "" {
			value = s.cleaned[i] // no series can have the original
		}
		values := m.SetMatches()
		switch {
		case m.Type == labels.MatchEqual && value == "":
			texts = append(texts, m.Name+"=")
		case m.Type == labels.MatchNotEqual && value == "":
			texts = append(texts, m.Name+"!=")
		case m.Type == labels.MatchEqual && isPlain(value):
			texts, positive = append(texts, m.Name+"="+value), true
		case m.Type == labels.MatchNotEqual && isPlain(value):
			texts = append(texts, m.Name+"!="+value)
		case m.Type == labels.MatchRegexp && len(values) > 0 && len(values) <= maxValues && !slices.ContainsFunc(values, isNotPlain):
			texts, positive = append(texts, listFilter(m.Name, values)), true
		case !m.Matches(""):
			texts = append(texts, m.Name+"!=")
		}
	}
	return texts, positive
}

// listFilter returns a filter for series whose label has one of the values.
func listFilter(name string, values []string) string {
	return name + "=(" + strings.Join(values, ",") + ")"
}

// isPlain reports whether a text means itself in a filter.
func isPlain(text string) bool {
	return text != "" && text == strings.TrimSpace(text) && !strings.ContainsAny(text, "=!(),\"'\\") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r < ' ' })
}

func isNotPlain(text string) bool { return !isPlain(text) }
