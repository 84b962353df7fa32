package redissearch

import (
	"context"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// Inspect implements [outputs.Inspector]. The probes touch a key and an attribute that do not exist, or lack what would
// make them do something.
func (w *Writer) Inspect(ctx context.Context, _ []*telemetry.Series) outputs.Report {
	c := &w.config
	nowhere := c.KeyPrefix + "rtcollector-check"
	needs := redisconn.Needs{Modules: []string{"search"}, Probes: [][]any{
		{"FT.INFO", c.Index}, {"FT.CREATE", c.Index}, {"FT.ALTER", c.Index},
	}}
	if c.Storage == JSON {
		needs.Modules = append(needs.Modules, "ReJSON")
		needs.Probes = append(needs.Probes, []any{"JSON.SET", nowhere, "$", "{}", "XX"})
	} else {
		needs.Probes = append(needs.Probes, []any{"HSET", nowhere, "a", "b", "odd"}) // refused before anything is stored
	}
	if c.TTL != 0 {
		needs.Probes = append(needs.Probes, []any{"PEXPIREAT", nowhere, 1})
	}
	if c.MaxDocuments != 0 {
		needs.Probes = append(needs.Probes, []any{"UNLINK", nowhere}, []any{"FT.SEARCH", c.Index, "*", "LIMIT", 0, 0})
	}
	r, _ := w.client.Inspect(ctx, needs)
	if in, exists, err := w.inspect(ctx); err == nil && exists {
		r.Notes = append(r.Notes, fmt.Sprintf("index %s holds %d documents", c.Index, in.documents))
		if in.failures > 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("index %s has refused %d documents since it was made, the last one (%s): %s",
				c.Index, in.failures, in.lastKey, in.lastError))
		}
	}
	return r
}
