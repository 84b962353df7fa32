package connections

import (
	"context"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// maxGroups is the number of groups that are counted apart. What is more is counted together without a destination, a process and a port.
	maxGroups = 50_000

	// maxRun is how far LatestRun looks back for the beginning of a run.
	maxRun = 400 * 24 * time.Hour
)

// eventStore reads a destination that only has events: it counts them one by one.
type eventStore struct{ reader outputs.EventReader }

func (s *eventStore) Close() error { return s.reader.Close() }

// read calls f with the events that a query finds, except for documents that are not about a connection.
func (s *eventStore) read(ctx context.Context, q outputs.EventQuery, f func(connlog.Event) error) error {
	q.Sources, q.To = []string{connlog.Source}, telemetry.Debug
	return s.reader.ReadEvents(ctx, q, func(found outputs.FoundEvent) error {
		if found.Document.Text(eventdoc.Source) != connlog.Source { // the index ignores upper and lower case
			return nil
		}
		e, err := connlog.Parse(found.Document)
		if err != nil {
			return nil //nolint:nilerr // it is about something else
		}
		return f(e)
	})
}

// ReadConnections implements [Store].
func (s *eventStore) ReadConnections(ctx context.Context, q outputs.ConnectionQuery, f func(connlog.Event) error) error {
	return s.read(ctx, outputs.EventQuery{Since: q.Since, Until: q.Until}, func(e connlog.Event) error {
		if q.RunID != "" && e.RunID != q.RunID {
			return nil
		}
		return f(e)
	})
}

// ReadTotals implements [Store].
func (s *eventStore) ReadTotals(ctx context.Context, q outputs.ConnectionQuery, f func(connlog.Group, connlog.Totals) error) (time.Time, error) {
	sums := tally{}
	err := s.ReadConnections(ctx, q, func(e connlog.Event) error {
		if e.Direction == connlog.Listen {
			return nil
		}
		var t connlog.Totals
		t.Count(&e)
		sums.add(e.Group(), t)
		return nil
	})
	for g, t := range sums {
		if err == nil {
			err = f(g, t)
		}
	}
	return q.Since, err
}

// tally holds totals of a bounded number of groups.
type tally map[connlog.Group]connlog.Totals

func (s tally) add(g connlog.Group, t connlog.Totals) {
	if _, known := s[g]; !known && len(s) >= maxGroups {
		g = connlog.Group{Provider: g.Provider, Proto: g.Proto, Direction: g.Direction}
	}
	sum := s[g]
	sum.Add(t)
	s[g] = sum
}

// LatestRun implements [Store]. No index finds the events of a run. So it reads a time before the newest event, and twice as much until the
// older half has no event of the run.
func (s *eventStore) LatestRun(ctx context.Context) (run outputs.ConnectionRun, err error) {
	err = s.read(ctx, outputs.EventQuery{Last: 1}, func(e connlog.Event) error {
		run = outputs.ConnectionRun{ID: e.RunID, Session: e.Session, Host: e.Host, First: e.Time, Last: e.Time}
		return nil
	})
	for span := time.Hour; err == nil && run.ID != "" && span <= maxRun; span *= 2 {
		from := run.Last.Add(-span)
		if err = s.findFirst(ctx, &run, from); run.First.After(from.Add(span / 2)) {
			break
		}
	}
	return run, err
}

// findFirst sets the beginning of a run to its first event after from.
func (s *eventStore) findFirst(ctx context.Context, run *outputs.ConnectionRun, from time.Time) error {
	return s.ReadConnections(ctx, outputs.ConnectionQuery{Since: from, Until: run.First, RunID: run.ID}, func(e connlog.Event) error {
		if e.Time.Before(run.First) {
			run.First = e.Time
		}
		return nil
	})
}

func (s *eventStore) findNew(ctx context.Context, last Seen, since time.Time, groups map[connlog.Group]connlog.Totals) (names []string, from time.Time, ok bool, err error) {
	if last.Time.IsZero() {
		return nil, since, false, nil
	}
	seen := map[string]bool{}
	for g := range groups {
		addDestination(seen, g)
	}
	if last.Time.Before(since) {
		_, err = s.ReadTotals(ctx, outputs.ConnectionQuery{Since: last.Time, Until: since}, func(g connlog.Group, _ connlog.Totals) error {
			addDestination(seen, g)
			return nil
		})
	}
	for name := range seen {
		if !slices.Contains(last.Destinations, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, last.Time, err == nil, err
}

// addDestination adds the destination of a group unless the remote end connected to us.
func addDestination(seen map[string]bool, g connlog.Group) {
	e := connlog.Event{Direction: g.Direction}
	if g.Destination != "" && e.IsOutgoing() {
		seen[g.Destination] = true
	}
}
