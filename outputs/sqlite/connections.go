package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/outputs"
)

// selectConnections reads the columns that scanConnection scans.
const selectConnections = `SELECT time, instance, seq, event, alert, own_message, message, run_id, session, conn, host, pid, comm, cmdline, user, ancestry,
	ancestry_of_parent, provider, proto, direction, local_ip, local_port, remote_ip, remote_port, domain, domain_source, duration, tx_bytes, rx_bytes,
	retry_count, error, reason, before_start, via FROM connection_events`

// connectionScan is a row of the view connection_events.
type connectionScan struct {
	stored
	kind, alert, message, run, session, host, comm, cmdline, user, ancestry  text
	provider, proto, direction, localIP, remoteIP, domain, domainSource      text
	errorText, reason, via                                                   text
	ownMessage, conn, pid, ofParent, localPort, remotePort, duration, tx, rx sql.NullInt64
	retries, beforeStart                                                     sql.NullInt64
}

// text is a text that may be NULL, which means the same as "".
type text string

// Scan implements sql.Scanner.
func (t *text) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	case []byte:
		*t = text(v)
	default:
		return fmt.Errorf("a %T is not a text", v)
	}
	return nil
}

func (c *connectionScan) scan(rows *sql.Rows) error {
	return rows.Scan(&c.time, &c.instance, &c.seq, &c.kind, &c.alert, &c.ownMessage, &c.message, &c.run, &c.session, &c.conn, &c.host, &c.pid, &c.comm,
		&c.cmdline, &c.user, &c.ancestry, &c.ofParent, &c.provider, &c.proto, &c.direction, &c.localIP, &c.localPort, &c.remoteIP, &c.remotePort, &c.domain,
		&c.domainSource, &c.duration, &c.tx, &c.rx, &c.retries, &c.errorText, &c.reason, &c.beforeStart, &c.via)
}

// event returns the event that the row holds.
func (c *connectionScan) event() connlog.Event {
	e := connlog.Event{
		Time: time.UnixMilli(c.time), Host: string(c.host), Kind: connlog.Kind(c.kind), Alert: string(c.alert), Message: string(c.message), RunID: string(c.run),
		Session: string(c.session), Conn: uint64(c.conn.Int64), PID: int(c.pid.Int64), Comm: string(c.comm), Cmdline: string(c.cmdline), User: string(c.user),
		Ancestry: string(c.ancestry), Provider: string(c.provider), Proto: string(c.proto), Direction: string(c.direction),
		Local: addrPort(c.localIP, c.localPort), Remote: addrPort(c.remoteIP, c.remotePort), Domain: string(c.domain), DomainSource: string(c.domainSource),
		Duration: time.Duration(c.duration.Int64) * time.Microsecond, HasDuration: c.duration.Valid, TxBytes: -1, RxBytes: -1,
		RetryCount: int(c.retries.Int64), Error: string(c.errorText), Reason: string(c.reason), BeforeStart: c.beforeStart.Int64 != 0, Via: string(c.via),
	}
	if c.tx.Valid {
		e.TxBytes = c.tx.Int64
	}
	if c.rx.Valid {
		e.RxBytes = c.rx.Int64
	}
	if c.ofParent.Int64 != 0 {
		e.Ancestry += " " + e.Comm + ":" + strconv.Itoa(e.PID)
	}
	if !c.ownMessage.Valid {
		e.Message = e.Summary()
	}
	return e
}

func addrPort(ip text, port sql.NullInt64) netip.AddrPort {
	addr, err := netip.ParseAddr(string(ip))
	if err != nil || !port.Valid {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port.Int64))
}

// scanConnectionDocument reads a row as the document that other outputs would have stored.
func scanConnectionDocument(rows *sql.Rows) (*stored, error) {
	var c connectionScan
	if err := c.scan(rows); err != nil {
		return nil, err
	}
	e := c.event()
	t := e.Telemetry()
	c.document = make(eventdoc.Document, 0, 2*eventdoc.TypicalLen).Fill(&t)
	return &c.stored, nil
}

