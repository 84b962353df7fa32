// Package connections reads events about connections for the commands that show them.
//
//   - store.go: [Store], the same for all destinations. fold.go: destinations that only have events.
//   - report.go: [Report]. line.go: its lines.
//   - memory.go: [Memory], what earlier reports have seen.
//   - export.go: [Exporter], CSV and JSON lines.
//   - status.go: [Status].
package connections

import (
	"context"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/outputs"
)

// Store is where events about connections are read. Its methods are those of [outputs.ConnectionReader].
type Store interface {
	ReadConnections(ctx context.Context, q outputs.ConnectionQuery, f func(connlog.Event) error) error
	ReadTotals(ctx context.Context, q outputs.ConnectionQuery, f func(connlog.Group, connlog.Totals) error) (since time.Time, err error)
	LatestRun(ctx context.Context) (outputs.ConnectionRun, error)

	// ReadStatus returns the numbers of now and of the day of now.
	ReadStatus(ctx context.Context, now time.Time) (Status, error)

	// findNew returns the destinations that were new after the last report, and since when it looked. ok is false if it cannot know. Groups
	// are those of the time from since on.
	findNew(ctx context.Context, last Seen, since time.Time, groups map[connlog.Group]connlog.Totals) (names []string, from time.Time, ok bool, err error)

	Close() error
}

// NewStore returns a store that reads with r.
func NewStore(r outputs.EventReader) Store {
	if tables, ok := r.(outputs.ConnectionReader); ok {
		return &tableStore{tables, r}
	}
	return &eventStore{r}
}

// tableStore reads a destination that has totals.
type tableStore struct {
	outputs.ConnectionReader
	reader outputs.EventReader
}

func (s *tableStore) Close() error { return s.reader.Close() }

func (s *tableStore) findNew(ctx context.Context, last Seen, since time.Time, _ map[connlog.Group]connlog.Totals) (names []string, from time.Time, ok bool, err error) {
	if from = last.Time; from.IsZero() {
		from = since
	}
	if from.IsZero() { // then all are new
		return nil, from, false, nil
	}
	err = s.ReadNewDestinations(ctx, from, func(name string) error {
		names = append(names, name)
		return nil
	})
	return names, from, err == nil, err
}
