package redistimeseries

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// pipelined is how many commands of go-redis travel together: enough to hide the round trip, few enough for a slow
// link to answer within the timeout.
const pipelined = 500

// create asks for every key. The first member makes it; whether it may keep it is decided when it exists already.
func (w *Writer) create(ctx context.Context, claims []*claim) error {
	first := func(c *claim) *candidate { return c.members[0] }
	return w.define(ctx, "TS.CREATE", claims, first, func(c *claim, refusal string) {
		if c.exists = isExisting(refusal); !c.exists {
			c.owner, c.refusal, c.settled = c.members[0], refusal, true
		}
	})
}

// alter updates series whose retention, policy or labels are not what the configuration says now.
func (w *Writer) alter(ctx context.Context, claims []*claim) error {
	owner := func(c *claim) *candidate { return c.owner }
	return w.define(ctx, "TS.ALTER", claims, owner, func(c *claim, refusal string) {
		c.settled = true
		if !isNoKey(refusal) {
			c.refusal = refusal
		}
	})
}

// define sends a definition per claim and hands each answer to got: "", or a refusal.
func (w *Writer) define(ctx context.Context, command string, claims []*claim, of func(*claim) *candidate, got func(*claim, string)) error {
	return w.each(ctx, claims, func(buf []byte, c *claim) []byte {
		return appendDefinition(buf, command, c, of(c))
	}, got)
}

// each sends one command per claim and hands each answer to got: "", or a refusal, unless that is a redirection to
// follow.
func (w *Writer) each(ctx context.Context, claims []*claim, command func([]byte, *claim) []byte, got func(*claim, string)) error {
	if len(claims) == 0 {
		return nil
	}
	return w.shards.Do(ctx, redisconn.Commands{
		Len:    len(claims),
		Slot:   func(i int) int { return redisconn.Slot(claims[i].key) },
		Append: func(buf []byte, i int) []byte { return command(buf, claims[i]) },
		Reply: func(i int, from *redisconn.Reader) error {
			text, err := from.Item()
			if err != nil {
				return err
			}
			if w.client.Clustered && isRedirection(string(text)) {
				return redisconn.ServerError(text)
			}
			got(claims[i], string(text))
			return nil
		},
	})
}

// appendDefinition appends "TS.CREATE key RETENTION r … LABELS …", or TS.ALTER with the same. TS.ALTER without labels
// takes those away that are there.
func appendDefinition(buf []byte, command string, c *claim, of *candidate) []byte {
	var room [18]string
	args := append(room[:0], command, c.key)
	if command == "TS.ALTER" {
		args = append(of.shape.alter(args, of.labels, c.info), "LABELS")
	} else if args = of.shape.create(args, of.labels); len(of.labels) > 0 {
		args = append(args, "LABELS")
	}
	buf = redisconn.AppendCommand(buf, len(args)+2*len(of.labels))
	for _, arg := range args {
		buf = redisconn.AppendArg(buf, arg)
	}
	for _, l := range of.labels {
		buf = redisconn.AppendArg(redisconn.AppendArg(buf, l.Key), l.Value)
	}
	return buf
}

// inspect reads what the existing keys are and finds the member that each belongs to. It is rare, and its replies are
// nested: go-redis does it.
func (w *Writer) inspect(ctx context.Context, claims []*claim) error {
	for part := range slices.Chunk(claims, pipelined) {
		p := w.client.Pipeline()
		cmds := make([]*redis.Cmd, len(part))
		for i, c := range part {
			cmds[i] = p.Do(ctx, "TS.INFO", c.key)
		}
		_, _ = p.Exec(ctx) // its error is that of the first command that failed; all are looked at
		var failed error
		for i, c := range part {
			if err := c.inspected(cmds[i].Result()); err != nil && failed == nil {
				failed = err
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// inspected takes the reply to TS.INFO, or an error, which is returned unless it concerns this key only.
func (c *claim) inspected(reply any, err error) error {
	var refusal redis.Error
	switch {
	case err == nil:
	case !errors.As(err, &refusal) || !isTimeSeriesReply(refusal.Error()):
		return err
	case !isNoKey(refusal.Error()): // a key that was deleted meanwhile is no error here: the write will recreate it
		c.owner, c.refusal, c.settled = c.members[0], refusal.Error(), true
		return nil
	}
	c.info = parseInfo(reply)
	c.owner = c.info.ownerOf(c.members)
	c.settled = c.owner == nil || c.info.matches(c.owner.shape, c.owner.labels)
	return nil
}
