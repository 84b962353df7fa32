// Package wevt reads Windows' event log (wevtapi.dll).
//
// sys_windows.go is the binding; sys_other.go stands in for it elsewhere.
package wevt

import (
	"io"
	"time"
)

// Reader reads the events of one channel in their order. It is not safe for concurrent use.
type Reader interface {
	io.Closer

	// Next returns the next events, at most as many as wanted. It waits for the first one, but no longer than wait, and then returns none.
	Next(most int, wait time.Duration) ([]Event, error)

	// Bookmark returns the position after the last event that Next returned, as XML. It is "" before the first one.
	Bookmark() (string, error)
}

// Event is a rendered event.
type Event struct {
	XML     string // EvtRenderEventXml
	Message string // in the host's language; "": the provider has no text for it, or it is not installed any more
}

// Start says where a [Reader] begins without a bookmark.
type Start int

// Values of [Start].
const (
	FromNow    Start = iota // with the next event
	FromOldest              // with the oldest event of the log
)
