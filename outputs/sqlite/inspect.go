package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/units"
	"github.com/rtcollector/rtcollector/outputs"
)

// Inspect implements [outputs.Inspector].
func (w *Writer) Inspect(ctx context.Context, _ []*telemetry.Series) (r outputs.Report) {
	if w.session == nil {
		return r
	}
	s := w.session
	pages, err := s.number(ctx, "PRAGMA page_count")
	if err != nil {
		r.Warnings = append(r.Warnings, explain(w.config.Path, err).Error())
		return r
	}
	var oldest int64
	err = s.QueryRowContext(ctx, "SELECT min((SELECT ifnull(min(time), ?1) FROM events), (SELECT ifnull(min(time), ?1) FROM documents))", int64(math.MaxInt64)).Scan(&oldest)
	note := "the file has " + units.Bytes(float64(pages*pageSize))
	if err == nil && oldest != math.MaxInt64 {
		note += fmt.Sprintf(", with events since %s", time.UnixMilli(oldest).Format(time.DateTime))
	}
	r.Notes = append(r.Notes, note)
	var mode string
	if err := s.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err == nil && mode != "wal" {
		r.Warnings = append(r.Warnings, "the file system does not support SQLite's write-ahead log: readers and this output have to wait for each other")
	}
	return r
}
