package redistimeseries

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// compaction is a compacted series that must be found or made in Redis, and the rule that feeds it.
type compaction struct {
	claim
	tier   tier
	source string
	raw    *entry
}

// ensureTiers sees to it that the series which were just placed are compacted as configured: the compacted series stand,
// and each has its rule. What is wrong with one of them does not keep the raw samples from being written.
func (w *Writer) ensureTiers(ctx context.Context, claims []*claim) error {
	var all []*compaction
	for m := range members(claims) {
		if m.entry.state == ready {
			all = append(all, compactions(m)...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	places := make([]*claim, len(all))
	for i, c := range all {
		places[i] = &c.claim
	}
	if err := w.settle(ctx, places); err != nil {
		return err
	}
	if err := w.rule(ctx, all); err != nil {
		return err
	}
	return w.judgeRefused(all)
}

// compactions lists what is to be compacted out of a series.
func compactions(m *candidate) []*compaction {
	var out []*compaction
	for _, t := range m.shape.tiers {
		own := []telemetry.Label{{Key: "agg", Value: string(t.agg)}, {Key: "bucket", Value: bucketName(t.bucket)}}
		m.identify()
		c := &candidate{series: m.series, shape: t.shape, identity: sorted(m.identity, own)}
		c.id = tskey.Canonical(c.identity)
		if t.shape.Labels {
			c.labels = append(slices.Clone(m.labels), own...)
		}
		out = append(out, &compaction{
			claim:  claim{key: m.key + ":" + tierName(t.agg, t.bucket), members: []*candidate{c}},
			tier:   t,
			source: m.key,
			raw:    m.entry,
		})
	}
	return out
}

func sorted(a, b []telemetry.Label) []telemetry.Label {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y telemetry.Label) int { return strings.Compare(x.Key, y.Key) })
	return all
}

// rule connects the compacted series to their sources where they are not.
func (w *Writer) rule(ctx context.Context, all []*compaction) error {
	byKey := map[*claim]*compaction{}
	var loose []*claim
	for _, c := range all {
		if c.owner == nil {
			c.refusal = taken
		}
		if c.refusal == "" && c.settled && c.info.source != c.source {
			byKey[&c.claim] = c
			loose = append(loose, &c.claim)
		}
	}
	return w.each(ctx, loose, func(buf []byte, c *claim) []byte {
		t := byKey[c]
		buf = redisconn.AppendCommand(buf, 6)
		for _, arg := range [...]string{"TS.CREATERULE", t.source, c.key, "AGGREGATION", string(t.tier.agg), strconv.FormatInt(int64(t.tier.bucket), 10)} {
			buf = redisconn.AppendArg(buf, arg)
		}
		return buf
	}, func(c *claim, refusal string) { c.refusal = refusal })
}

// tierAttempts is how many writes in a row fail because of compactions that Redis refuses for now. After that the raw
// samples are written without them: a server that takes samples, but no new series, must not keep them waiting.
const tierAttempts = 3

// judgeRefused logs which compactions there will not be. A refusal that will pass ends the write for a few times, because
// samples that are written before their rule exists are not compacted; later the compactions are tried again every minute.
func (w *Writer) judgeRefused(all []*compaction) error {
	refused := slices.DeleteFunc(all, func(c *compaction) bool { return c.refusal == "" })
	passing := func(c *compaction) bool { return c.refusal != taken && !isTimeSeriesReply(c.refusal) }
	i := slices.IndexFunc(refused, passing)
	if i < 0 {
		w.tierFailures = 0
	} else if w.tierFailures++; w.tierFailures <= tierAttempts {
		return redisconn.ServerError(refused[i].refusal)
	}
	if len(refused) == 0 {
		return nil
	}
	advice := "delete what has their keys and start again"
	for _, c := range refused {
		if passing(c) {
			c.raw.lacksTiers, c.raw.epoch = true, w.epoch
			advice = "they are tried again every minute"
		}
	}
	w.log.Error("redis refuses compactions, their raw series are written; "+advice,
		"count", len(refused), "key", refused[0].key, "reason", refused[0].refusal)
	return nil
}
