package redissearch

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

const (
	// limitInterval is the minimum time between two removals of the oldest documents. To find them, the server must go through the
	// whole index.
	limitInterval = 5 * time.Second

	// trimPageSize is the number of documents that are searched for and removed at once.
	trimPageSize = 10_000
)

// enforceLimit removes the oldest documents if there are more than max_documents. A failure does not affect the write: it is logged once,
// and a later write tries again.
func (w *Writer) enforceLimit(ctx context.Context, documents int64) {
	if w.config.MaxDocuments == 0 || documents <= int64(w.config.MaxDocuments) || time.Since(w.lastTrim) < limitInterval {
		return
	}
	err := w.removeOldest(ctx)
	w.lastTrim = time.Now()
	reason := ""
	if err != nil {
		reason = w.client.Explain(ctx, err).Error()
		w.shards.Reset()
	}
	if reason != "" && reason != w.lastTrimError {
		w.log.Warn("cannot remove the oldest documents; there are more than max_documents", "error", reason)
	}
	w.lastTrimError = reason
}

// removeOldest searches for the oldest documents and deletes those above the limit. Their number comes from the same reply, so agents
// that do this at the same time delete the same documents and not more.
func (w *Writer) removeOldest(ctx context.Context) error {
	for {
		reply, err := w.client.Do(ctx, "FT.SEARCH", w.config.Index, "*", "NOCONTENT",
			"SORTBY", eventdoc.Timestamp, "ASC", "LIMIT", 0, trimPageSize).Slice()
		if err != nil {
			return err
		}
		if len(reply) == 0 {
			return fmt.Errorf("the reply to FT.SEARCH %s is empty", w.config.Index)
		}
		total, oldest := asNumber(reply[0]), reply[1:]
		surplus := min(total-int64(w.config.MaxDocuments), int64(len(oldest)))
		if surplus <= 0 {
			return nil
		}
		removed, err := w.deleteDocuments(ctx, oldest[:surplus])
		if err != nil || removed < surplus { // another agent was faster, or the documents are not ours
			return err
		}
	}
}

// deleteDocuments deletes documents in a pipeline and returns how many existed. It skips keys without our prefix, which an index may
// cover as well.
func (w *Writer) deleteDocuments(ctx context.Context, found []any) (int64, error) {
	var keys []string
	for _, k := range found {
		if key := asText(k); strings.HasPrefix(key, w.config.KeyPrefix) {
			keys = append(keys, key)
		}
	}
	var removed atomic.Int64
	v := newWriteResults(w.isClustered(), 1, len(keys))
	err := w.shards.Do(ctx, redisconn.Commands{
		Len:  len(keys),
		Slot: func(i int) int { return w.shards.Slot(keys[i]) },
		Append: func(buf []byte, i int) []byte {
			return redisconn.AppendArg(redisconn.AppendArg(redisconn.AppendCommand(buf, 2), "UNLINK"), keys[i])
		},
		Reply: func(i int, from *redisconn.Reader) error {
			kind, text, err := from.Line()
			switch {
			case err != nil:
				return err
			case kind == '-':
				return v.recordRefusal(i, string(text))
			case string(text) == "1":
				removed.Add(1)
			}
			v.documents[i] = stored
			return nil
		},
	})
	if err != nil {
		return 0, err
	}
	return removed.Load(), v.retryError()
}
