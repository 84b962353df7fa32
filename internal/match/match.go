// Package match decides on names (of interfaces, mounts, devices, metrics) by lists of patterns, as users write them in
// a configuration.
package match

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// regexpMark makes a pattern a regular expression.
const regexpMark = "~"

// Pattern is one entry of a list:
//
//	eth0          exactly this name
//	eth*, sd[a-d] a glob over the whole name: * is any text (slashes included), ? one character, [a-d] one of these
//	~^(en|wl)     a regular expression (RE2), found anywhere in the name
//
// A name that contains * ? or [ is matched by a pattern that is exactly that name, too.
type Pattern struct {
	text string
	re   *regexp.Regexp // nil: only the exact name
}

// UnmarshalScalar implements conf.Scalar.
func (p *Pattern) UnmarshalScalar(text string) error {
	p.text, p.re = text, nil
	expression, isRegexp := strings.CutPrefix(text, regexpMark)
	switch {
	case text == "":
		return errors.New("must be a name or a pattern")
	case isRegexp:
	case strings.ContainsAny(text, "*?["):
		expression = fromGlob(text)
	default:
		return nil
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return wrong(isRegexp, err)
	}
	p.re = re
	return nil
}

// wrong says what a pattern must be, in few words; whoever decodes it shows it.
func wrong(isRegexp bool, err error) error {
	if !isRegexp {
		return errors.New("must be a glob with characters or ranges in its [ ], such as sd[a-d]")
	}
	return fmt.Errorf("must be a regular expression (%s)", reason(err))
}

func reason(err error) string {
	var se *syntax.Error
	if errors.As(err, &se) {
		return string(se.Code) + " at " + se.Expr
	}
	return err.Error()
}

// fromGlob translates a glob into a regular expression over the whole name. Inside brackets the syntax is the same.
func fromGlob(glob string) string {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for len(glob) > 0 {
		switch end := strings.IndexByte(glob, ']'); {
		case glob[0] == '*':
			b.WriteString(`.*`)
		case glob[0] == '?':
			b.WriteByte('.')
		case glob[0] == '[' && end > 1:
			b.WriteString(class(glob[1:end]))
			glob = glob[end:]
		case glob[0] == '[':
			b.WriteByte('[') // has no end, which the compiler finds
		default:
			b.WriteString(regexp.QuoteMeta(glob[:1]))
		}
		glob = glob[1:]
	}
	b.WriteByte('$')
	return b.String()
}

// class translates what stands between brackets: "a-d", or "!a-d" and "^a-d" for all others.
func class(members string) string {
	not := ""
	if members[0] == '!' || members[0] == '^' {
		not, members = "^", members[1:]
	}
	escape := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `^`, `\^`)
	return "[" + not + escape.Replace(members) + "]"
}

// Match says whether the pattern fits a name.
func (p Pattern) Match(name string) bool {
	return name == p.text || p.re != nil && p.re.MatchString(name)
}

// Exact says whether the pattern fits one name only: itself.
func (p Pattern) Exact() bool { return p.re == nil }

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// List is a list of patterns.
type List []Pattern

// Match says whether any of the patterns fits a name; an empty list fits none.
func (l List) Match(name string) bool {
	return slices.ContainsFunc(l, func(p Pattern) bool { return p.Match(name) })
}

// Of makes a list of patterns that stand in the program, for defaults; it panics when one is wrong.
func Of(texts ...string) List {
	l := make(List, len(texts))
	for i, text := range texts {
		if err := l[i].UnmarshalScalar(text); err != nil {
			panic(err)
		}
	}
	return l
}

// Regexp is a pattern that is always a regular expression, found anywhere in the name.
type Regexp struct{ Pattern }

// UnmarshalScalar implements conf.Scalar.
func (r *Regexp) UnmarshalScalar(text string) error {
	return r.Pattern.UnmarshalScalar(regexpMark + text)
}

// Regexps is a list of regular expressions.
type Regexps []Regexp

// Match says whether any of the expressions is found in a name.
func (l Regexps) Match(name string) bool {
	return slices.ContainsFunc(l, func(r Regexp) bool { return r.Match(name) })
}

// RegexpsOf makes a list of regular expressions that stand in the program; it panics when one is wrong.
func RegexpsOf(texts ...string) Regexps {
	l := make(Regexps, len(texts))
	for i, text := range texts {
		if err := l[i].UnmarshalScalar(text); err != nil {
			panic(err)
		}
	}
	return l
}
