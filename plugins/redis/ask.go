package redisinput

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// answer holds the replies of one server to one gather.
type answer struct {
	server    string
	info      []byte // reply to INFO; nil if there is none
	cluster   []byte // reply to CLUSTER INFO
	slowlog   int64  // reply to SLOWLOG LEN; -1 if there is none
	histogram []any
	errs      []error

	isOld                  bool // does not know INFO everything: older than Redis 6
	noSlowlog, noHistogram bool // does not know the command
}

func (a *answer) joinErrors() error { return errors.Join(a.errs...) }

// askServer sends the commands to one server, in one round trip. A node of a cluster takes a second one.
func askServer(ctx context.Context, node *redis.Client, w query) answer {
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
		err = failed // go-redis does not attribute errors of the handshake, such as WRONGPASS, to a command
	}
	if err == nil && len(text) == 0 && w.section != "all" {
		a.isOld = true
		text, err = node.Info(ctx, "all").Bytes()
	}
	if err != nil {
		a.errs = append(a.errs, err)
		return a // the other commands failed for the same reason
	}
	a.info = text
	a.readSlowlog(slowlog)
	a.readHistogram(histogram)
	if bytes.Contains(text, []byte("cluster_enabled:1")) {
		a.cluster, err = node.ClusterInfo(ctx).Bytes()
		a.recordError(err)
	}
	return a
}

func (a *answer) readSlowlog(c *redis.Cmd) {
	if c == nil {
		return
	}
	n, err := c.Int64()
	if err == nil {
		a.slowlog = n
	}
	a.noSlowlog = a.recordError(err)
}

func (a *answer) readHistogram(c *redis.Cmd) {
	if c == nil {
		return
	}
	reply, err := c.Slice()
	if err == nil {
		a.histogram = reply
	}
	a.noHistogram = a.recordError(err)
}

// recordError appends err to the errors of the answer, unless it means that the server does not know the command. It
// reports whether it means that.
func (a *answer) recordError(err error) (unknown bool) {
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
