// Package guard bounds what a peer can do to us: how much memory what it sends can take, and how long a busy one keeps us
// waiting. The libraries that decode its bytes allocate what a length prefix announces before they have read it, so the bytes
// are looked at before the library sees them.
package guard

import "errors"

// LimitError means that a peer sent, or announced, more than we take. Its text completes a sentence that begins with the
// peer's name.
type LimitError struct{ text string }

// Error implements error.
func (e *LimitError) Error() string { return e.text }

// IsLimit reports whether an error is a [LimitError].
func IsLimit(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit)
}
