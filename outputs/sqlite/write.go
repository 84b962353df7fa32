package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// chunkSize is the number of events in one transaction. It bounds how long others must wait, and the size of the write-ahead log.
	chunkSize = 2000

	// lockPatience is how long a write waits for another process before it fails and the agent tries again.
	lockPatience = 5 * time.Second
)

// statements are prepared once for each open file.
type statements struct {
	insertEvent, insertDocument       *sql.Stmt
	insertActive, deleteActive        *sql.Stmt
	findRun, insertRun, touchRun      *sql.Stmt
	updateTotals, insertTotals        *sql.Stmt
	countTotals, noteDestination      *sql.Stmt
	findWriter, insertWriter, endRuns *sql.Stmt
}

func (s *session) prepareStatements(ctx context.Context) error {
	st, d := &s.statements, &s.dictionary
	d.processes.columns, d.ends.columns, d.detail.columns = 7, 6, 5
	for target, query := range map[**sql.Stmt]string{
		&st.insertEvent:    "INSERT OR IGNORE INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		&st.insertDocument: "INSERT OR IGNORE INTO documents VALUES (?,?,?,?,?)",
		&st.insertActive:   "INSERT OR IGNORE INTO active VALUES (?,?)",
		&st.deleteActive:   "DELETE FROM active WHERE run = ? AND conn = ?",
		&st.findRun:        "SELECT id FROM runs WHERE run = ? AND session = ? AND host = ?",
		&st.insertRun:      "INSERT INTO runs (run, session, host, first, last) VALUES (?,?,?,?,?)",
		&st.touchRun:       "UPDATE runs SET first = min(first, ?), last = max(last, ?) WHERE id = ?",
		&st.endRuns:        "DELETE FROM active WHERE run IN (SELECT id FROM runs WHERE session = ? AND host = ? AND id <> ?)",
		&st.updateTotals: "UPDATE totals SET opened = opened + ?, failed = failed + ?, closed = closed + ?, alerts = alerts + ?, tx = min(tx + ?, 1 << 53), " +
			"rx = min(rx + ?, 1 << 53), timed = timed + ?, micros = min(micros + ?, 1 << 53), longest = max(longest, ?) WHERE hour = ? AND provider = ? AND " +
			"destination = ? AND process = ? AND port = ? AND proto = ? AND direction = ?",
		&st.insertTotals: "INSERT INTO totals (opened, failed, closed, alerts, tx, rx, timed, micros, longest, hour, provider, destination, process, port, proto, " +
			"direction) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		&st.countTotals: "SELECT count(*) FROM totals WHERE hour = ?",
		&st.noteDestination: "INSERT INTO destinations VALUES (?,?,?) ON CONFLICT DO UPDATE SET first = min(first, excluded.first), " +
			"last = max(last, excluded.last)",
		&st.findWriter:      "SELECT id FROM writers WHERE instance = ?",
		&st.insertWriter:    "INSERT INTO writers (instance) VALUES (?)",
		&d.findText:         "SELECT id, used, in_totals FROM texts WHERE text = ?",
		&d.insertText:       "INSERT INTO texts (text, used, in_totals) VALUES (?,?,?)",
		&d.touchText:        "UPDATE texts SET used = ?, in_totals = ? WHERE id = ?",
		&d.processes.find:   "SELECT id, used FROM processes WHERE host = ? AND pid = ? AND comm = ? AND cmdline = ? AND user = ? AND ancestry = ? AND provider = ?",
		&d.processes.insert: "INSERT INTO processes (host, pid, comm, cmdline, user, ancestry, provider, used) VALUES (?,?,?,?,?,?,?,?)",
		&d.processes.touch:  "UPDATE processes SET used = ? WHERE id = ?",
		&d.ends.find:        "SELECT id, used FROM ends WHERE proto = ? AND direction = ? AND local_ip = ? AND remote_ip = ? AND domain = ? AND domain_source = ?",
		&d.ends.insert:      "INSERT INTO ends (proto, direction, local_ip, remote_ip, domain, domain_source, used) VALUES (?,?,?,?,?,?,?)",
		&d.ends.touch:       "UPDATE ends SET used = ? WHERE id = ?",
		&d.detail.find:      "SELECT id, used FROM details WHERE alert = ? AND error = ? AND reason = ? AND via = ? AND before_start = ?",
		&d.detail.insert:    "INSERT INTO details (alert, error, reason, via, before_start, used) VALUES (?,?,?,?,?,?)",
		&d.detail.touch:     "UPDATE details SET used = ? WHERE id = ?",
	} {
		var err error
		if *target, err = s.PrepareContext(ctx, query); err != nil {
			return err
		}
		s.prepared = append(s.prepared, *target)
	}
	return nil
}

var errNotOpen = errors.New("write to sqlite: not open")

