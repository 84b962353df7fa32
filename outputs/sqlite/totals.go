package sqlite

import (
	"context"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// maxGroups is the number of groups in one hour's totals. More groups, as those of a port scan, are counted together without a destination,
// a process and a port.
const maxGroups = 1000

// totalsKey is the key of a row of totals: the hour since 1970 and IDs of texts.
type totalsKey struct{ hour, provider, destination, process, port, proto, direction int64 }

// runKey holds the IDs of the texts that identify a run.
type runKey struct{ run, session, host int64 }

// span is a time in milliseconds, of a row with this ID.
type span struct{ id, first, last int64 }

func (s span) extended(ms int64) span {
	return span{s.id, min(s.first, ms), max(s.last, ms)}
}

// sums holds what the new events of one transaction add to the totals.
type sums struct {
	totals       map[totalsKey]connlog.Totals
	destinations map[int64]span
	runs         map[runKey]span
}

func newSums() *sums {
	return &sums{totals: map[totalsKey]connlog.Totals{}, destinations: map[int64]span{}, runs: map[runKey]span{}}
}

// count adds an event of a group. Sockets that wait for connections have no totals.
func (s *sums) count(group totalsKey, e *connlog.Event) {
	if e.Direction == connlog.Listen {
		return
	}
	ms := millis(e.Time)
	group.hour = ms / millisPerHour
	t := s.totals[group]
	t.Count(e)
	s.totals[group] = t
	if e.IsOutgoing() && group.destination != 0 {
		d, ok := s.destinations[group.destination]
		if !ok {
			d = span{first: ms, last: ms}
		}
		s.destinations[group.destination] = d.extended(ms)
	}
}

// flush writes what was counted.
func (s *session) flush(ctx context.Context, sums *sums) error {
	for key, t := range sums.totals {
		if err := s.addTotals(ctx, key, t); err != nil {
			return err
		}
	}
	for id, d := range sums.destinations {
		if _, err := s.statements.noteDestination.ExecContext(ctx, id, d.first, d.last); err != nil {
			return err
		}
	}
	for _, r := range sums.runs {
		if _, err := s.statements.touchRun.ExecContext(ctx, r.first, r.last, r.id); err != nil {
			return err
		}
	}
	return nil
}

// addTotals adds to a row of totals, or makes it.
func (s *session) addTotals(ctx context.Context, k totalsKey, t connlog.Totals) error {
	exists, err := affects(s.statements.updateTotals.ExecContext(ctx, totalsArgs(k, t)...))
	if err != nil || exists {
		return err
	}
	n, ok := s.groups[k.hour]
	if !ok {
		if err := s.statements.countTotals.QueryRowContext(ctx, k.hour).Scan(&n); err != nil {
			return err
		}
		if len(s.groups) >= 48 || s.groups == nil {
			s.groups = map[int64]int{}
		}
	}
	s.groups[k.hour] = n
	if rest := (totalsKey{hour: k.hour, provider: k.provider, proto: k.proto, direction: k.direction}); n >= maxGroups && k != rest {
		return s.addTotals(ctx, rest, t)
	}
	s.groups[k.hour]++
	_, err = s.statements.insertTotals.ExecContext(ctx, totalsArgs(k, t)...)
	return err
}

func totalsArgs(k totalsKey, t connlog.Totals) []any {
	return []any{
		t.Opened, t.Failed, t.Closed, t.Alerts, t.TxBytes, t.RxBytes, t.Timed, t.Micros, int64(t.Longest / time.Microsecond),
		k.hour, k.provider, k.destination, k.process, k.port, k.proto, k.direction,
	}
}
