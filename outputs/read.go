package outputs

import (
	"context"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
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
	NotSources    []string           // none of these
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

// ConnectionReader is implemented by readers of destinations that keep events about connections in tables of their own, with totals. It
// belongs to the reader's goroutine.
type ConnectionReader interface {
	// ReadConnections calls f with each event, the oldest first. It ends with the first error of f and returns it.
	ReadConnections(ctx context.Context, q ConnectionQuery, f func(connlog.Event) error) error

	// ReadTotals calls f with totals of the events, possibly several times for one group. Where the events are gone and only totals of
	// whole hours are left, it begins at the start of an hour: since is the time from which on it counted.
	ReadTotals(ctx context.Context, q ConnectionQuery, f func(connlog.Group, connlog.Totals) error) (since time.Time, err error)

	// LatestRun returns the run with the newest event. The ID is empty if there is none.
	LatestRun(ctx context.Context) (ConnectionRun, error)

	// ReadNewDestinations calls f with each destination whose first event is at this time or later.
	ReadNewDestinations(ctx context.Context, since time.Time, f func(destination string) error) error

	// CountActive returns how many connections were opened and not closed.
	CountActive(ctx context.Context) (int64, error)
}

// ConnectionQuery selects events about connections that match all of its conditions.
type ConnectionQuery struct {
	Since, Until time.Time // the first and the last moment; zero: no limit
	RunID        string    // of this run; empty: any
}

// ConnectionRun is one run of the connection observer.
type ConnectionRun struct {
	ID, Session, Host string
	First, Last       time.Time // of its events
}
