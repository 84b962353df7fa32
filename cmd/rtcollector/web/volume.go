package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	defaultBuckets = 60
	maxBuckets     = 200
	maxCounted     = 20_000 // events that are read to be counted, if Redis cannot count them
)

// volume is the number of log lines over time.
type volume struct {
	Start     float64          `json:"start"` // seconds since 1970
	Step      float64          `json:"step"`  // seconds
	Counts    map[string][]int `json:"counts"`
	Truncated bool             `json:"truncated"` // the oldest lines were not counted, because there are too many
}

// serveVolume counts the log lines that the filters find, by severity and time. By default it counts those of the last hour.
func (s *Server) serveVolume(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	q, err := parseFilters(v, maxLast)
	buckets := defaultBuckets
	if text := v.Get("buckets"); err == nil && text != "" {
		if buckets, err = strconv.Atoi(text); err != nil || buckets < 1 || buckets > maxBuckets {
			err = fmt.Errorf("buckets: must be from 1 to %d", maxBuckets)
		}
	}
	if q.Until.IsZero() {
		q.Until = time.Now()
	}
	if q.Since.IsZero() {
		q.Since = q.Until.Add(-time.Hour)
	}
	if err == nil && !q.Since.Before(q.Until) {
		err = fmt.Errorf("since: must be before until")
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), logsTimeout)
	defer cancel()
	step := max(time.Millisecond, (q.Until.Sub(q.Since) / time.Duration(buckets)).Round(time.Millisecond))
	var counts []outputs.SeverityCounts
	truncated := false
	err = s.readers.use(ctx, func(reader outputs.EventReader) (err error) {
		var ok bool
		if counts, ok, err = count(ctx, reader, q, step, buckets); !ok && err == nil {
			counts, truncated, err = countByReading(ctx, reader, q, step, buckets)
		}
		return err
	})
	if err != nil {
		writeLogsError(ctx, w, err)
		return
	}
	writeJSON(w, http.StatusOK, volume{
		Start: float64(q.Since.UnixMilli()) / 1000, Step: step.Seconds(), Counts: bySeverity(counts), Truncated: truncated,
	})
}

// countByReading reads the newest events and counts them. truncated means that there are more.
func countByReading(ctx context.Context, r outputs.EventReader, q outputs.EventQuery, step time.Duration, parts int) (counts []outputs.SeverityCounts, truncated bool, err error) {
	counts = make([]outputs.SeverityCounts, parts)
	q.Last = maxCounted
	read := 0
	start := q.Since.UnixMilli()
	err = r.ReadEvents(ctx, q, func(e outputs.FoundEvent) error {
		read++
		part := int((e.Document.Int(eventdoc.Timestamp) - start) / step.Milliseconds())
		severity := e.Document.Int(eventdoc.Severity)
		if severity >= 0 && severity <= int64(telemetry.Debug) {
			counts[min(max(part, 0), parts-1)][severity]++
		}
		return nil
	})
	return counts, read == maxCounted, err
}

// bySeverity returns a list for each severity that appears.
func bySeverity(counts []outputs.SeverityCounts) map[string][]int {
	lists := map[string][]int{}
	for i := range counts {
		for severity, n := range counts[i] {
			if n == 0 {
				continue
			}
			name := telemetry.Severity(severity).String()
			if lists[name] == nil {
				lists[name] = make([]int, len(counts))
			}
			lists[name][i] = n
		}
	}
	return lists
}
