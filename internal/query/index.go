package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

const (
	// indexRefresh is how old the list of keys may be.
	indexRefresh = 10 * time.Second

	// indexRecheck is how old the labels of a series may be. They rarely change.
	indexRecheck = 5 * time.Minute

	// maxRechecks is how many series are described again in one refresh.
	maxRechecks = 5000

	// maxIndexed is how many series the index holds.
	maxIndexed = 100_000
)

// index knows the labels of all series. It answers selectors that Redis cannot, because none of their matchers requires a value. It reads
// from Redis when it is asked, and nothing in between.
type index struct {
	reader *tsread.Reader
	now    func() time.Time

	lock       chan struct{}     // has an element while a goroutine uses what follows
	entries    map[string]*entry // by key
	generation int               // of the scan
	scanned    time.Time
	complete   bool // there are no series beyond the limit
}

// entry is what the index knows of a series.
type entry struct {
	labels      labels.Labels
	samples     int64
	first, last int64     // times of the oldest and newest sample, in milliseconds
	checked     time.Time // when Redis described it; zero: not yet
	generation  int       // of the last scan that found it
}

func newIndex(reader *tsread.Reader) *index {
	return &index{reader: reader, now: time.Now, lock: make(chan struct{}, 1), entries: map[string]*entry{}}
}

// incomplete is the text for users when there are more series than the index holds.
var incomplete = fmt.Sprintf("Redis has more than %d series, the others are left out: add a metric or a label with =", maxIndexed)

// list calls visit for the labels of the series that a selector selects and that may have samples from start to end, in milliseconds. It
// reports whether these are all.
func (x *index) list(ctx context.Context, s *selector, start, end int64, visit func(labels.Labels)) (complete bool, err error) {
	select {
	case x.lock <- struct{}{}:
		defer func() { <-x.lock }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if err := x.refresh(ctx); err != nil {
		return false, err
	}
	var selected []*entry
	var doubtful []string
	for key, e := range x.entries {
		if !s.matches(e.labels) {
			continue
		}
		selected = append(selected, e)
		if !e.mayHave(start, end) && x.age(e.checked) > indexRefresh { // samples may have been added since
			doubtful = append(doubtful, key)
		}
	}
	if err := x.check(ctx, doubtful); err != nil {
		return false, err
	}
	for _, e := range selected {
		if e.mayHave(start, end) && s.matches(e.labels) {
			visit(e.labels)
		}
	}
	return x.complete, nil
}

func (x *index) age(t time.Time) time.Duration { return x.now().Sub(t) }

// mayHave reports whether the series has samples before end and after start.
func (e *entry) mayHave(start, end int64) bool {
	return start == math.MinInt64 && end == math.MaxInt64 || e.samples > 0 && e.first <= end && e.last >= start
}

// refresh finds the series that are new or gone. What it has learned before an error stays.
func (x *index) refresh(ctx context.Context) error {
	if x.age(x.scanned) < indexRefresh {
		return nil
	}
	x.generation++
	complete := true
	err := x.reader.Keys(ctx, func(key string) error {
		if e := x.entries[key]; e != nil {
			e.generation = x.generation
		} else if len(x.entries) < maxIndexed {
			x.entries[key] = &entry{generation: x.generation}
		} else {
			complete = false
		}
		return nil
	})
	if errors.Is(err, tsread.ErrScan) {
		return &Error{Execution, fmt.Errorf("%w: add a metric or a label with =", err)}
	}
	if err != nil {
		return err
	}
	var unknown, old []string
	for key, e := range x.entries {
		switch {
		case e.generation != x.generation:
			delete(x.entries, key)
		case e.checked.IsZero():
			unknown = append(unknown, key)
		case x.age(e.checked) > indexRecheck && len(old) < maxRechecks:
			old = append(old, key)
		}
	}
	if err := x.check(ctx, append(unknown, old...)); err != nil {
		return err
	}
	x.scanned, x.complete = x.now(), complete
	return nil
}

// check asks Redis for the labels and times of series.
func (x *index) check(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	builder := labels.NewScratchBuilder(16)
	return x.reader.Infos(ctx, keys, func(key string, info tsread.Info) error {
		e := x.entries[key]
		e.samples, e.first, e.last, e.checked = 0, 0, 0, x.now()
		if !info.Exists { // the next scan removes it
			return nil
		}
		if l := buildLabels(&builder, info.Labels); !labels.Equal(l, e.labels) {
			e.labels = l
		}
		e.samples, e.first, e.last = info.Samples, info.First, info.Last
		return nil
	})
}

// filters returns filters for Redis, one of which each series that the selector selects matches: `__name__=(a,b,c)`. Series without a
// metric are found by another label.
func (x *index) filters(ctx context.Context, s *selector, limit int) (lists []string, err error) {
	values := map[string]map[string]struct{}{} // of labels
	selected := 0
	complete, err := x.list(ctx, s, math.MinInt64, math.MaxInt64, func(l labels.Labels) {
		selected++
		if name := plainLabel(l); name != "" {
			if values[name] == nil {
				values[name] = map[string]struct{}{}
			}
			values[name][l.Get(name)] = struct{}{}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case !complete:
		return nil, &Error{Execution, fmt.Errorf("%s: %s", s, incomplete)}
	case selected > limit:
		return nil, tooManySeries(s, limit)
	}
	for name, set := range values {
		all := make([]string, 0, len(set))
		for v := range set {
			all = append(all, v)
		}
		for part := range slices.Chunk(all, maxValues) {
			lists = append(lists, listFilter(name, part))
		}
	}
	return lists, nil
}

// plainLabel returns the name of a label that Redis can select by: the metric if possible. It returns "" if there is none.
func plainLabel(l labels.Labels) (name string) {
	l.Range(func(label labels.Label) {
		if isPlain(label.Name) && isPlain(label.Value) && (name == "" || label.Name == tskey.NameLabel) {
			name = label.Name
		}
	})
	return name
}

// buildLabels returns the labels of a series. An empty one is the same as none.
func buildLabels(builder *labels.ScratchBuilder, all []tsread.Label) labels.Labels {
	builder.Reset()
	for _, l := range all {
		if l.Value != "" {
			builder.Add(l.Name, l.Value)
		}
	}
	builder.Sort()
	return builder.Labels()
}

func tooManySeries(s *selector, limit int) error {
	return &Error{Execution, fmt.Errorf("%s selects more than %d series: add matchers, such as a host", s, limit)}
}

// milliseconds returns a time in milliseconds, or the default if it is zero.
func milliseconds(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return t.UnixMilli()
}
