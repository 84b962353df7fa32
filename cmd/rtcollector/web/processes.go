package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/snapshots"
	"github.com/rtcollector/rtcollector/outputs"
)

// processQuery is what a request asks for about the processes of a host.
type processQuery struct {
	host         string
	at           time.Time
	since, until time.Time // of the times of snapshots; zero: none are wanted
	by           string
	last         int
}

// processAnswer is the answer of /api/processes. Times are seconds since 1970. Those of snapshots that do not exist are left out.
type processAnswer struct {
	Host      string          `json:"host"`
	At        float64         `json:"at,omitempty"` // of the snapshot with the rows
	Previous  float64         `json:"previous,omitempty"`
	Next      float64         `json:"next,omitempty"`
	Rows      []snapshots.Row `json:"rows"`
	More      int             `json:"rows_more"` // that were cut
	Snapshots []float64       `json:"snapshots"`
	Truncated bool            `json:"truncated"` // there are older snapshots in the range
}

// serveProcesses answers with the latest snapshot of processes at or before a time, and the times of others.
func (s *Server) serveProcesses(w http.ResponseWriter, r *http.Request) {
	q, err := parseProcessQuery(r.URL.Query(), time.Now())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), logsTimeout)
	defer cancel()
	answer := processAnswer{Host: q.host, Rows: []snapshots.Row{}, Snapshots: []float64{}}
	err = s.readers.use(ctx, func(reader outputs.EventReader) error { return answer.read(ctx, reader, &q) })
	if err != nil {
		writeLogsError(ctx, w, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// parseProcessQuery returns the query that the parameters describe: by default the latest snapshot.
func parseProcessQuery(v url.Values, now time.Time) (q processQuery, err error) {
	common, err := parseFilters(url.Values{"since": v["since"], "until": v["until"], "last": v["last"]}, defaultLast)
	if err != nil {
		return q, err
	}
	q = processQuery{host: v.Get("host"), since: common.Since, until: common.Until, by: cmp.Or(v.Get("by"), "cpu"), last: common.Last}
	if q.at, err = parseTime(v.Get("at")); err != nil {
		return q, fmt.Errorf("at: %w", err)
	}
	switch {
	case q.host == "":
		return q, errors.New("host: is missing")
	case len(q.host) > maxTextSize:
		return q, fmt.Errorf("host: longer than %d bytes", maxTextSize)
	case !snapshots.IsOrder(q.by):
		return q, fmt.Errorf("by: must be %s, not %.40q", snapshots.Orders, q.by)
	}
	if q.until.IsZero() {
		q.until = now
	}
	if q.at.IsZero() {
		q.at = q.until
	}
	return q, nil
}

// read reads what a query asks for.
func (a *processAnswer) read(ctx context.Context, r outputs.EventReader, q *processQuery) error {
	found, err := snapshots.Find(ctx, r, q.host, q.at)
	if err != nil {
		return err
	}
	after := q.at
	if found != nil {
		after = found.Time
		previous, err := snapshots.FindTime(ctx, r, q.host, found.Time.Add(-time.Millisecond))
		if err != nil {
			return err
		}
		found.Sort(q.by)
		shown := min(q.last, len(found.Rows))
		a.At, a.Previous = inSeconds(found.Time), inSeconds(previous)
		a.Rows, a.More = snapshots.Encode(found.Rows[:shown], 1), len(found.Rows)-shown
	}
	next, err := snapshots.FindNext(ctx, r, q.host, after)
	if a.Next = inSeconds(next); err != nil || q.since.IsZero() {
		return err
	}
	times, truncated, err := snapshots.Times(ctx, r, q.host, q.since, q.until)
	for _, t := range times {
		a.Snapshots = append(a.Snapshots, inSeconds(t))
	}
	a.Truncated = truncated
	return err
}

// inSeconds returns a time as an answer has it, and 0 for the zero time.
func inSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
