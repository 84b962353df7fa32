package redistimeseries

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// compaction is a compacted series that must exist in Redis, and the rule that fills it.
type compaction struct {
	target
	rule   compactionRule
	source *target
}

// ensureCompactions makes sure that the given series are compacted as configured: the compacted series exist, and each has
// its rule. A problem with one of them does not keep the raw samples from being written.
func (w *Writer) ensureCompactions(ctx context.Context, sources []*target) error {
	var all []*compaction
	for _, t := range sources {
		if len(t.entries) > 0 && t.entries[0].status == ready {
			all = append(all, compactionsOf(t)...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	targets := make([]*target, len(all))
	for i, c := range all {
		targets[i] = &c.target
	}
	if err := w.settle(ctx, targets); err != nil {
		return err
	}
	if err := w.createRules(ctx, all); err != nil {
		return err
	}
	return w.judgeRefusedCompactions(all)
}

// compactionsOf returns what must be compacted out of a series.
func compactionsOf(source *target) []*compaction {
	var all []*compaction
	for _, rule := range source.definition.compactions {
		own := []telemetry.Label{{Key: "agg", Value: string(rule.agg)}, {Key: "bucket", Value: bucketName(rule.bucket)}}
		identity, _ := source.identify()
		identity = slices.Concat(identity, own)
		slices.SortFunc(identity, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
		c := &compaction{rule: rule, source: source, target: target{
			key: source.key + ":" + rule.name(), series: source.series, definition: rule.target, identity: identity,
		}}
		if rule.target.Labels {
			c.labels = slices.Concat(source.labels, own)
		}
		all = append(all, c)
	}
	return all
}

// createRules connects the compacted series with their sources where a rule is missing.
func (w *Writer) createRules(ctx context.Context, all []*compaction) error {
	var unconnected []*compaction
	for _, c := range all {
		if c.taken {
			c.refusal = errTaken
		}
		if c.refusal == "" && c.settled && c.info.source != c.source.key {
			unconnected = append(unconnected, c)
		}
	}
	return w.doEach(ctx, len(unconnected), func(i int) string { return unconnected[i].key }, func(buf []byte, i int) []byte {
		c := unconnected[i]
		buf = redisconn.AppendCommand(buf, 6)
		for _, arg := range [...]string{"TS.CREATERULE", c.source.key, c.key, "AGGREGATION", string(c.rule.agg), strconv.FormatInt(int64(c.rule.bucket), 10)} {
			buf = redisconn.AppendArg(buf, arg)
		}
		return buf
	}, func(i int, refusal string) { unconnected[i].refusal = refusal })
}

// compactionAttempts is how many writes in a row may fail because Redis refuses compactions for now. After that the raw
// samples are written without them: a server that accepts samples, but no new series, must not keep them waiting.
const compactionAttempts = 3

// judgeRefusedCompactions logs the compactions that Redis refuses. A refusal that will pass ends the write a few times, because
// samples that are written before their rule exists are not compacted. After that the compactions are tried again every
// minute.
func (w *Writer) judgeRefusedCompactions(all []*compaction) error {
	refused := slices.DeleteFunc(all, func(c *compaction) bool { return c.refusal == "" })
	passes := func(c *compaction) bool { return c.refusal != errTaken && !isTimeSeriesReply(c.refusal) }
	i := slices.IndexFunc(refused, passes)
	if i < 0 {
		w.compactionFailures = 0
	} else if w.compactionFailures++; w.compactionFailures <= compactionAttempts {
		return redisconn.ServerError(refused[i].refusal)
	}
	if len(refused) == 0 {
		return nil
	}
	advice := "delete what has their keys and start again"
	for _, c := range refused {
		if passes(c) {
			for _, e := range c.source.entries {
				e.lacksCompactions, e.retry = true, w.retry
			}
			advice = "they are tried again every minute"
		}
	}
	w.log.Error("redis refuses compactions, their raw series are written; "+advice,
		"count", len(refused), "key", refused[0].key, "reason", refused[0].refusal)
	return nil
}
