package redistimeseries

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// pipelined is how many commands travel together: enough to hide the round trip, few enough for a slow link to
// answer within the timeout.
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
	return w.each(ctx, claims, func(c *claim) []any {
		return w.definition("TS.CREATE", c.key, c.members[0])
	}, func(c *claim, _ any, refusal string) {
		c.exists = refusal == sayExists
		if !c.exists {
			c.owner, c.refusal = c.members[0], refusal
		}
	})
}

// inspect reads what the existing keys are and finds the member that each belongs to.
func (w *Writer) inspect(ctx context.Context, claims []*claim) error {
	return w.each(ctx, claims, func(c *claim) []any {
		return []any{"TS.INFO", c.key}
	}, func(c *claim, reply any, refusal string) {
		if refusal == sayNoKey { // gone since a moment ago: writing finds out and comes back
			refusal = ""
		}
		if refusal != "" {
			c.owner, c.refusal = c.members[0], refusal
			return
		}
		c.info = parseInfo(reply)
		c.owner = c.info.ownerOf(c.members)
	})
}

// alter brings series along whose retention, policy or labels are not what the configuration says now.
func (w *Writer) alter(ctx context.Context, claims []*claim) error {
	return w.each(ctx, claims, func(c *claim) []any {
		return w.definition("TS.ALTER", c.key, c.owner)
	}, func(c *claim, _ any, refusal string) {
		if refusal != sayNoKey {
			c.refusal = refusal
		}
	})
}

func (w *Writer) definition(command, key string, c *candidate) []any {
	args := make([]any, 0, 7+2*len(c.labels))
	args = append(args, command, key, "RETENTION", int64(w.config.Retention), "DUPLICATE_POLICY", "LAST", "LABELS")
	for _, l := range c.labels {
		args = append(args, l.Key, l.Value)
	}
	return args
}

// each sends one command per claim, pipelined. Replies that concern one key go to got, refusal being the error's text;
// everything else fails them all. While the server works on one part the next is made and sent, on a second connection,
// so that it never waits for us.
func (w *Writer) each(ctx context.Context, claims []*claim, command func(*claim) []any, got func(c *claim, reply any, refusal string)) error {
	var under *flight
	for part := range slices.Chunk(claims, pipelined) {
		next := w.launch(ctx, part, command)
		if err := under.land(got); err != nil {
			<-next.done
			return err
		}
		under = next
	}
	return under.land(got)
}

// flight is a part of the claims whose commands are under way.
type flight struct {
	claims []*claim
	cmds   []*redis.Cmd
	done   chan struct{}
}

func (w *Writer) launch(ctx context.Context, claims []*claim, command func(*claim) []any) *flight {
	f := &flight{claims: claims, cmds: make([]*redis.Cmd, len(claims)), done: make(chan struct{})}
	p := w.client.Pipeline()
	for i, c := range claims {
		f.cmds[i] = p.Do(ctx, command(c)...)
	}
	go func() {
		defer close(f.done)
		_, _ = p.Exec(ctx) // its error is that of the first command that failed; all are looked at when they land
	}()
	return f
}

// land waits for the replies and hands them over.
func (f *flight) land(got func(c *claim, reply any, refusal string)) error {
	if f == nil {
		return nil
	}
	<-f.done
	for i, c := range f.claims {
		reply, err := f.cmds[i].Result()
		var refusal redis.Error
		switch {
		case err == nil:
			got(c, reply, "")
		case errors.As(err, &refusal) && isTimeSeriesReply(refusal.Error()):
			got(c, nil, refusal.Error())
		default:
			return err
		}
	}
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
