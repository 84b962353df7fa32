package redissearch

import (
	"context"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Age makes the writer forget its last removal of the oldest documents, so that the next write removes again.
func (w *Writer) Age() { w.lastTrim = time.Time{} }

// Limited makes the writer behave as if the oldest documents had just been removed.
func (w *Writer) Limited() { w.lastTrim = time.Now().Add(time.Hour) }

// StoreOnly connects without checking the index, for servers without the search module, and returns a function that writes documents.
func (w *Writer) StoreOnly(ctx context.Context) (func(context.Context, []telemetry.Event) error, error) {
	client, err := redisconn.Open(ctx, w.config.Config, w.secrets)
	if err != nil {
		return nil, err
	}
	w.client, w.shards = client, client.NewShards()
	return func(ctx context.Context, events []telemetry.Event) error {
		v, err := w.storeDocuments(ctx, events)
		if err != nil {
			return err
		}
		var r rejections
		v.countSettled(&r)
		return r.toError()
	}, nil
}

// Encode appends the commands that store an event.
func (w *Writer) Encode(buf []byte, e *telemetry.Event) []byte { return w.appendEvent(buf, e) }

// AtOnce is the number of documents that are removed at once.
const AtOnce = trimPageSize
