// Package lazy makes values when they are first used, so that a program that has many commands does not keep what the others need.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns a function that returns a compiled regular expression. The function panics if text is not valid.
func Regexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
