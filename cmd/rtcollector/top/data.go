package top

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// source reads what the views show.
type source struct {
	engine *query.Engine
	reader *tsread.Reader

	mu        sync.Mutex
	intervals map[string]time.Duration // of hosts
}

// sparkPoints is the number of values of a sparkline. Narrow terminals show the newest of them.
const sparkPoints = 30

// span is the time that sparklines cover.
type span time.Duration

// spans are the choices, in the order of the keys - and +.
var spans = []span{span(time.Minute), span(5 * time.Minute), span(15 * time.Minute), span(time.Hour), span(6 * time.Hour), span(24 * time.Hour), span(7 * 24 * time.Hour)}

func (s span) step() time.Duration { return time.Duration(s) / sparkPoints }

// reading is an expression and its result.
type reading struct {
	expr   string
	ranged bool // over the span, for sparklines
	series []series
}

// series is one result of an expression.
type series struct {
	labels labels.Labels
	values []float64 // one for an instant query, else [sparkPoints] with NaN for gaps, the oldest first
}

func (s *series) last() float64 { return s.values[len(s.values)-1] }

// read evaluates all readings at once. The error is that of the first one that fails.
func (s *source) read(ctx context.Context, now time.Time, over span, readings ...*reading) error {
	errs := make([]error, len(readings))
	var wg sync.WaitGroup
	for i, r := range readings {
		wg.Go(func() { errs[i] = s.readOne(ctx, now, over, r) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *source) readOne(ctx context.Context, now time.Time, over span, r *reading) error {
	if !r.ranged {
		result, err := s.engine.Instant(ctx, r.expr, now, query.Params{})
		if err != nil {
			return err
		}
		defer result.Close()
		r.series, err = instantSeries(result)
		return err
	}
	step := over.step()
	end := now.Truncate(step) // so that lines move by whole steps
	start := end.Add(-time.Duration(over)).Add(step)
	result, err := s.engine.Range(ctx, r.expr, start, end, step, query.Params{})
	if err != nil {
		return err
	}
	defer result.Close()
	matrix, _ := result.Value.(promql.Matrix)
	for _, found := range matrix {
		values := slices.Repeat([]float64{math.NaN()}, sparkPoints)
		for _, p := range found.Floats {
			if i := int((p.T - start.UnixMilli()) / step.Milliseconds()); i >= 0 && i < sparkPoints {
				values[i] = p.F
			}
		}
		r.series = append(r.series, series{found.Metric, values})
	}
	return nil
}

// instantSeries returns the result of an instant query as series of one value.
func instantSeries(result *query.Result) (all []series, err error) {
	switch v := result.Value.(type) {
	case promql.Vector:
		for _, s := range v {
			all = append(all, series{s.Metric, []float64{s.F}})
		}
	case promql.Scalar:
		all = append(all, series{labels.EmptyLabels(), []float64{v.V}})
	default:
		return nil, fmt.Errorf("the result is a %s; use an expression whose result is a vector or a scalar", result.Value.Type())
	}
	return all, nil
}

// byLabel returns the series of a reading by the value of a label.
func (r *reading) byLabel(label string) map[string]*series {
	all := map[string]*series{}
	for i := range r.series {
		all[r.series[i].labels.Get(label)] = &r.series[i]
	}
	return all
}

// quote returns a text as a string of PromQL.
func quote(text string) string { return strconv.Quote(text) }

// anyOf returns a matcher for the metrics with one of these names, which are plain words.
func anyOf(names []string) string { return `__name__=~"` + strings.Join(names, "|") + `"` }
