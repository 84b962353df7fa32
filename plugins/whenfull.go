package plugins

import "errors"

// WhenFull is the value of the key "when_full": what happens to an input's events when the queue of an output is full.
// Whatever is dropped is counted and logged.
type WhenFull string

// Values of [WhenFull].
const (
	Block      WhenFull = "block"       // the sender waits; events of an input that is polled are dropped, because it cannot wait
	DropOldest WhenFull = "drop_oldest" // the oldest events in the queue are dropped, whichever input they came from
	DropNewest WhenFull = "drop_newest" // the events that find no room are dropped
)

// UnmarshalScalar implements conf.Scalar.
func (w *WhenFull) UnmarshalScalar(text string) error {
	switch *w = WhenFull(text); *w {
	case Block, DropOldest, DropNewest:
		return nil
	}
	return errors.New("must be block (senders wait), drop_oldest or drop_newest")
}

// WithoutWaiting returns the policy for events whose sender cannot wait.
func (w WhenFull) WithoutWaiting() WhenFull {
	if w == Block || w == "" {
		return DropNewest
	}
	return w
}