// ReadConnections implements [outputs.ConnectionReader].
func (r *Reader) ReadConnections(ctx context.Context, q outputs.ConnectionQuery, f func(connlog.Event) error) error {
	return r.inSnapshot(ctx, func() error {
		where, args := conditions(q)
		rows, err := r.file.QueryContext(ctx, selectConnections+where+" ORDER BY time, instance, seq", args...)
		if err != nil {
			return explain(r.path, err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var c connectionScan
			if err := c.scan(rows); err != nil {
				return explain(r.path, err)
			}
			if err := f(c.event()); err != nil {
				return err
			}
		}
		return explain(r.path, rows.Err())
	})
}

// conditions returns a WHERE clause for the view.
func conditions(q outputs.ConnectionQuery) (where string, args []any) {
	where, args = " WHERE time BETWEEN ? AND ?", []any{bound(q.Since, 0), bound(q.Until, math.MaxInt64)}
	if q.RunID != "" {
		where, args = where+" AND run_id = ?", append(args, q.RunID)
	}
	return where, args
}

// ReadTotals implements [outputs.ConnectionReader]. Whole hours are read from the table of totals, what is left from the events.
func (r *Reader) ReadTotals(ctx context.Context, q outputs.ConnectionQuery, f func(connlog.Group, connlog.Totals) error) (since time.Time, err error) {
	since = q.Since
	err = r.inSnapshot(ctx, func() error {
		from, to := bound(q.Since, 0), bound(q.Until, math.MaxInt64)
		var pruned, newest int64
		err := r.file.QueryRowContext(ctx, "SELECT until, (SELECT ifnull(max(time), 0) FROM events) FROM pruned").Scan(&pruned, &newest)
		if err != nil {
			return explain(r.path, err)
		}
		if q.RunID != "" {
			first, last, isAlone, err := r.findRun(ctx, q.RunID)
			if err != nil {
				return explain(r.path, err)
			}
			if last < first {
				return nil
			}
			if from, to = max(from, first), min(to, last); !isAlone || from < endOfHour(pruned) {
				return r.sumEvents(ctx, from, to, q.RunID, f)
			}
		}
		p := planTotals(from, to, pruned, max(newest, pruned-1)) // the newest totals may be all that is left
		if p.from < bound(q.Since, 0) {
			since = time.UnixMilli(p.from)
		}
		for _, edge := range p.edges {
			if err := r.sumEvents(ctx, edge[0], edge[1], q.RunID, f); err != nil {
				return err
			}
		}
		return r.sumHours(ctx, p.firstHour, p.lastHour, f)
	})
	return since, err
}

// findRun returns the times of the first and the last event of a run, and whether there are no events of others between them. Without the run
// the last one is before the first one.
func (r *Reader) findRun(ctx context.Context, run string) (first, last int64, isAlone bool, err error) {
	err = r.file.QueryRowContext(ctx, `WITH of AS (SELECT runs.id, first, last FROM runs JOIN texts ON texts.id = run WHERE text = ?),
		span AS (SELECT ifnull(min(first), 1) AS first, ifnull(max(last), 0) AS last FROM of)
		SELECT first, last, NOT EXISTS (SELECT 1 FROM runs r WHERE r.id NOT IN (SELECT id FROM of) AND r.last >= span.first AND r.first <= span.last) FROM span`, run).
		Scan(&first, &last, &isAlone)
	return first, last, isAlone, err
}

// totalsPlan says where the totals of a time are read: those of whole hours in the table of totals, and in the events at the edges, which are
// first and last milliseconds.
type totalsPlan struct {
	from                int64
	firstHour, lastHour int64 // none if the last one is before the first one
	edges               [][2]int64
}

// planTotals plans how to read the totals from one moment to another. Events before pruned are gone; there the plan begins and ends with whole
// hours, also in the hour of which a part is gone. Nothing is newer than newest.
func planTotals(from, to, pruned, newest int64) totalsPlan {
	pruned = endOfHour(pruned)
	if from < pruned {
		from -= from % millisPerHour
	}
	if to < pruned {
		to += millisPerHour - 1 - to%millisPerHour
	}
	p := totalsPlan{from: from, firstHour: endOfHour(from) / millisPerHour, lastHour: math.MaxInt64 / millisPerHour}
	if to < newest {
		p.lastHour = (to+1)/millisPerHour - 1
	}
	if p.lastHour < p.firstHour {
		p.edges = [][2]int64{{from, to}}
		return p
	}
	if start := endOfHour(from); from < start {
		p.edges = append(p.edges, [2]int64{from, start - 1})
	}
	if to < newest && (p.lastHour+1)*millisPerHour <= to {
		p.edges = append(p.edges, [2]int64{(p.lastHour + 1) * millisPerHour, to})
	}
	return p
}

// endOfHour returns the next time, not before ms, at which an hour ends.
func endOfHour(ms int64) int64 { return (ms + millisPerHour - 1) / millisPerHour * millisPerHour }

// sumHours reads the table of totals.
func (r *Reader) sumHours(ctx context.Context, first, last int64, f func(connlog.Group, connlog.Totals) error) error {
	if last < first {
		return nil
	}
	return r.readSums(ctx, `SELECT provider.text, destination.text, process.text, t.port, proto.text, direction.text,
		t.opened, t.failed, t.closed, t.alerts, t.tx, t.rx, t.timed, t.micros, t.longest
		FROM (SELECT provider, destination, process, port, proto, direction, sum(opened) AS opened, sum(failed) AS failed, sum(closed) AS closed,
			sum(alerts) AS alerts, total(tx) AS tx, total(rx) AS rx, sum(timed) AS timed, total(micros) AS micros, max(longest) AS longest
			FROM totals WHERE hour BETWEEN ? AND ? GROUP BY 1, 2, 3, 4, 5, 6) t`+joinGroup, f, first, last)
}

// joinGroup adds the texts of a group.
const joinGroup = ` LEFT JOIN texts provider ON provider.id = t.provider LEFT JOIN texts destination ON destination.id = t.destination
	LEFT JOIN texts process ON process.id = t.process LEFT JOIN texts proto ON proto.id = t.proto LEFT JOIN texts direction ON direction.id = t.direction`

// sumEvents reads totals of events.
func (r *Reader) sumEvents(ctx context.Context, from, to int64, run string, f func(connlog.Group, connlog.Totals) error) error {
	where, args := "e.time BETWEEN ? AND ?", []any{from, to}
	if run != "" {
		where, args = where+" AND e.run IN (SELECT runs.id FROM runs JOIN texts ON texts.id = runs.run WHERE text = ?)", append(args, run)
	}
	return r.readSums(ctx, `SELECT provider.text, destination.text, process.text, t.port, proto.text, direction.text,
		t.opened, t.failed, t.closed, t.alerts, t.tx, t.rx, t.timed, t.micros, t.longest
		FROM (SELECT p.provider, CASE WHEN n.domain <> 0 THEN n.domain ELSE n.remote_ip END AS destination, p.comm AS process, n.proto, n.direction,
			CASE WHEN n.direction IN (SELECT id FROM texts WHERE text IN ('in', 'listen')) THEN e.local_port ELSE e.remote_port END AS port,
			sum(e.kind = 1 AND ifnull(d.error, 0) = 0) AS opened, sum(e.kind = 1 AND ifnull(d.error, 0) <> 0) AS failed, sum(e.kind = 2) AS closed, sum(e.kind = 3) AS alerts,
			total(e.tx) AS tx, total(e.rx) AS rx, count(CASE WHEN e.kind = 2 THEN e.duration END) AS timed,
			total(CASE WHEN e.kind = 2 THEN e.duration END) AS micros, max(CASE WHEN e.kind = 2 THEN e.duration END) AS longest
			FROM events e LEFT JOIN processes p ON p.id = e.process LEFT JOIN ends n ON n.id = e.ends LEFT JOIN details d ON d.id = e.details
			WHERE `+where+` GROUP BY 1, 2, 3, 4, 5, 6) t`+joinGroup, f, args...)
}

// readSums calls f with each row of totals.
func (r *Reader) readSums(ctx context.Context, query string, f func(connlog.Group, connlog.Totals) error, args ...any) error {
	rows, err := r.file.QueryContext(ctx, query, args...)
	if err != nil {
		return explain(r.path, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var provider, destination, process, proto, direction text
		var port, longest sql.NullInt64
		var t connlog.Totals
		var tx, rx, micros float64
		if err := rows.Scan(&provider, &destination, &process, &port, &proto, &direction,
			&t.Opened, &t.Failed, &t.Closed, &t.Alerts, &tx, &rx, &t.Timed, &micros, &longest); err != nil {
			return explain(r.path, err)
		}
		t.TxBytes, t.RxBytes, t.Micros = int64(tx), int64(rx), int64(micros)
		t.Longest = time.Duration(longest.Int64) * time.Microsecond
		// Addresses of events are stored as they are, a destination as people write it.
		g := connlog.Group{
			Provider: string(provider), Destination: strings.TrimPrefix(string(destination), "::ffff:"), Process: string(process), Port: uint16(port.Int64),
			Proto: string(proto), Direction: string(direction),
		}
		if g.Direction == connlog.Listen {
			continue // sums of events have it, totals do not
		}
		if err := f(g, t); err != nil {
			return err
		}
	}
	return explain(r.path, rows.Err())
}

// LatestRun implements [outputs.ConnectionReader].
func (r *Reader) LatestRun(ctx context.Context) (run outputs.ConnectionRun, err error) {
	err = r.inSnapshot(ctx, func() error {
		var id, session, host text
		var first, last int64
		err := r.file.QueryRowContext(ctx, `SELECT run.text, session.text, host.text, first, last FROM runs LEFT JOIN texts run ON run.id = runs.run
			LEFT JOIN texts session ON session.id = runs.session LEFT JOIN texts host ON host.id = runs.host WHERE run <> 0 ORDER BY last DESC, runs.id DESC LIMIT 1`).
			Scan(&id, &session, &host, &first, &last)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		run = outputs.ConnectionRun{ID: string(id), Session: string(session), Host: string(host), First: time.UnixMilli(first), Last: time.UnixMilli(last)}
		return explain(r.path, err)
	})
	return run, err
}

// ReadNewDestinations implements [outputs.ConnectionReader].
func (r *Reader) ReadNewDestinations(ctx context.Context, since time.Time, f func(string) error) error {
	return r.inSnapshot(ctx, func() error {
		rows, err := r.file.QueryContext(ctx, "SELECT text FROM destinations JOIN texts ON id = destination WHERE first >= ? ORDER BY text", bound(since, 0))
		if err != nil {
			return explain(r.path, err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var name text
			if err := rows.Scan(&name); err != nil {
				return explain(r.path, err)
			}
			if err := f(string(name)); err != nil {
				return err
			}
		}
		return explain(r.path, rows.Err())
	})
}

// CountActive implements [outputs.ConnectionReader].
func (r *Reader) CountActive(ctx context.Context) (n int64, err error) {
	err = r.inSnapshot(ctx, func() error {
		n, err = r.file.number(ctx, "SELECT count(*) FROM active")
		return explain(r.path, err)
	})
	return n, err
}
