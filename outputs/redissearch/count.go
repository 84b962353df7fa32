package redissearch

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/outputs"
)

// CountEvents implements [outputs.EventCounter]. It sends one FT.AGGREGATE for each part, all at once.
func (r *Reader) CountEvents(ctx context.Context, q outputs.EventQuery, step time.Duration, parts int) (counts []outputs.SeverityCounts, ok bool, err error) {
	s := r.newSearch(q)
	if !s.isExact() {
		return nil, false, nil
	}
	if err := r.connect(ctx); err != nil {
		return nil, true, err
	}
	stop := r.client.CutOn(ctx)
	defer stop()
	pipe := r.client.Pipeline()
	start := s.from
	replies := make([]*redis.Cmd, parts)
	for i := range replies {
		s.from = start + int64(i)*step.Milliseconds()
		s.to = s.from + step.Milliseconds() - 1
		query, params := s.buildQuery()
		args := []any{"FT.AGGREGATE", r.config.Index, query, "GROUPBY", 1, "@" + eventdoc.Severity, "REDUCE", "COUNT", 0, "AS", "n", "LIMIT", 0, 100}
		replies[i] = pipe.Do(ctx, s.appendOptions(args, params)...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, true, s.explainError(ctx, err)
	}
	counts = make([]outputs.SeverityCounts, parts)
	for i, reply := range replies {
		rows, err := reply.Slice()
		if err != nil {
			return nil, true, s.explainError(ctx, err)
		}
		if err := addRows(&counts[i], rows); err != nil {
			return nil, true, fmt.Errorf("unexpected reply to FT.AGGREGATE %s: %w", r.config.Index, err)
		}
	}
	return counts, true, nil
}

// addRows adds the rows of a reply, which follow their number: ["severity", "3", "n", "17"]. Documents of other programs may have other
// severities; they are left out.
func addRows(counts *outputs.SeverityCounts, rows []any) error {
	for i, row := range rows {
		if i == 0 {
			continue
		}
		if _, isList := row.([]any); !isList {
			return fmt.Errorf("row %d is a %T", i, row)
		}
		values := pairsToMap(row)
		if severity := asNumber(values[eventdoc.Severity]); values[eventdoc.Severity] != nil && severity >= 0 && severity < int64(len(counts)) {
			counts[severity] += int(asNumber(values["n"]))
		}
	}
	return nil
}
