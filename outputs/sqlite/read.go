package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// Reader reads the file that a [Writer] writes, also at the same time.
type Reader struct {
	path string
	file *file // nil until the first read
}

// NewEventReader implements [outputs.EventSource].
func (c *Config) NewEventReader(secret.Resolver) outputs.EventReader { return &Reader{path: c.Path} }

// Close implements [outputs.EventReader].
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return explain(r.path, f.close())
}

// open opens the file if it is not open.
func (r *Reader) open(ctx context.Context) error {
	if r.file != nil {
		return nil
	}
	f, err := openReadable(ctx, r.path)
	if err == nil {
		r.file = f
	}
	return err
}

// inSnapshot calls f, which sees the file as it is at one moment. It closes the file after an error.
func (r *Reader) inSnapshot(ctx context.Context, f func() error) error {
	err := r.open(ctx)
	if err == nil {
		_, err = r.file.ExecContext(ctx, "BEGIN")
	}
	if err != nil {
		return explain(r.path, err)
	}
	if err = f(); err == nil {
		_, err = r.file.ExecContext(ctx, "COMMIT")
		err = explain(r.path, err)
	}
	if err != nil {
		_ = r.Close()
	}
	return err
}

// ReadEvents implements [outputs.EventReader].
func (r *Reader) ReadEvents(ctx context.Context, q outputs.EventQuery, f func(outputs.FoundEvent) error) error {
	return r.inSnapshot(ctx, func() error {
		if q.Last == 0 {
			return r.readInOrder(ctx, q, false, f)
		}
		var found []outputs.FoundEvent
		err := r.readInOrder(ctx, q, true, func(e outputs.FoundEvent) error {
			if found = append(found, e); len(found) == q.Last {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		for _, e := range slices.Backward(found) {
			if err := f(e); err != nil {
				return err
			}
		}
		return nil
	})
}

var errEnough = errors.New("enough events were read")

// stored is one event of either table, with its key.
type stored struct {
	time     int64
	instance string
	seq      int64
	document eventdoc.Document
}

// isBefore compares keys as the IDs do.
func (e *stored) isBefore(o *stored) bool {
	if e.time != o.time {
		return e.time < o.time
	}
	if e.instance != o.instance {
		return e.instance < o.instance
	}
	return e.seq < o.seq
}

// readInOrder calls f with the events of both tables that a query finds.
func (r *Reader) readInOrder(ctx context.Context, q outputs.EventQuery, newestFirst bool, f func(outputs.FoundEvent) error) error {
	documents, err := r.openCursor(ctx, "SELECT time, instance, seq, document FROM documents LEFT JOIN writers ON id = writer", q, newestFirst, scanDocument)
	if err != nil {
		return err
	}
	defer documents.close()
	connections, err := r.openCursor(ctx, selectConnections, q, newestFirst, scanConnectionDocument)
	if err != nil {
		return err
	}
	defer connections.close()
	for {
		next := documents
		if documents.current == nil || connections.current != nil && connections.current.isBefore(documents.current) != newestFirst {
			next = connections
		}
		if next.current == nil {
			return nil
		}
		e := next.current
		if q.Matches(e.document) {
			id := telemetry.Event{Time: time.UnixMilli(e.time), Seq: uint64(e.seq)}
			if err := f(outputs.FoundEvent{ID: string(id.AppendID(nil, e.instance)), Document: e.document}); err != nil {
				return err
			}
		}
		if err := next.advance(); err != nil {
			return explain(r.path, err)
		}
	}
}

// cursor is a query whose rows are read one by one.
type cursor struct {
	rows    *sql.Rows
	scan    func(*sql.Rows) (*stored, error)
	current *stored // nil: at the end
}

// openCursor runs a query for the times that q selects.
func (r *Reader) openCursor(ctx context.Context, query string, q outputs.EventQuery, newestFirst bool, scan func(*sql.Rows) (*stored, error)) (*cursor, error) {
	query += " WHERE time BETWEEN ? AND ? ORDER BY time, instance, seq"
	if newestFirst {
		query = query[:len(query)-len("time, instance, seq")] + "time DESC, instance DESC, seq DESC"
	}
	rows, err := r.file.QueryContext(ctx, query, bound(q.Since, 0), bound(q.Until, math.MaxInt64))
	if err != nil {
		return nil, explain(r.path, err)
	}
	c := &cursor{rows: rows, scan: scan}
	if err := c.advance(); err != nil {
		c.close()
		return nil, explain(r.path, err)
	}
	return c, nil
}

func (c *cursor) advance() (err error) {
	c.current = nil
	if c.rows.Next() {
		c.current, err = c.scan(c.rows)
		return err
	}
	return c.rows.Err()
}

func (c *cursor) close() { _ = c.rows.Close() }

func bound(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return t.UnixMilli()
}

func scanDocument(rows *sql.Rows) (*stored, error) {
	var e stored
	var text []byte
	if err := rows.Scan(&e.time, &e.instance, &e.seq, &text); err != nil {
		return nil, err
	}
	var err error
	e.document, err = eventdoc.ParseJSON(text)
	return &e, err
}
