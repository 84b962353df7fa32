package query

import (
	"context"
	"runtime"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/rtcollector/rtcollector/internal/tsread"
)

// Memory holds series in memory, for what the engine alone costs. Every selector selects all of them.
type Memory []*series

// Add adds a sample, which must be newer than those of its series.
func (m *Memory) Add(l labels.Labels, ms int64, value float64) {
	n := len(*m)
	if n == 0 || !labels.Equal((*m)[n-1].labels, l) {
		*m = append(*m, &series{labels: l})
		n++
	}
	s := (*m)[n-1]
	s.samples = append(s.samples, tsread.Sample{Time: ms, Value: value})
}

// Querier implements storage.Queryable.
func (m Memory) Querier(int64, int64) (storage.Querier, error) {
	return memoryQuerier{storage.NoopQuerier(), m}, nil
}

type memoryQuerier struct {
	storage.Querier
	series Memory
}

func (q memoryQuerier) Select(context.Context, bool, *storage.SelectHints, ...*labels.Matcher) storage.SeriesSet {
	done := make(chan struct{})
	close(done)
	return &seriesSet{pending: &selection{done: done, series: q.series}}
}

// Started returns a channel that is closed when a query has got a place.
func (e *Engine) Started() <-chan struct{} {
	started := make(chan struct{})
	go func() {
		for len(e.places) == 0 {
			runtime.Gosched()
		}
		close(started)
	}()
	return started
}
