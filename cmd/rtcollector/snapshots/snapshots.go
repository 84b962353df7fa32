// Package snapshots reads snapshots of processes for the commands and pages that show what ran at some time. The input process_top writes
// each process of a snapshot as an event ([proclog.Row]).
//
//   - snapshots.go: [Snapshot], and how to find one.
//   - order.go: the orders of its rows. json.go: its rows as JSON.
package snapshots

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/proclog"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// spread is how far the time of a row may be from that of its snapshot. Rows that are further away belong to no snapshot.
	spread = 10 * time.Second

	// maxRows is the number of rows of a snapshot that are read.
	maxRows = 5000

	// maxEvents is the number of events that are read for the times of snapshots.
	maxEvents = 5_000
)

// Snapshot is the table of the processes of a host at some time.
type Snapshot struct {
	Host string
	Time time.Time
	Rows []proclog.Row // by their rank
}

// errEnough ends a search that has found what it wants.
var errEnough = errors.New("enough is found")

// read calls f with the rows that a query finds, of one host or, if host is "", of any. The index ignores upper and lower case, and takes a
// * at the end of a host for a pattern: such rows of other hosts are left out.
func read(ctx context.Context, r outputs.EventReader, host string, q outputs.EventQuery, f func(proclog.Row) error) error {
	q.Sources, q.To = []string{proclog.Source}, telemetry.Debug
	if host != "" {
		q.Hosts = []string{host}
	}
	err := r.ReadEvents(ctx, q, func(found outputs.FoundEvent) error {
		row, err := proclog.Parse(found.Document)
		if err != nil || host != "" && row.Host != host || row.Time.Sub(timeOf(row)).Abs() > spread {
			return nil //nolint:nilerr // it is something else
		}
		return f(row)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// timeOf returns the time of the snapshot of a row.
func timeOf(r proclog.Row) time.Time { return time.UnixMilli(r.Snapshot) }

// Find returns the latest snapshot at or before a time, of one host or, if host is "", of the host with the latest one. It returns nil if
// there is none.
func Find(ctx context.Context, r outputs.EventReader, host string, at time.Time) (*Snapshot, error) {
	latest, err := findLatest(ctx, r, host, at)
	if err != nil || latest == nil {
		return nil, err
	}
	s := &Snapshot{Host: latest.Host, Time: timeOf(*latest)}
	q := outputs.EventQuery{Since: s.Time.Add(-spread), Until: s.Time.Add(spread), Last: maxRows}
	err = read(ctx, r, s.Host, q, func(row proclog.Row) error {
		if row.Snapshot == latest.Snapshot && row.Host == s.Host {
			s.Rows = append(s.Rows, row)
		}
		return nil
	})
	slices.SortStableFunc(s.Rows, func(a, b proclog.Row) int { return cmp.Compare(a.Rank, b.Rank) })
	return s, err
}

// FindTime returns the time of the latest snapshot at or before a time, as [Find] does, or the zero time.
func FindTime(ctx context.Context, r outputs.EventReader, host string, at time.Time) (time.Time, error) {
	latest, err := findLatest(ctx, r, host, at)
	if err != nil || latest == nil {
		return time.Time{}, err
	}
	return timeOf(*latest), nil
}

// findLatest returns a row of the latest snapshot at or before a time, or nil. The rows of that snapshot may be later, and rows of later
// snapshots or other hosts may come first: then it reads more.
func findLatest(ctx context.Context, r outputs.EventReader, host string, at time.Time) (latest *proclog.Row, err error) {
	for _, n := range []int{1, 200, maxEvents} {
		err = read(ctx, r, host, outputs.EventQuery{Until: at.Add(spread), Last: n}, func(row proclog.Row) error {
			if !timeOf(row).After(at) && (latest == nil || row.Snapshot > latest.Snapshot) {
				latest = &row
			}
			return nil
		})
		if err != nil || latest != nil {
			return latest, err
		}
	}
	return latest, nil
}

// FindNext returns the time of the first snapshot after a time, of one host or, if host is "", of any. It returns the zero time if there is
// none.
func FindNext(ctx context.Context, r outputs.EventReader, host string, after time.Time) (next time.Time, err error) {
	err = read(ctx, r, host, outputs.EventQuery{Since: after.Add(-spread)}, func(row proclog.Row) error {
		if t := timeOf(row); t.After(after) {
			next = t
			return errEnough
		}
		return nil
	})
	return next, err
}

// Times returns the times of the snapshots of a host from since to until, the oldest first. If there are more than can be read, it returns
// the newest, and truncated is true.
func Times(ctx context.Context, r outputs.EventReader, host string, since, until time.Time) (times []time.Time, truncated bool, err error) {
	seen := map[int64]bool{}
	count := 0
	err = read(ctx, r, host, outputs.EventQuery{Since: since.Add(-spread), Until: until.Add(spread), Last: maxEvents}, func(row proclog.Row) error {
		count++
		if t := timeOf(row); !seen[row.Snapshot] && !t.Before(since) && !t.After(until) {
			seen[row.Snapshot] = true
			times = append(times, t)
		}
		return nil
	})
	slices.SortFunc(times, time.Time.Compare)
	return times, count >= maxEvents, err
}

// Hosts returns the hosts that have a snapshot in the time before at, sorted.
func Hosts(ctx context.Context, r outputs.EventReader, at time.Time, span time.Duration) (hosts []string, err error) {
	seen := map[string]bool{}
	err = read(ctx, r, "", outputs.EventQuery{Since: at.Add(-span), Until: at, Last: maxEvents}, func(row proclog.Row) error {
		seen[row.Host] = true
		return nil
	})
	for host := range seen {
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	return hosts, err
}
