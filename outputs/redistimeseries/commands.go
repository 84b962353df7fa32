package redistimeseries

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// pipelined is how many commands of go-redis travel together: enough to hide the round trip, few enough for a slow
// link to answer within the timeout.
const pipelined = 500

// What RedisTimeSeries 8.0 says about a single key.
const (
	sayExists   = "ERR TSDB: key already exists"
	sayNoSeries = "ERR TSDB: the key is not a TSDB key"
	sayNoKey    = "ERR TSDB: the key does not exist"
)

// isTimeSeriesReply says whether an error concerns one key only, and so also that the module is there. The module puts
// ERR before most of its errors, even before WRONGTYPE, but not before all.
func isTimeSeriesReply(text string) bool {
	text = strings.TrimPrefix(text, "ERR ")
	return strings.HasPrefix(text, "TSDB:") || strings.HasPrefix(text, "WRONGTYPE ")
}

// create asks for every key. The first member makes it; whether it may keep it is decided when it exists already.
func (w *Writer) create(ctx context.Context, claims []*claim) error {
	first := func(c *claim) *candidate { return c.members[0] }
	return w.define(ctx, "TS.CREATE", claims, first, func(c *claim, refusal string) {
		c.exists = refusal == sayExists
		if !c.exists {
			c.owner, c.refusal = c.members[0], refusal
		}
	})
}

// alter brings series along whose retention, policy or labels are not what the configuration says now.
func (w *Writer) alter(ctx context.Context, claims []*claim) error {
	owner := func(c *claim) *candidate { return c.owner }
	return w.define(ctx, "TS.ALTER", claims, owner, func(c *claim, refusal string) {
		if refusal != sayNoKey {
			c.refusal = refusal
		}
	})
}

// define sends a definition per claim through the pipe. A refusal that concerns one key goes to got, "" when there is
// none; any other error fails them all.
func (w *Writer) define(ctx context.Context, command string, claims []*claim, of func(*claim) *candidate, got func(*claim, string)) error {
	if len(claims) == 0 {
		return nil
	}
	unsent, unanswered := claims, claims
	next := func(buf []byte) ([]byte, int) {
		n := 0
		for ; len(unsent) > 0 && !redisconn.Full(buf); n++ {
			buf = w.appendDefinition(buf, command, unsent[0].key, of(unsent[0]).labels)
			unsent = unsent[1:]
		}
		return buf, n
	}
	return w.pipe.Exchange(ctx, next, func(from *redisconn.Reader) error {
		text, err := from.Item()
		if err != nil {
			return err
		}
		c, refusal := unanswered[0], string(text)
		unanswered = unanswered[1:]
		if refusal != "" && !isTimeSeriesReply(refusal) {
			return redisconn.ServerError(refusal)
		}
		got(c, refusal)
		return nil
	})
}

// appendDefinition appends "TS.CREATE key RETENTION r DUPLICATE_POLICY LAST LABELS …", or TS.ALTER with the same.
func (w *Writer) appendDefinition(buf []byte, command, key string, labels []telemetry.Label) []byte {
	buf = append(buf, '*')
	buf = strconv.AppendInt(buf, int64(7+2*len(labels)), 10)
	buf = append(buf, '\r', '\n')
	for _, arg := range [...]string{command, key, "RETENTION", strconv.FormatInt(int64(w.config.Retention), 10), "DUPLICATE_POLICY", "LAST", "LABELS"} {
		buf = appendArg(buf, arg)
	}
	for _, l := range labels {
		buf = appendArg(appendArg(buf, l.Key), l.Value)
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
		for i, c := range part {
			if err := c.inspected(cmds[i].Result()); err != nil {
				return err
			}
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
	case refusal.Error() != sayNoKey: // gone since a moment ago is well: writing finds out and comes back
		c.owner, c.refusal = c.members[0], refusal.Error()
		return nil
	}
	c.info = parseInfo(reply)
	c.owner = c.info.ownerOf(c.members)
	return nil
}

// info is what TS.INFO says, as far as it matters here.
type info struct {
	retention int64
	policy    string
	labels    map[string]string
}

// parseInfo reads the reply in RESP2: names and values in turn, labels as a list of pairs.
func parseInfo(reply any) info {
	in := info{labels: map[string]string{}}
	fields, _ := reply.([]any)
	for i := 0; i+1 < len(fields); i += 2 {
		switch fields[i] {
		case "retentionTime":
			in.retention, _ = fields[i+1].(int64)
		case "duplicatePolicy":
			in.policy, _ = fields[i+1].(string)
		case "labels":
			pairs, _ := fields[i+1].([]any)
			in.addLabels(pairs)
		}
	}
	return in
}

func (in *info) addLabels(pairs []any) {
	for _, p := range pairs {
		if kv, _ := p.([]any); len(kv) == 2 {
			k, _ := kv[0].(string)
			in.labels[k], _ = kv[1].(string)
		}
	}
}

// ownerOf finds the member that the key belongs to: the first that its labels do not contradict. A label that is
// missing contradicts nothing: the predecessor left series without any.
func (in *info) ownerOf(members []*candidate) *candidate {
	for _, m := range members {
		if m.identify(); !in.contradicts(m.identity) {
			return m
		}
	}
	return nil
}

func (in *info) contradicts(identity []telemetry.Label) bool {
	for _, l := range identity {
		if v, ok := in.labels[l.Key]; ok && v != l.Value {
			return true
		}
	}
	return false
}

func (in *info) matches(retention int64, labels []telemetry.Label) bool {
	if in.retention != retention || !strings.EqualFold(in.policy, "last") || len(in.labels) != len(labels) {
		return false
	}
	return !in.contradicts(labels)
}
