package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/logquery"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/promapi"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	defaultLast = 200
	maxLast     = 1000

	maxFilters  = 100 // values of one parameter
	maxTextSize = 1000

	logsTimeout = 30 * time.Second // for a search
)

// serveLogs answers with the log lines that the filters find, the oldest first.
func (s *Server) serveLogs(w http.ResponseWriter, r *http.Request) {
	q, err := parseFilters(r.URL.Query(), defaultLast)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), logsTimeout)
	defer cancel()
	last := q.Last
	q.Last++ // one more shows that there are more
	var events []outputs.FoundEvent
	err = s.readers.use(ctx, func(reader outputs.EventReader) error {
		return reader.ReadEvents(ctx, q, func(e outputs.FoundEvent) error {
			events = append(events, e)
			return nil
		})
	})
	if err != nil {
		writeLogsError(ctx, w, err)
		return
	}
	truncated := len(events) > last
	buf := []byte(`{"events":[`)
	for i, e := range events[max(0, len(events)-last):] {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendEvent(buf, e)
	}
	buf = strconv.AppendBool(append(buf, `],"truncated":`...), truncated)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(buf, '}'))
}

func writeLogsError(ctx context.Context, w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		status = http.StatusGatewayTimeout
		err = fmt.Errorf("the search took longer than %v: choose a shorter time or more filters: %w", logsTimeout, err)
	}
	writeError(w, status, err.Error())
}

// parseFilters returns the query that the parameters describe. last is the default of the parameter last.
func parseFilters(v url.Values, last int) (q outputs.EventQuery, err error) {
	q = outputs.EventQuery{Last: last}
	for _, p := range []struct {
		name string
		into *[]string
	}{{"host", &q.Hosts}, {"app", &q.Apps}, {"source", &q.Sources}, {"words", &q.Words}} {
		if *p.into = v[p.name]; len(*p.into) > maxFilters {
			return q, fmt.Errorf("%s: more than %d values", p.name, maxFilters)
		}
	}
	q.NotSources = logquery.Hidden(q.Sources)
	if q.Text = v.Get("text"); len(q.Text) > maxTextSize {
		return q, fmt.Errorf("text: longer than %d bytes", maxTextSize)
	}
	if q.Since, err = parseTime(v.Get("since")); err != nil {
		return q, fmt.Errorf("since: %w", err)
	}
	if q.Until, err = parseTime(v.Get("until")); err != nil {
		return q, fmt.Errorf("until: %w", err)
	}
	if !q.Until.IsZero() && q.Since.After(q.Until) {
		return q, errors.New("since: is later than until")
	}
	if q.From, q.To, err = logquery.ParseSeverities(v.Get("severity")); err != nil {
		return q, fmt.Errorf("severity: %w", err)
	}
	if text := v.Get("last"); text != "" {
		if q.Last, err = strconv.Atoi(text); err != nil || q.Last < 1 || q.Last > maxLast {
			return q, fmt.Errorf("last: must be from 1 to %d", maxLast)
		}
	}
	return q, nil
}

// parseTime parses a time; "" is the zero time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return promapi.ParseTime(text)
}

// appendEvent appends an event as JSON.
func appendEvent(buf []byte, e outputs.FoundEvent) []byte {
	text := func(key, value string) {
		buf = append(buf, key...)
		buf, _ = eventdoc.AppendString(buf, value)
	}
	d := e.Document
	text(`{"id":`, e.ID)
	buf = append(buf, `,"time":`...)
	buf = appendSeconds(buf, d.Int(eventdoc.Timestamp))
	text(`,"severity":`, telemetry.Severity(d.Int(eventdoc.Severity)).String())
	text(`,"host":`, d.Text(eventdoc.Host))
	text(`,"app":`, d.Text(eventdoc.App))
	text(`,"source":`, d.Text(eventdoc.Source))
	text(`,"message":`, d.Text(eventdoc.Message))
	rest := make(eventdoc.Document, 0, len(d))
	for _, field := range d {
		switch field.Key {
		case eventdoc.Timestamp, eventdoc.Severity, eventdoc.Level, eventdoc.Host, eventdoc.App, eventdoc.Source, eventdoc.Message:
		default:
			rest = append(rest, field)
		}
	}
	buf = append(buf, `,"fields":`...)
	if len(rest) == 0 {
		return append(buf, "{}}"...)
	}
	return append(rest.AppendJSON(buf), '}')
}

// appendSeconds appends milliseconds as seconds.
func appendSeconds(buf []byte, ms int64) []byte {
	return strconv.AppendFloat(buf, float64(ms)/1000, 'f', -1, 64)
}
