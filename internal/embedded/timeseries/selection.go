package timeseries

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// selectFrom returns the samples that the query selects from one series. It may
// use scratch for the result.
func (q *query) selectFrom(s *series, scratch []sample) ([]sample, resp.Error) {
	out := scratch[:0]
	if q.aggregation != aggNone {
		b, err := q.selectBuckets(s, out)
		if err != "" {
			return nil, err
		}
		return q.applyCount(b), ""
	}
	if q.reverse {
		return q.selectBackwards(s, out), ""
	}
	q.eachSample(s, func(smp sample) bool {
		if q.count >= 0 && int64(len(out)) >= q.count {
			return false
		}
		out = append(out, smp)
		return true
	})
	return out, ""
}

func (q *query) applyCount(list []sample) []sample {
	if q.count >= 0 && int64(len(list)) > q.count {
		list = list[:q.count]
	}
	return list
}

// eachSample calls yield with the selected samples, oldest first.
func (q *query) eachSample(s *series, yield func(sample) bool) {
	more := true
	s.eachRun(q.from, q.to, func(run []sample) bool {
		for _, smp := range run {
			if q.matchesFilters(smp) && !yield(smp) {
				more = false
				break
			}
		}
		return more
	})
	if latest, ok := q.openBucket(s); ok && more {
		yield(latest)
	}
}

func (q *query) eachBackwards(s *series, yield func(sample) bool) {
	all := *q
	all.count = -1
	for _, smp := range all.selectBackwards(s, nil) {
		if !yield(smp) {
			return
		}
	}
}

// openBucket returns the sample that LATEST adds.
func (q *query) openBucket(s *series) (sample, bool) {
	if !q.latest {
		return sample{}, false
	}
	l, ok := s.openBucket()
	return l, ok && l.ts >= q.from && l.ts <= q.to && (s.count == 0 || l.ts > s.lastTS) && q.matchesFilters(l)
}

func (q *query) matchesFilters(s sample) bool {
	if q.filtersValues && (s.v < q.minValue || s.v > q.maxValue) {
		return false
	}
	if q.times != nil {
		_, found := slices.BinarySearch(q.times, s.ts)
		return found
	}
	return true
}

// selectBackwards returns the selected samples, newest first. It stops when it has
// enough.
func (q *query) selectBackwards(s *series, out []sample) []sample {
	enough := func() bool { return q.count >= 0 && int64(len(out)) >= q.count }
	if latest, ok := q.openBucket(s); ok && !enough() {
		out = append(out, latest)
	}
	for ci := len(s.chunks) - 1; ci >= 0; ci-- {
		live := s.chunks[ci].live()
		if live[len(live)-1].ts < q.from {
			break
		}
		if live[0].ts > q.to {
			continue
		}
		for i := len(live) - 1; i >= 0 && live[i].ts >= q.from; i-- {
			if enough() {
				return out
			}
			if live[i].ts <= q.to && q.matchesFilters(live[i]) {
				out = append(out, live[i])
			}
		}
	}
	return out
}

func (q *query) selectBuckets(s *series, out []sample) ([]sample, resp.Error) {
	b := bucketizer{
		aggregation: q.aggregation, bucketSize: q.bucketSize, align: q.align, stamp: q.timestampPosition, withEmpty: q.withEmpty,
		reverse: q.reverse, from: q.from, to: q.to, limit: -1, out: out,
	}
	if q.from > q.to {
		return out, ""
	}
	b.limit = q.count
	var next sample
	var hasNext bool
	if q.aggregation == aggTwa {
		b.before, b.hasBefore = s.neighbour(q.from, false)
		next, hasNext = s.neighbour(q.to, true)
	}
	if q.reverse {
		b.before, b.hasBefore, next, hasNext = next, hasNext, b.before, b.hasBefore
		q.eachBackwards(s, b.add)
	} else {
		q.eachSample(s, b.add)
	}
	if b.err != "" {
		return nil, b.err
	}
	if b.limit >= 0 && int64(len(b.out)) >= b.limit {
		return b.out, ""
	}
	if hasNext {
		b.finish(&next)
	} else {
		b.finish(nil)
	}
	return b.out, b.err
}

// group is one result of GROUPBY: the series with the same value of a label.
type group struct {
	value   string
	members []*series
	samples []sample
}

// groupSeries groups series by the value of a label. It ignores series without the
// label.
func (q *query) groupSeries(list []*series) ([]group, resp.Error) {
	byValue := map[string]int{}
	var gs []group
	for _, s := range list {
		v, ok := s.label(q.groupBy)
		if !ok {
			continue
		}
		i, known := byValue[v]
		if !known {
			i = len(gs)
			byValue[v] = i
			gs = append(gs, group{value: v})
		}
		gs[i].members = append(gs[i].members, s)
	}
	slices.SortFunc(gs, func(a, b group) int { return cmp.Compare(a.value, b.value) })
	for i := range gs {
		if err := q.reduceGroup(&gs[i]); err != "" {
			return nil, err
		}
	}
	return gs, ""
}

func (q *query) reduceGroup(g *group) resp.Error {
	forward := *q // the samples are merged in the order of time, and then cut
	forward.reverse, forward.count = false, -1
	lists := make([][]sample, 0, len(g.members))
	for _, s := range g.members {
		l, err := forward.selectFrom(s, nil)
		if err != "" {
			return err
		}
		lists = append(lists, l)
	}
	g.samples = mergeSeries(lists, q.reducer)
	if q.reverse {
		slices.Reverse(g.samples)
	}
	g.samples = q.applyCount(g.samples)
	return ""
}
