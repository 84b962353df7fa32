// Package tsread reads series and their samples from RedisTimeSeries: from one server, from a Sentinel's master, or from all shards
// of a cluster.
//
// Matchers select series as in TS.QUERYINDEX: "host=web-1", "iface!=lo", "mount=(/,/home)", "unit=" for series without the label
// unit, "unit!=" for series with it. At least one matcher must require a value. [Equal] makes a matcher for one value.
package tsread

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// Series identifies a series in Redis.
type Series struct {
	Key    string
	Labels map[string]string // all labels, with the metric under [tskey.NameLabel]
}

// Name returns the metric without its instance, "" for a series without labels.
func (s *Series) Name() string { return s.Labels[tskey.NameLabel] }

// Sample is a value at a time.
type Sample struct {
	Time  int64 // milliseconds since the epoch
	Value float64
}

// Data holds a series and some of its samples, the oldest first.
type Data struct {
	Series
	Samples []Sample
}

// RangeQuery selects samples of series.
type RangeQuery struct {
	Matchers    []string
	From, To    time.Time     // first and last time; zero: no limit
	Aggregation string        // such as "avg" or "max"; "": raw samples
	Bucket      time.Duration // period that becomes one sample, at least 1 ms; only with Aggregation
	Limit       int           // samples per series, the oldest first; 0: all
}

// Equal returns a matcher for series whose label has this value, in the form in which outputs write it.
func Equal(label, value string) string { return label + "=" + tskey.Clean(value) }

// Reader reads with a client. Several goroutines may use it at once. Replies may be large: open the client with
// [redisconn.Config.ForSearches].
type Reader struct{ client *redisconn.Client }

// New returns a reader. The caller closes the client.
func New(client *redisconn.Client) *Reader { return &Reader{client} }

// List returns the series that all matchers select, sorted by key, with or without samples.
func (r *Reader) List(ctx context.Context, matchers ...string) ([]Series, error) {
	all, err := r.readLatest(ctx, matchers)
	series := make([]Series, len(all))
	for i := range all {
		series[i] = all[i].Series
	}
	return series, err
}

// Latest returns the series that all matchers select, sorted by key, each with its newest sample. It leaves out series without
// samples.
func (r *Reader) Latest(ctx context.Context, matchers ...string) ([]Data, error) {
	all, err := r.readLatest(ctx, matchers)
	return slices.DeleteFunc(all, func(d Data) bool { return len(d.Samples) == 0 }), err
}

func (r *Reader) readLatest(ctx context.Context, matchers []string) ([]Data, error) {
	return r.query(ctx, appendTexts([]any{"TS.MGET", "WITHLABELS", "FILTER"}, matchers))
}

// Range returns the samples that the query selects, by series and sorted by key. Series without samples in that time have none.
func (r *Reader) Range(ctx context.Context, q RangeQuery) ([]Data, error) {
	args := []any{"TS.MRANGE", formatBound(q.From, "-"), formatBound(q.To, "+"), "WITHLABELS"}
	if q.Limit > 0 {
		args = append(args, "COUNT", q.Limit)
	}
	if q.Aggregation != "" {
		args = append(args, "AGGREGATION", q.Aggregation, q.Bucket.Milliseconds())
	}
	return r.query(ctx, appendTexts(append(args, "FILTER"), q.Matchers))
}

func formatBound(t time.Time, otherwise string) any {
	if t.IsZero() {
		return otherwise
	}
	return t.UnixMilli()
}

func appendTexts(args []any, texts []string) []any {
	for _, text := range texts {
		args = append(args, text)
	}
	return args
}

// query sends a command to every shard and merges the replies. Some servers answer for the whole cluster, so a series may be in
// several replies.
func (r *Reader) query(ctx context.Context, args []any) ([]Data, error) {
	stop := r.client.CutOn(ctx)
	defer stop()
	var mu sync.Mutex
	found := map[string]Data{}
	err := r.client.EachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		reply, err := node.Do(ctx, args...).Slice()
		if err != nil {
			return err
		}
		for _, entry := range reply {
			d, err := parseSeries(entry)
			if err != nil {
				return fmt.Errorf("read the reply to %s: %w", args[0], err)
			}
			mu.Lock()
			found[d.Key] = d
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return nil, r.client.Explain(ctx, err)
	}
	all := make([]Data, 0, len(found))
	for _, d := range found {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Data) int { return cmp.Compare(a.Key, b.Key) })
	return all, nil
}

// parseSeries parses an entry of TS.MGET, [key, [[label, value], …], [time, value]], or of TS.MRANGE, which has a list of samples as its
// last part.
func parseSeries(entry any) (d Data, err error) {
	fields, _ := entry.([]any)
	if len(fields) != 3 {
		return d, fmt.Errorf("got %d fields for a series, want 3", len(fields))
	}
	labels, _ := fields[1].([]any)
	samples, _ := fields[2].([]any)
	d.Key, _ = fields[0].(string)
	d.Labels = make(map[string]string, len(labels))
	for _, label := range labels {
		pair, _ := label.([]any)
		if len(pair) != 2 {
			return d, fmt.Errorf("series %.100q has a label of %d parts", d.Key, len(pair))
		}
		key, _ := pair[0].(string)
		d.Labels[key], _ = pair[1].(string)
	}
	if len(samples) > 0 {
		if _, single := samples[0].(int64); single {
			samples = []any{samples}
		}
	}
	for _, s := range samples {
		sample, err := parseSample(s)
		if err != nil {
			return d, fmt.Errorf("series %.100q: %w", d.Key, err)
		}
		d.Samples = append(d.Samples, sample)
	}
	return d, nil
}

func parseSample(reply any) (s Sample, err error) {
	pair, _ := reply.([]any)
	if len(pair) != 2 {
		return s, fmt.Errorf("a sample of %d parts", len(pair))
	}
	ms, ok := pair[0].(int64)
	text, isText := pair[1].(string)
	if !ok || !isText {
		return s, fmt.Errorf("a sample of %T and %T", pair[0], pair[1])
	}
	s.Time = ms
	if s.Value, err = strconv.ParseFloat(strings.TrimSpace(text), 64); err != nil {
		return s, fmt.Errorf("value %.40q is not a number", text)
	}
	return s, nil
}
