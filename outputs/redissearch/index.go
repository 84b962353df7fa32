package redissearch

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// maxAttempts is how many times ensureIndex tries again because another client changes the index at the same time.
const maxAttempts = 5

var errChanging = errors.New("other clients keep changing the index: check whether several agents use the same index with different settings")

// ensureIndex creates the index if it does not exist and adds the attributes that it lacks. Its error says why an index cannot be used.
func (w *Writer) ensureIndex(ctx context.Context) error {
	w.indexReady = false
	for range maxAttempts {
		in, exists, err := w.readInfo(ctx)
		if err != nil {
			return err
		}
		if !exists {
			if err := w.createIndex(ctx); err != nil {
				return err
			}
			continue // check it, because another agent may have created it
		}
		missing, err := w.config.compareIndex(in)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			w.indexReady, w.knownFailures = true, in.failures
			return nil
		}
		if err := w.addAttributes(ctx, missing); err != nil {
			return err
		}
	}
	return errChanging
}

// readInfo reads the definition and the statistics of the index.
func (w *Writer) readInfo(ctx context.Context) (in indexInfo, exists bool, err error) {
	reply, err := w.client.Do(ctx, "FT.INFO", w.config.Index).Result()
	if isRefusal(err, func(reply string) bool { return isUnknownIndex(reply, w.config.Index) }) {
		return indexInfo{}, false, nil
	}
	if err != nil {
		return indexInfo{}, false, err
	}
	in, err = parseInfo(reply)
	return in, true, err
}

func (w *Writer) createIndex(ctx context.Context) error {
	c := &w.config
	args := []any{"FT.CREATE", c.Index, "ON", c.Storage.indexKeyType(), "PREFIX", 1, c.KeyPrefix, "SCHEMA"}
	err := w.client.Do(ctx, c.Storage.appendSchema(args, schema())...).Err()
	if isRefusal(err, isExistingIndex) {
		return nil
	}
	if err == nil {
		w.log.Info("search index created", "index", c.Index, "prefix", c.KeyPrefix)
	}
	return err
}

func (w *Writer) addAttributes(ctx context.Context, missing []attribute) error {
	c := &w.config
	args := []any{"FT.ALTER", c.Index, "SCHEMA", "ADD"}
	err := w.client.Do(ctx, c.Storage.appendSchema(args, missing)...).Err()
	if isRefusal(err, isExistingAttribute) || isRefusal(err, func(reply string) bool { return isUnknownIndex(reply, c.Index) }) {
		return nil
	}
	if err == nil {
		w.log.Info("missing attributes added to the search index", "index", c.Index, "attributes", len(missing))
	}
	return err
}

// isRefusal reports whether an error is an error reply of the server and kind accepts its text.
func isRefusal(err error, kind func(reply string) bool) bool {
	var reply redis.Error
	return errors.As(err, &reply) && kind(reply.Error())
}
