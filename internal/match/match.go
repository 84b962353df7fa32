// Package match matches names (of interfaces, mounts, devices, metrics) against lists of patterns that users write in a
// configuration.
package match

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// regexpPrefix is the prefix of patterns that are regular expressions.
const regexpPrefix = "~"

// Pattern is one entry of a list:
//
//	eth0          exactly this name
//	eth*, sd[a-d] a glob over the whole name: * is any text (slashes included), ? one character, [a-d] one of these
//	~^(en|wl)     a regular expression (RE2), found anywhere in the name
//
// A pattern also matches a name that equals it, even if both contain * ? or [.
type Pattern struct {
	text string
	re   *regexp.Regexp // nil: matches only the exact name
}

// UnmarshalScalar implements conf.Scalar.
func (p *Pattern) UnmarshalScalar(text string) error {
	p.text, p.re = text, nil
	expression, isRegexp := strings.CutPrefix(text, regexpPrefix)
	switch {
	case text == "":
		return errors.New("must be a name or a pattern")
	case isRegexp:
	case strings.ContainsAny(text, "*?["):
		expression = globToRegexp(text)
	default:
		return nil
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return patternError(isRegexp, err)
	}
	p.re = re
	return nil
}

// patternError returns an error that says what a pattern must be. The decoder prints it after the key.
func patternError(isRegexp bool, err error) error {
	if !isRegexp {
		return errors.New("must be a glob with characters or ranges in its [ ], such as sd[a-d]")
	}
	return fmt.Errorf("must be a regular expression (%s)", compileErrorText(err))
}

func compileErrorText(err error) string {
	var se *syntax.Error
	if errors.As(err, &se) {
		return string(se.Code) + " at " + se.Expr
	}
	return err.Error()
}

// globToRegexp translates a glob to a regular expression that matches the whole name. The syntax inside brackets is the
// same.
func globToRegexp(glob string) string {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for len(glob) > 0 {
		switch end := strings.IndexByte(glob, ']'); {
		case glob[0] == '*':
			b.WriteString(`.*`)
		case glob[0] == '?':
			b.WriteByte('.')
		case glob[0] == '[' && end > 1:
			b.WriteString(translateClass(glob[1:end]))
			glob = glob[end:]
		case glob[0] == '[':
			b.WriteByte('[') // not closed, which regexp.Compile reports
		default:
			b.WriteString(regexp.QuoteMeta(glob[:1]))
		}
		glob = glob[1:]
	}
	b.WriteByte('$')
	return b.String()
}

// translateClass translates the text between brackets: "a-d", or "!a-d" and "^a-d" for all other characters.
func translateClass(members string) string {
	not := ""
	if members[0] == '!' || members[0] == '^' {
		not, members = "^", members[1:]
	}
	escape := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `^`, `\^`)
	return "[" + not + escape.Replace(members) + "]"
}

// Match reports whether the pattern matches a name.
func (p Pattern) Match(name string) bool {
	return name == p.text || p.re != nil && p.re.MatchString(name)
}

// IsExact reports whether the pattern matches only one name, which is its text.
func (p Pattern) IsExact() bool { return p.re == nil }

// String returns the pattern as the user wrote it.
func (p Pattern) String() string { return p.text }

// List is a list of patterns.
type List []Pattern

// Match reports whether any of the patterns matches a name. An empty list matches none.
func (l List) Match(name string) bool {
	return slices.ContainsFunc(l, func(p Pattern) bool { return p.Match(name) })
}

// NewList returns a list of patterns that the program defines, for defaults. It panics if a pattern is invalid.
func NewList(texts ...string) List {
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
	return r.Pattern.UnmarshalScalar(regexpPrefix + text)
}

// Regexps is a list of regular expressions.
type Regexps []Regexp

// Match reports whether any of the expressions matches a name.
func (l Regexps) Match(name string) bool {
	return slices.ContainsFunc(l, func(r Regexp) bool { return r.Match(name) })
}

// NewRegexps returns a list of regular expressions that the program defines. It panics if one is invalid.
func NewRegexps(texts ...string) Regexps {
	l := make(Regexps, len(texts))
	for i, text := range texts {
		if err := l[i].UnmarshalScalar(text); err != nil {
			panic(err)
		}
	}
	return l
}
