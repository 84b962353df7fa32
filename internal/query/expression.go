package query

import (
	"cmp"
	"fmt"
	"regexp/syntax"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/strutil"
)

// The limits of an expression. They are checked before it is parsed, because the costs of parsing and evaluating grow with the square of
// the depth of the syntax tree, and neither a timeout nor a cancellation stops the parser.
const (
	maxLength    = 64 << 10 // bytes
	maxOperators = 500      // operators, matchers, calls and subqueries; formatting that many takes 0.3 s
	maxNesting   = 200      // open brackets
	maxRegexp    = 100_000  // instructions of all compiled regular expressions; 1,000 host names take 20,000
)

// maxSteps is at how many times an expression or a subquery may be evaluated. The engine allocates memory for all of them at once, before
// it looks at its limits.
const maxSteps = 1_000_000

// maxWindows is how many results of a subquery may be in all windows of the function around it. The engine only notices after a whole series
// that the time of a query is over; this many take it some seconds.
const maxWindows = 300_000_000

// checkExpression returns an error of kind [BadData] that names the limit that an expression exceeds. Anything else that is wrong with the
// expression is left to the parser.
func checkExpression(expr string) error {
	if len(expr) > maxLength {
		return badDataf("the expression has %d bytes: at most %d are allowed", len(expr), maxLength)
	}
	operators, nesting, instructions := 0, 0, 0
	for s := (scanner{text: expr}); s.next(); {
		switch s.kind {
		case operatorToken:
			operators++
		case openToken:
			operators++
			nesting++
		case closeToken:
			nesting--
		case stringToken:
			instructions += countInstructions(s.token)
		}
		switch {
		case operators > maxOperators:
			return badDataf("the expression has more than %d operators, matchers and calls: split it, or use a regular expression or an aggregation", maxOperators)
		case nesting > maxNesting:
			return badDataf("the expression has more than %d nested brackets: simplify it", maxNesting)
		case instructions > maxRegexp:
			return badDataf("the regular expressions are too complex: repeat less (x{1000}) and use shorter ones; at most %d instructions are allowed", maxRegexp)
		}
	}
	return nil
}

// checkSteps returns an error if an expression, or a subquery in it, is evaluated too often.
func checkSteps(s *parser.EvalStmt) error {
	span, steps := s.End.Sub(s.Start).Seconds(), 1.0
	if s.Interval > 0 {
		steps += span / s.Interval.Seconds()
	}
	if steps > maxSteps+1 {
		return &Error{Execution, fmt.Errorf("the query has more than %d steps: use a shorter time range or a longer step", maxSteps)}
	}
	var err error
	parser.Inspect(s.Expr, func(node parser.Node, path []parser.Node) error {
		q, ok := node.(*parser.SubqueryExpr)
		if !ok {
			return nil
		}
		window := q.Range.Seconds() / cmp.Or(q.Step, defaultSubqueryStep).Seconds()
		switch {
		case countSteps(q, path, span) > maxSteps:
			err = &Error{Execution, fmt.Errorf("the subquery %.100s has more than %d steps: use a shorter range or a longer step", q, maxSteps)}
		case countWindows(path, span, steps)*window > maxWindows:
			err = &Error{Execution, fmt.Errorf("the windows of the subquery %.100s have more than %d results: use a shorter range, or a longer step for it or for the query", q, maxWindows)}
		}
		return err
	})
	return err
}

// countWindows returns how often the function around a subquery is evaluated: at each step of the subquery around it or else of the query.
func countWindows(path []parser.Node, span, steps float64) float64 {
	for i := len(path) - 1; i >= 0; i-- {
		if outer, ok := path[i].(*parser.SubqueryExpr); ok {
			return countSteps(outer, path[:i], span)
		}
	}
	return steps
}

// countSteps returns how often a subquery is evaluated. Outer subqueries and the range of the query make its time longer. span is in seconds.
func countSteps(q *parser.SubqueryExpr, path []parser.Node, span float64) float64 {
	total := span + q.Range.Seconds()
	for _, node := range path {
		if outer, ok := node.(*parser.SubqueryExpr); ok {
			total += outer.Range.Seconds()
		}
	}
	if q.Timestamp != nil || q.StartOrEnd != 0 {
		total = q.Range.Seconds()
	}
	return total / cmp.Or(q.Step, defaultSubqueryStep).Seconds()
}

func badDataf(format string, args ...any) error { return &Error{BadData, fmt.Errorf(format, args...)} }

// tokenKind is what the limits distinguish.
type tokenKind int

const (
	otherToken    tokenKind = iota
	operatorToken           // + - == =~ and unless …
	openToken               // ( [ {
	closeToken              // ) ] }
	stringToken             // with its quotes
)

// scanner splits an expression into tokens. It accepts any text.
type scanner struct {
	text  string // what follows the token
	token string
	kind  tokenKind
}

// next finds the next token that is not white space or a comment, and reports whether there is one.
func (s *scanner) next() bool {
	for s.text != "" {
		n, kind := measureToken(s.text)
		s.token, s.kind, s.text = s.text[:n], kind, s.text[n:]
		if s.token[0] != '#' && strings.TrimSpace(s.token) != "" {
			return true
		}
	}
	return false
}

func measureToken(text string) (length int, kind tokenKind) {
	switch c := text[0]; {
	case c == '#':
		if end := strings.IndexAny(text, "\r\n"); end > 0 {
			return end, otherToken
		}
		return len(text), otherToken
	case c == '"', c == '\'', c == '`':
		return measureString(text), stringToken
	case strings.IndexByte("([{", c) >= 0:
		return 1, openToken
	case strings.IndexByte(")]}", c) >= 0:
		return 1, closeToken
	case strings.IndexByte("+-*/%^@", c) >= 0:
		return 1, operatorToken
	case strings.IndexByte("=!<>~", c) >= 0:
		return measureWhile(text, func(c byte) bool { return strings.IndexByte("=!<>~", c) >= 0 }), operatorToken
	case isWordByte(c):
		n := measureWhile(text, isWordByte)
		switch strings.ToLower(text[:n]) {
		case "and", "or", "unless", "atan2":
			return n, operatorToken
		}
		return n, otherToken
	}
	return 1, otherToken
}

// measureString returns the length of the string that text begins with, or the length of text if it has no end.
func measureString(text string) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i + 1
		case text[i] == '\\' && quote != '`':
			i++
		}
	}
	return len(text)
}

func measureWhile(text string, belongs func(byte) bool) int {
	n := 1
	for n < len(text) && belongs(text[n]) {
		n++
	}
	return n
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == ':' || c == '.' || c >= 0x80
}

// countInstructions returns roughly how many instructions a string would have as a compiled regular expression. Whether it is used as one
// does not matter, because no other string comes near the limit.
func countInstructions(quoted string) int {
	text, err := strutil.Unquote(quoted)
	if err != nil {
		return 0
	}
	if strings.Count(text, `\p`)+strings.Count(text, `\P`) > 100 { // each has hundreds of ranges, even before it is compiled
		return maxRegexp + 1
	}
	parsed, err := syntax.Parse(text, syntax.Perl|syntax.DotNL)
	if err != nil {
		return 0
	}
	return cost(parsed)
}

// cost returns the instructions of a regular expression, and stops counting above the limit.
func cost(r *syntax.Regexp) int {
	sum := 1 + len(r.Rune)
	for _, sub := range r.Sub {
		sum = min(sum+cost(sub), maxRegexp+1)
	}
	if r.Op == syntax.OpRepeat {
		sum = min(sum*max(r.Min, r.Max, 1), maxRegexp+1)
	}
	return sum
}
