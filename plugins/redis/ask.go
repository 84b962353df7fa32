package redisinput

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// answer is what one server said.
type answer struct {
	server    string
	info      []byte // nil: it did not say
	cluster   []byte // CLUSTER INFO
	slowlog   int64  // -1: it did not say
	histogram []any
	errs      []error

	isOld                  bool // it knows no INFO everything: before Redis 6
	noSlowlog, noHistogram bool // it does not know these commands
}

func (a *answer) err() error { return errors.Join(a.errs...) }

// askOne asks one server, in one round trip; a node of a cluster in two.
func askOne(ctx context.Context, node *redis.Client, w wish) answer {
	a := answer{slowlog: -1}
	pipe := node.Pipeline()
	info := pipe.Info(ctx, w.section)
	var slowlog, histogram *redis.Cmd
	if w.slowlog {
		slowlog = pipe.Do(ctx, "SLOWLOG", "LEN")
	}
	if w.histogram {
		histogram = pipe.Do(ctx, "LATENCY", "HISTOGRAM")
	}
	commands, failed := pipe.Exec(ctx)
	text, err := info.Bytes()
	if failed != nil && !slices.ContainsFunc(commands, func(c redis.Cmder) bool { return c.Err() != nil }) {
		err = failed // what the server said while the connection was made (WRONGPASS), go-redis tells of no command
	}
	if err == nil && len(text) == 0 && w.section != "all" {
		a.isOld = true
		text, err = node.Info(ctx, "all").Bytes()
	}
	if err != nil {
		a.errs = append(a.errs, err)
		return a // the others will have failed for the same reason
	}
	a.info = text
	a.takeSlowlog(slowlog)
	a.takeHistogram(histogram)
	if bytes.Contains(text, []byte("cluster_enabled:1")) {
		a.cluster, err = node.ClusterInfo(ctx).Bytes()
		a.note(err)
	}
	return a
}

func (a *answer) takeSlowlog(c *redis.Cmd) {
	if c == nil {
		return
	}
	n, err := c.Int64()
	if err == nil {
		a.slowlog = n
	}
	a.noSlowlog = a.note(err)
}

func (a *answer) takeHistogram(c *redis.Cmd) {
	if c == nil {
		return
	}
	reply, err := c.Slice()
	if err == nil {
		a.histogram = reply
	}
	a.noHistogram = a.note(err)
}

// note remembers an error, but for that of a server which does not know the command.
func (a *answer) note(err error) (unknown bool) {
	var reply redis.Error
	if err == nil || errors.Is(err, redis.Nil) {
		return false
	}
	unknown = errors.As(err, &reply) && strings.HasPrefix(strings.ToLower(reply.Error()), "err unknown")
	if !unknown {
		a.errs = append(a.errs, err)
	}
	return unknown
}
