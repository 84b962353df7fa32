package redissearch

import (
	"context"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Age lets the time pass after which the oldest documents are looked for again.
func (w *Writer) Age() { w.trimmed = time.Time{} }

// Limited makes it look as if they had been looked for just now, however slow this machine is.
func (w *Writer) Limited() { w.trimmed = time.Now().Add(time.Hour) }

// StoreOnly connects without looking at the index, for servers that have no search module, and returns a function that
// writes documents.
func (w *Writer) StoreOnly(ctx context.Context) (func(context.Context, []telemetry.Event) error, error) {
	client, err := redisconn.Open(ctx, w.config.Config, w.secrets)
	if err != nil {
		return nil, err
	}
	w.client, w.shards = client, client.NewShards()
	return func(ctx context.Context, events []telemetry.Event) error {
		v, err := w.store(ctx, events)
		if err != nil {
			return err
		}
		var r rejections
		v.settled(&r)
		return r.err()
	}, nil
}

// Encode appends the commands that store an event.
func (w *Writer) Encode(buf []byte, e *telemetry.Event) []byte { return w.appendEvent(buf, e) }

// AtOnce is how many documents are looked for at once when there are too many.
const AtOnce = atOnce
