// Package tsread reads series and their samples from RedisTimeSeries: from one server, from a Sentinel's master, or from all shards
// of a cluster.
//
// Filters select series as in TS.QUERYINDEX: "host=web-1", "iface!=lo", "mount=(/,/home)", "unit=" for series without the label
// unit, "unit!=" for series with it. At least one filter must require a value. [Equal] makes a filter for one value.
//
//   - tsread.go: [Reader], and methods for a few series.
//   - pool.go: connections. A query has connections of its own while it runs, so its end does not disturb another one.
//   - find.go: the series that filters select.
//   - scan.go: all series, for what no filter can select.
//   - samples.go: samples of many series, in pieces, so that Redis serves its other clients in between.
package tsread

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// Rights lists the ACL rules that reading needs, beside [redisconn.Rights]: ACL SETUSER viewer on >… ~* and these rules. None of the
// commands changes anything. Read-only keys (%R~*) are not enough: RedisTimeSeries 8.0 does not tell Redis that TS.RANGE only reads. A
// cluster also needs +cluster|slots, +command and +asking.
const Rights = "+ts.mget +ts.range +ts.revrange +ts.info +scan"

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

// Equal returns a filter for series whose label has this value, in the form in which outputs write it.
func Equal(label, value string) string { return label + "=" + tskey.Clean(value) }

// Reader reads with a client. Several goroutines may use it at once.
type Reader struct {
	client *redisconn.Client
	pool   pool
}

// New returns a reader. The caller closes it, and then the client.
func New(client *redisconn.Client) *Reader {
	return &Reader{client: client, pool: pool{client: client}}
}

// Close closes the connections that are not in use.
func (r *Reader) Close() { r.pool.close() }

// List returns the series that all filters select, sorted by key, with or without samples.
func (r *Reader) List(ctx context.Context, filters ...string) ([]Series, error) {
	all, err := r.find(ctx, filters)
	series := make([]Series, len(all))
	for i := range all {
		series[i] = all[i].Series
	}
	return series, err
}

// Latest returns the series that all filters select, sorted by key, each with its newest sample. It leaves out series without
// samples.
func (r *Reader) Latest(ctx context.Context, filters ...string) ([]Data, error) {
	all, err := r.find(ctx, filters)
	return slices.DeleteFunc(all, func(d Data) bool { return len(d.Samples) == 0 }), err
}

// find returns the selected series, sorted by key, each with its newest sample if there is one.
func (r *Reader) find(ctx context.Context, filters []string) (all []Data, err error) {
	err = r.Find(ctx, filters, false, func(f Found) error {
		d := Data{Series: Series{f.Key, make(map[string]string, len(f.Labels))}}
		for _, l := range f.Labels {
			d.Labels[l.Name] = l.Value
		}
		if f.HasSample {
			d.Samples = []Sample{f.Last}
		}
		all = append(all, d)
		return nil
	})
	slices.SortFunc(all, func(a, b Data) int { return cmp.Compare(a.Key, b.Key) })
	return all, err
}

// Range returns the samples that the query selects, by series and sorted by key. Series without samples in that time have none.
func (r *Reader) Range(ctx context.Context, q RangeQuery) ([]Data, error) {
	all, err := r.find(ctx, q.Matchers)
	if err != nil {
		return nil, err
	}
	ranges := make([]Range, len(all))
	for i := range all {
		ranges[i] = Range{Key: all[i].Key, From: 0, To: maxTime, Aggregation: q.Aggregation, Bucket: q.Bucket.Milliseconds(), Limit: q.Limit}
		if !q.From.IsZero() {
			ranges[i].From = q.From.UnixMilli()
		}
		if !q.To.IsZero() {
			ranges[i].To = q.To.UnixMilli()
		}
	}
	samples, err := r.Samples(ctx, ranges, nil)
	for i := range samples {
		all[i].Samples = samples[i]
	}
	return all, err
}
