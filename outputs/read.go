package outputs

import (
	"context"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// EventSource is implemented by the configuration of outputs whose events can be read again ([Built.Config]). It does not need the
// output itself.
type EventSource interface {
	// NewEventReader returns a reader with these connection settings. It does not connect.
	NewEventReader(secrets secret.Resolver) EventReader
}

// SeriesSource is implemented by the configuration of outputs that write series to RedisTimeSeries.
type SeriesSource interface {
	// RedisConfig returns how to connect to the server that has the series.
	RedisConfig() redisconn.Config
}

// EventReader reads events from the destination of an output. It changes nothing there. All methods are called from one goroutine.
type EventReader interface {
	// ReadEvents calls f with each event that the query finds, the oldest first. It ends with the first error of f and returns
	// it. It connects if necessary; after an error, the next call connects again.
	ReadEvents(ctx context.Context, q EventQuery, f func(FoundEvent) error) error

	// Close ends the connection. It may be called if nothing was read.
	Close() error
}

// FoundEvent is an event as it is stored.
type FoundEvent struct {
	ID       string // unique
	Document eventdoc.Document
}

// EventQuery selects the events that match all of its conditions.
type EventQuery struct {
	Since, Until  time.Time          // the first and the last moment; zero: no limit
	From, To      telemetry.Severity // the most and the least severe
	Hosts         []string           // one of these; empty: any. A * at the end matches any ending
	Apps, Sources []string           // likewise
	Words         []string           // the message has all of these words, as the index splits it. A * at the end matches any ending
	Text          string             // the message has this text, in upper or lower case. Without Words all messages are read for this
	Last          int                // only the newest events, this many; 0: all
}

// EventCounter is implemented by readers that can count events without reading them. It belongs to the reader's goroutine.
type EventCounter interface {
	// CountEvents counts the events that the query finds in consecutive parts of the time from q.Since on, each as long as step, at
	// least 1 ms. ok is false if the query has conditions for which events must be read.
	CountEvents(ctx context.Context, q EventQuery, step time.Duration, parts int) (counts []SeverityCounts, ok bool, err error)
}

// SeverityCounts holds numbers of events by their severity.
type SeverityCounts [telemetry.Debug + 1]int