// WriteEvents implements [outputs.EventWriter]. Writing the same events again changes nothing, because the key of a row only depends on the
// event's ID, and a row that exists does not count again. All failures of SQLite are retried: they concern the file or the disk, not an event.
func (w *Writer) WriteEvents(ctx context.Context, events []telemetry.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !w.opened {
		return errNotOpen
	}
	now, rejected := time.Now(), 0
	for start := 0; start < len(events); start += chunkSize {
		tooOld, err := w.writeChunk(ctx, events[start:min(start+chunkSize, len(events))], now)
		if err == nil {
			rejected += tooOld
			continue
		}
		if !isCode(err, codeBusy) && ctx.Err() == nil {
			_ = w.closeSession() // the file may be replaced before the next write
		}
		if err = explain(w.config.Path, err); start > 0 {
			err = &outputs.PartialError{Settled: start, Rejected: w.rejectError(rejected), Err: err}
		}
		return err
	}
	if r := w.rejectError(rejected); r != nil {
		return r
	}
	return nil
}

func (w *Writer) rejectError(tooOld int) *outputs.RejectError {
	if tooOld == 0 {
		return nil
	}
	return &outputs.RejectError{
		N: tooOld, Err: fmt.Errorf("%d older than keep_events, %v", tooOld, w.config.KeepEvents), Reasons: map[string]int{"too_old": tooOld},
	}
}

// writeChunk writes events in one transaction and removes old ones. It returns how many events are too old to be stored.
func (w *Writer) writeChunk(ctx context.Context, events []telemetry.Event, now time.Time) (tooOld int, err error) {
	if err := w.ensureSession(ctx); err != nil {
		return 0, err
	}
	s := w.session
	background := context.WithoutCancel(ctx)
	if err := s.begin(ctx, w.patience); err != nil {
		_, _ = s.ExecContext(background, "ROLLBACK") // ctx may have ended just after it began
		return 0, err
	}
	// From here on ctx does not count: a chunk takes milliseconds, and watching a context costs as much as a statement.
	tooOld, err = w.insert(background, events, now)
	if err == nil {
		err = w.prune(background, len(events), now)
	}
	if err == nil {
		_, err = s.ExecContext(background, "COMMIT")
	}
	if err != nil {
		_, _ = s.ExecContext(background, "ROLLBACK") // fails if SQLite has done so itself
		s.dictionary.reset()
		s.writer, s.instance, s.groups = 0, "", nil
		return 0, err
	}
	if err := s.shrink(background, w.config.MaxSize); err != nil && !isCode(err, codeBusy) {
		return tooOld, err
	}
	return tooOld, nil
}

// ensureSession opens the file if a write has failed, or if it was moved or removed: what is written to such a file is lost.
func (w *Writer) ensureSession(ctx context.Context) error {
	if w.session != nil {
		info, err := os.Stat(w.config.Path)
		if err == nil && os.SameFile(info, w.session.info) {
			return nil
		}
		w.log.Warn("the file was moved or removed; making it again", "path", w.config.Path)
		_ = w.closeSession()
	}
	return w.openSession(ctx)
}

// begin begins a transaction, and waits for other processes that write.
func (s *session) begin(ctx context.Context, patience time.Duration) error {
	for end := time.Now().Add(patience); ; {
		_, err := s.ExecContext(ctx, "BEGIN IMMEDIATE")
		if !isCode(err, codeBusy) || time.Now().After(end) {
			return err
		}
		if !pause.Sleep(ctx, 10*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// insert inserts the events that are not too old, and their totals.
func (w *Writer) insert(ctx context.Context, events []telemetry.Event, now time.Time) (tooOld int, err error) {
	s, sums := w.session, newSums()
	for i := range events {
		e := &events[i]
		if w.config.KeepEvents != 0 && e.Time.Before(now.Add(-w.config.KeepEvents.D())) {
			tooOld++
			continue
		}
		if err := s.ensureWriter(ctx, e.Origin(w.instance)); err != nil {
			return 0, err
		}
		if err := s.insertEvent(ctx, e, sums); err != nil {
			return 0, err
		}
	}
	return tooOld, s.flush(ctx, sums)
}

// ensureWriter looks up the ID of the instance of the run that an event is from, which is ours unless the event was kept on disk.
func (s *session) ensureWriter(ctx context.Context, instance string) error {
	if s.instance == instance {
		return nil
	}
	s.instance = ""
	err := s.statements.findWriter.QueryRowContext(ctx, instance).Scan(&s.writer)
	if errors.Is(err, sql.ErrNoRows) {
		s.writer, err = insertID(s.statements.insertWriter.ExecContext(ctx, instance))
	}
	if err == nil {
		s.instance = instance
	}
	return err
}

// insertEvent inserts one event, as a connection if it is one, else as a document.
func (s *session) insertEvent(ctx context.Context, e *telemetry.Event, sums *sums) error {
	var room [2 * eventdoc.TypicalLen]telemetry.Field
	doc := eventdoc.Document(room[:0]).Fill(e)
	if e.Source == connlog.Source {
		if c, err := connlog.Parse(doc); err == nil {
			return s.insertConnection(ctx, e.Seq, &c, sums)
		}
	}
	_, err := s.statements.insertDocument.ExecContext(ctx, millis(e.Time), s.writer, int64(e.Seq), int(e.Severity), string(doc.AppendJSON(nil)))
	return err
}

// millis returns a time as it is stored and as it is in IDs: in milliseconds since 1970, never before.
func millis(t time.Time) int64 { return max(t.UnixMilli(), 0) }
