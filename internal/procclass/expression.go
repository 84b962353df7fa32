package procclass

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
)

// expression is a regular expression for command lines.
type expression struct {
	match.Regexp
	needs []string // a line that has none of these cannot match, and finding them takes much less time; none: unknown
}

// UnmarshalScalar implements conf.Scalar.
func (e *expression) UnmarshalScalar(text string) error {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err == nil {
		e.needs = needs(tree)
	}
	if err := e.Regexp.UnmarshalScalar(text); err != nil {
		return fmt.Errorf("%w%s", err, signHint(err, text))
	}
	return nil
}

// maxHint is how long a text may be that a message repeats.
const maxHint = 40

// signHint returns what may have been meant by a text that is not a regular expression.
func signHint(err error, text string) string {
	for _, sign := range []string{"(", ")", "[", "*", "+", "?"} {
		if len(text) <= maxHint && strings.Contains(text, sign) && !strings.Contains(err.Error(), "invalid") {
			return fmt.Sprintf(" (did you mean '%s'?)", regexp.QuoteMeta(text))
		}
	}
	return ""
}

// text returns the expression as the user wrote it.
func (e *expression) text() string { return strings.TrimPrefix(e.String(), "~") }

func matchLine(list []expression, line *cmdLine) bool {
	for i := range list {
		e := &list[i]
		if (len(e.needs) == 0 || slices.ContainsFunc(e.needs, line.contains)) && e.Match(line.text) {
			return true
		}
	}
	return false
}

// maxNeeds bounds the texts of an expression with many alternatives.
const maxNeeds = 16

// needs returns texts of which every match contains at least one, or none if they are not known.
func needs(e *syntax.Regexp) []string {
	switch e.Op {
	case syntax.OpLiteral:
		if e.Flags&syntax.FoldCase == 0 && len(e.Rune) > 1 {
			return []string{string(e.Rune)}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needs(e.Sub[0])
	case syntax.OpRepeat:
		if e.Min > 0 {
			return needs(e.Sub[0])
		}
	case syntax.OpConcat:
		return needsOfParts(e.Sub)
	case syntax.OpAlternate:
		return needsOfAlternatives(e.Sub)
	}
	return nil
}

// needsOfParts returns the texts of the part whose shortest one is the longest.
func needsOfParts(parts []*syntax.Regexp) (best []string) {
	shortest := func(texts []string) int {
		n := 0
		for i, text := range texts {
			if i == 0 || len(text) < n {
				n = len(text)
			}
		}
		return n
	}
	for _, part := range parts {
		if texts := needs(part); shortest(texts) > shortest(best) {
			best = texts
		}
	}
	return best
}

func needsOfAlternatives(alternatives []*syntax.Regexp) (all []string) {
	for _, a := range alternatives {
		texts := needs(a)
		if len(texts) == 0 || len(all)+len(texts) > maxNeeds {
			return nil
		}
		all = append(all, texts...)
	}
	return all
}
