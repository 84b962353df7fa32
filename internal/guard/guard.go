// Package guard limits the memory that data from a peer can take, and the time that we wait for a busy peer. Libraries allocate the length
// that a prefix announces before they have read the data, so this package checks the bytes before the library sees them.
//
//   - guard.go: [LimitError].
//   - resp.go, mysql.go, json.go: checks for the protocols of Redis and MySQL, and for JSON. budget.go: a limit for any protocol.
//   - dial.go: [Dial], which waits for a busy server.
package guard

import "errors"

// LimitError means that a peer sent or announced more than the limit. Its text completes a sentence that begins with the name of the
// peer.
type LimitError struct{ text string }

// Error implements error.
func (e *LimitError) Error() string { return e.text }

// IsLimit reports whether an error is a [LimitError].
func IsLimit(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit)
}
