package redissearch

import (
	"context"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// Inspect implements [outputs.Inspector]. Its probes have no effect: they address a key that does not exist, or are incomplete.
func (w *Writer) Inspect(ctx context.Context, _ []*telemetry.Series) outputs.Report {
	c := &w.config
	absentKey := c.KeyPrefix + "rtcollector-check"
	needs := redisconn.Needs{Modules: []string{"search"}, Probes: [][]any{
		{"FT.INFO", c.Index}, {"FT.CREATE", c.Index}, {"FT.ALTER", c.Index},
	}}
	if c.Storage == JSON {
		needs.Modules = append(needs.Modules, "ReJSON")
		needs.Probes = append(needs.Probes, []any{"JSON.SET", absentKey, "$", "{}", "XX"})
	} else {
		needs.Probes = append(needs.Probes, []any{"HSET", absentKey, "a", "b", "odd"}) // refused before anything is stored
	}
	if c.TTL != 0 {
		needs.Probes = append(needs.Probes, []any{"PEXPIREAT", absentKey, 1})
	}
	if c.MaxDocuments != 0 {
		needs.Probes = append(needs.Probes, []any{"UNLINK", absentKey}, []any{"FT.SEARCH", c.Index, "*", "LIMIT", 0, 0})
	}
	r, _ := w.client.Inspect(ctx, needs)
	if in, exists, err := w.readInfo(ctx); err == nil && exists {
		r.Notes = append(r.Notes, fmt.Sprintf("index %s holds %d documents", c.Index, in.documents))
		if in.failures > 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("index %s has refused %d documents since it was created; the last one (%s): %s",
				c.Index, in.failures, in.lastKey, in.lastError))
		}
	}
	return r
}
