package outputs

import (
	"context"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// EventReader is implemented by outputs that find events again. Close ends it as well.
type EventReader interface {
	// ReadEvents calls f with what the query finds, the oldest first, until that is all or f returns an error.
	ReadEvents(ctx context.Context, q EventQuery, f func(FoundEvent) error) error
}

// FoundEvent is an event as it is stored.
type FoundEvent struct {
	ID       string // no other event has it
	Document eventdoc.Document
}

// EventQuery says which events are wanted: those that everything in it fits.
type EventQuery struct {
	Since, Until  time.Time          // the first and the last moment; zero: no matter
	From, To      telemetry.Severity // the most and the least severe
	Hosts         []string           // one of these, or any; * at the end stands for anything
	Apps, Sources []string           // likewise
	Words         []string           // all stand in the message, as the index has them; * at the end stands for anything
	Text          string             // stands in the message, whether in capitals or not; without words, all messages are read
	Last          int                // only the newest so many; 0: all
}
