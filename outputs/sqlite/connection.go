package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// Numbers of the kinds of events in the table.
const (
	kindConnect = 1
	kindClose   = 2
	kindAlert   = 3
)

const (
	millisPerHour = int64(time.Hour / time.Millisecond)

	// maxBytes is the largest number of bytes that is stored, so that sums stay within 64 bits.
	maxBytes = 1 << 53
)

// insertConnection inserts an event about a connection and adds it to the totals, unless it is there already.
func (s *session) insertConnection(ctx context.Context, seq uint64, e *connlog.Event, sums *sums) error {
	r, err := s.connectionRow(ctx, e, sums)
	if err != nil {
		return err
	}
	isNew, err := affects(s.statements.insertEvent.ExecContext(ctx, millis(e.Time), s.writer, int64(seq), r.kind, r.run, int64(e.Conn), r.process, r.ends,
		portOf(e.Local), portOf(e.Remote), r.details, r.message, numberIf(e.Duration.Microseconds(), e.HasDuration),
		numberIf(min(e.TxBytes, maxBytes), e.TxBytes >= 0), numberIf(min(e.RxBytes, maxBytes), e.RxBytes >= 0), e.RetryCount))
	if err != nil || !isNew {
		return err
	}
	sums.count(r.group, e)
	switch {
	case e.Conn == 0, e.Direction == connlog.Listen:
	case r.kind == kindConnect && e.Error == "":
		_, err = s.statements.insertActive.ExecContext(ctx, r.run, int64(e.Conn))
	case r.kind == kindClose:
		_, err = s.statements.deleteActive.ExecContext(ctx, r.run, int64(e.Conn))
	}
	return err
}

// connectionRow holds the IDs of what an event refers to.
type connectionRow struct {
	kind                        int
	run, process, ends, details int64
	message                     any // nil: the event's summary

	group totalsKey // without the hour
}

// connectionRow looks up the IDs of what an event refers to. Everything is looked up for every event, which notes the last use of each text.
func (s *session) connectionRow(ctx context.Context, e *connlog.Event, sums *sums) (r connectionRow, err error) {
	hour := millis(e.Time) / millisPerHour
	text := func(t string, inTotals bool) (id int64) {
		if err == nil {
			id, err = s.dictionary.text(ctx, t, hour, inTotals)
		}
		return id
	}
	row := func(t *tupleTable, values tuple) (id int64) {
		if err == nil && values != (tuple{}) {
			id, err = t.id(ctx, values, hour)
		}
		return id
	}
	r.kind = map[connlog.Kind]int{connlog.Connect: kindConnect, connlog.Close: kindClose}[e.Kind]
	if r.kind == 0 {
		r.kind = kindAlert
	}
	host, comm, provider := text(e.Host, false), text(e.Comm, true), text(e.Provider, true)
	proto, direction, domain := text(e.Proto, true), text(e.Direction, true), text(e.Domain, true)
	ancestry, isParents := cutAncestry(e)
	parents := text(ancestry, false)
	if isParents {
		parents = -parents
	}
	r.process = row(&s.dictionary.processes, tuple{host, int64(e.PID), comm, text(e.Cmdline, false), text(e.User, false), parents, provider})
	r.ends = row(&s.dictionary.ends, tuple{proto, direction, text(addressOf(e.Local), false), text(addressOf(e.Remote), false), domain, text(e.DomainSource, false)})
	before := int64(0)
	if e.BeforeStart {
		before = 1
	}
	r.details = row(&s.dictionary.detail, tuple{text(e.Alert, false), text(e.Error, false), text(e.Reason, false), text(e.Via, false), before})
	if e.Message != e.Summary() {
		r.message = text(e.Message, false)
	}
	r.group = totalsKey{0, provider, text(e.Destination(), true), comm, int64(e.ServicePort()), proto, direction}
	if err == nil {
		r.run, err = s.runID(ctx, runKey{text(e.RunID, false), text(e.Session, false), host}, millis(e.Time), sums)
	}
	return r, err
}

// runID returns the ID of an event's run. A new run means that the one before of the same host and session has ended, even if it could not
// report the ends of its connections. Events without a run have a row as well.
func (s *session) runID(ctx context.Context, key runKey, ms int64, sums *sums) (id int64, err error) {
	if span, ok := sums.runs[key]; ok {
		sums.runs[key] = span.extended(ms)
		return span.id, nil
	}
	err = s.statements.findRun.QueryRowContext(ctx, key.run, key.session, key.host).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		if id, err = insertID(s.statements.insertRun.ExecContext(ctx, key.run, key.session, key.host, ms, ms)); err == nil {
			_, err = s.statements.endRuns.ExecContext(ctx, key.session, key.host, id)
		}
	}
	sums.runs[key] = span{id: id, first: ms, last: ms}
	return id, err
}

// cutAncestry returns the ancestry without the process itself, with which it usually ends and which the row has anyway. Processes with the
// same parents share that text.
func cutAncestry(e *connlog.Event) (text string, isParents bool) {
	parents, ok := strings.CutSuffix(e.Ancestry, " "+e.Comm+":"+strconv.Itoa(e.PID))
	if !ok || parents == "" {
		return e.Ancestry, false
	}
	return parents, true
}

func addressOf(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr().String()
}

func portOf(a netip.AddrPort) any { return numberIf(int64(a.Port()), a.IsValid()) }

// numberIf returns a number, or NULL if it is not known.
func numberIf(n int64, known bool) any {
	if !known {
		return nil
	}
	return n
}
