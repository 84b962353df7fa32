package redissearch

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// attempts bounds how often the index may change under our hands while we see to it.
const attempts = 5

var errChanging = errors.New("the index changes as often as it is looked at: do several agents want different ones?")

// ensure makes the index if it is not there and adds the attributes that it lacks.
func (w *Writer) ensure(ctx context.Context) error {
	w.ready = false
	for range attempts {
		in, exists, err := w.inspect(ctx)
		if err != nil {
			return err
		}
		if !exists {
			if err := w.create(ctx); err != nil {
				return err
			}
			continue // and look at it: another agent may have made it
		}
		missing, err := w.config.compare(in)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			w.ready, w.failures = true, in.failures
			return nil
		}
		if err := w.alter(ctx, missing); err != nil {
			return err
		}
	}
	return errChanging
}

// inspect asks what the index is like.
func (w *Writer) inspect(ctx context.Context) (in info, exists bool, err error) {
	reply, err := w.client.Do(ctx, "FT.INFO", w.config.Index).Result()
	if refused(err, func(reply string) bool { return isUnknownIndex(reply, w.config.Index) }) {
		return info{}, false, nil
	}
	if err != nil {
		return info{}, false, err
	}
	in, err = parseInfo(reply)
	return in, true, err
}

func (w *Writer) create(ctx context.Context) error {
	c := &w.config
	args := []any{"FT.CREATE", c.Index, "ON", c.Storage.keyType(), "PREFIX", 1, c.KeyPrefix, "SCHEMA"}
	err := w.client.Do(ctx, c.Storage.define(args, schema())...).Err()
	if refused(err, isTaken) {
		return nil
	}
	if err == nil {
		w.log.Info("search index is made", "index", c.Index, "prefix", c.KeyPrefix)
	}
	return err
}

func (w *Writer) alter(ctx context.Context, missing []attribute) error {
	c := &w.config
	args := []any{"FT.ALTER", c.Index, "SCHEMA", "ADD"}
	err := w.client.Do(ctx, c.Storage.define(args, missing)...).Err()
	if refused(err, isDuplicate) || refused(err, func(reply string) bool { return isUnknownIndex(reply, c.Index) }) {
		return nil
	}
	if err == nil {
		w.log.Info("search index gets attributes that it lacks", "index", c.Index, "attributes", len(missing))
	}
	return err
}

// refused says whether an error is a reply of a certain kind.
func refused(err error, kind func(reply string) bool) bool {
	var reply redis.Error
	return errors.As(err, &reply) && kind(reply.Error())
}
