package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
)

const (
	// sweepInterval is the time between two removals of rows that no event uses any more.
	sweepInterval = 10 * time.Minute

	// sweepSize is the number of such rows that one transaction removes from each table.
	sweepSize = 5000
)

// prune removes old events within a transaction that has written n events: some more than were written, so that no transaction takes long
// and the rest follows with the next ones.
func (w *Writer) prune(ctx context.Context, n int, now time.Time) error {
	s, size := w.session, 2*n+1000
	cutoff := cutoffOf(now, w.config.KeepEvents)
	if err := s.removeBefore(ctx, "events", cutoff, size, now); err != nil {
		return err
	}
	if err := s.removeBefore(ctx, "documents", cutoff, size, now); err != nil {
		return err
	}
	isFull, err := w.isFull(ctx)
	if err == nil && isFull {
		err = w.removeOldest(ctx, size, now)
	}
	if err != nil || !isFull && now.Sub(w.lastSweep) < sweepInterval {
		return err
	}
	w.lastSweep = now
	return s.sweep(ctx, cutoffOf(now, w.config.KeepTotals))
}

// cutoffOf returns the oldest time that is kept, in milliseconds.
func cutoffOf(now time.Time, keep conf.Duration) int64 {
	if keep == 0 {
		return 0
	}
	return millis(now.Add(-keep.D()))
}

// removeBefore removes the oldest rows of a table, about as many as size, that are older than cutoff. It notes until when events are gone, which
// is never in the future, although the clock of a sender may have been ahead.
func (s *session) removeBefore(ctx context.Context, table string, cutoff int64, size int, now time.Time) error {
	var oldest, newest int64
	err := s.QueryRowContext(ctx, "SELECT (SELECT ifnull(min(time), ?) FROM "+table+"), (SELECT ifnull(max(time), 0) FROM "+table+")", int64(math.MaxInt64)).
		Scan(&oldest, &newest)
	if err != nil || oldest >= cutoff {
		return err
	}
	bound, err := s.number(ctx, "SELECT time FROM "+table+" ORDER BY time LIMIT 1 OFFSET ?", size)
	if errors.Is(err, sql.ErrNoRows) {
		bound, err = newest+1, nil
	}
	if err != nil {
		return err
	}
	bound = min(cutoff, max(bound, oldest+1))
	if _, err := s.ExecContext(ctx, "DELETE FROM "+table+" WHERE time < ?", bound); err != nil {
		return err
	}
	if table == "events" {
		_, err = s.ExecContext(ctx, "UPDATE pruned SET until = max(until, min(?, ?))", bound, millis(now))
	}
	return err
}

const pageSize = 4096 // SQLite's default

// isFull reports whether the content of the file is larger than max_size.
func (w *Writer) isFull(ctx context.Context) (bool, error) {
	if w.config.MaxSize == 0 {
		return false, nil
	}
	used, err := w.session.number(ctx, "SELECT page_count - freelist_count FROM pragma_page_count(), pragma_freelist_count()")
	return used > int64(w.config.MaxSize)/pageSize, err
}

// removeOldest removes the oldest rows. Totals may take half of max_size, but those of hours with events stay.
func (w *Writer) removeOldest(ctx context.Context, size int, now time.Time) error {
	s := w.session
	if !w.warnedSize {
		w.warnedSize = true
		w.log.Warn("the file has reached max_size; the oldest events are removed before keep_events has passed", "path", w.config.Path, "max_size", int64(w.config.MaxSize))
	}
	var events, documents, totals, hour int64
	err := s.QueryRowContext(ctx, "SELECT (SELECT ifnull(min(time), ?1) FROM events), (SELECT ifnull(min(time), ?1) FROM documents), "+
		"(SELECT count(*) FROM totals), (SELECT ifnull(min(hour), ?1) FROM totals)", int64(math.MaxInt64)).Scan(&events, &documents, &totals, &hour)
	if err != nil {
		return err
	}
	const bytesOfTotals = 100 // and of what belongs to them
	isMuch := totals*bytesOfTotals > int64(w.config.MaxSize)/2
	isRest := events == math.MaxInt64 && documents == math.MaxInt64
	switch {
	case (isMuch || isRest) && hour < events/millisPerHour:
		_, err := s.ExecContext(ctx, "DELETE FROM totals WHERE hour < ?", min(hour+24, events/millisPerHour))
		return err
	case documents < events:
		return s.removeBefore(ctx, "documents", math.MaxInt64, size, now)
	}
	return s.removeBefore(ctx, "events", math.MaxInt64, size, now)
}

// sweep removes totals that are older than a time, and what neither events nor totals use any more. Rows are kept for the whole hour of their
// last use.
func (s *session) sweep(ctx context.Context, totals int64) error {
	var events, oldestHour int64 // the oldest ones; max_size may have removed more than their age would
	if err := s.QueryRowContext(ctx, "SELECT (SELECT ifnull(min(time), until) FROM events), (SELECT ifnull(min(hour), 0) FROM totals) FROM pruned").Scan(&events, &oldestHour); err != nil {
		return err
	}
	totals = max(totals, oldestHour*millisPerHour)
	for query, bound := range map[string]int64{
		"DELETE FROM totals WHERE hour < ?":                                    totals / millisPerHour,
		"DELETE FROM destinations WHERE last < ?":                              totals,
		"DELETE FROM active WHERE run IN (SELECT id FROM runs WHERE last < ?)": events,
	} {
		if _, err := s.ExecContext(ctx, query, bound); err != nil {
			return err
		}
	}
	for rows, bound := range map[string]int64{
		"runs WHERE last < ?":                    events,
		"processes WHERE used < ?":               events / millisPerHour,
		"ends WHERE used < ?":                    events / millisPerHour,
		"details WHERE used < ?":                 events / millisPerHour,
		"texts WHERE in_totals = 0 AND used < ?": events / millisPerHour,
		"texts WHERE in_totals = 1 AND used < ?": min(events, totals) / millisPerHour,
	} {
		table, _, _ := strings.Cut(rows, " ")
		if _, err := s.ExecContext(ctx, "DELETE FROM "+table+" WHERE id IN (SELECT id FROM "+rows+" LIMIT ?)", bound, sweepSize); err != nil {
			return err
		}
	}
	return nil
}

// shrink gives free pages back to the file system if they are more than a quarter of the file, or the file is too large.
func (s *session) shrink(ctx context.Context, maxSize conf.Size) error {
	var pages, free int64
	if err := s.QueryRowContext(ctx, "SELECT page_count, freelist_count FROM pragma_page_count(), pragma_freelist_count()").Scan(&pages, &free); err != nil {
		return err
	}
	if free < 256 || free < pages/4 && (maxSize == 0 || pages <= int64(maxSize)/pageSize) {
		return nil
	}
	_, err := s.ExecContext(ctx, "PRAGMA incremental_vacuum(2000)")
	return err
}
