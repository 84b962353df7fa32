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
	// limitEvery is how often the oldest documents are removed at most: finding them costs the server a walk over the
	// whole index.
	limitEvery = 5 * time.Second

	// atOnce is how many documents are asked for at once.
	atOnce = 10_000
)

// limit removes the oldest documents when there are more than there may be. What was written is written: a failure
// here is said, once, and tried again after a later write.
func (w *Writer) limit(ctx context.Context, documents int64) {
	if w.config.MaxDocuments == 0 || documents <= int64(w.config.MaxDocuments) || time.Since(w.trimmed) < limitEvery {
		return
	}
	err := w.trim(ctx)
	w.trimmed = time.Now()
	reason := ""
	if err != nil {
		reason = w.client.Explain(ctx, err).Error()
		w.shards.Close()
	}
	if reason != "" && reason != w.trimError {
		w.log.Warn("cannot remove the oldest documents, there are more than max_documents", "error", reason)
	}
	w.trimError = reason
}

// trim asks for the oldest documents and removes as many as are too many. How many that are is in the same reply, so
// that agents which do this side by side remove the same ones, not more.
func (w *Writer) trim(ctx context.Context) error {
	for {
		reply, err := w.client.Do(ctx, "FT.SEARCH", w.config.Index, "*", "NOCONTENT",
			"SORTBY", eventdoc.Timestamp, "ASC", "LIMIT", 0, atOnce).Slice()
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
		removed, err := w.remove(ctx, oldest[:surplus])
		if err != nil || removed < surplus { // another agent was faster, or they are not ours
			return err
		}
	}
}

// remove deletes documents, pipelined, and returns how many there were. What does not begin with our prefix is not
// ours to delete, even if the index covers it.
func (w *Writer) remove(ctx context.Context, found []any) (int64, error) {
	var keys []string
	for _, k := range found {
		if key := asText(k); strings.HasPrefix(key, w.config.KeyPrefix) {
			keys = append(keys, key)
		}
	}
	var removed atomic.Int64
	v := newVerdicts(w.clustered(), 1, len(keys))
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
				return v.refuse(i, string(text))
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
	return removed.Load(), v.err()
}
