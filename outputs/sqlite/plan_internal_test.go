package sqlite

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A plan covers every moment of its time once, and what was pruned with whole hours only.
func TestPlanTotals(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const h = millisPerHour
	near := func() int64 { return r.Int64N(6)*h + []int64{0, 0, 1, -1, h / 2}[r.IntN(5)] + h }
	for range 20_000 {
		from, to, pruned, newest := near(), near(), near()-h, near()
		if r.IntN(4) == 0 {
			to = math.MaxInt64
		}
		newest = max(newest, pruned-1)
		p := planTotals(from, to, pruned, newest)
		for _, at := range []int64{near(), from, from - 1, from + 1, min(to, 9*h), min(to, 9*h) - 1, min(to, 9*h) + 1, pruned, newest} {
			if at > newest {
				continue
			}
			covered := 0
			if hour := at / h; hour >= p.firstHour && hour <= p.lastHour {
				covered++
			}
			for _, edge := range p.edges {
				if at >= edge[0] && at <= edge[1] {
					covered++
					if at < pruned && from <= to {
						t.Fatalf("from %d to %d, pruned %d, newest %d: %d is read from events that are gone: %+v", from, to, pruned, newest, at, p)
					}
				}
			}
			want := 0
			if at >= from && at <= to {
				want = 1
			}
			whole := (pruned + h - 1) / h * h
			isRounded := from < whole && at/h == from/h || to < whole && at/h == to/h
			if covered != want && (!isRounded || covered > 1) {
				t.Fatalf("from %d to %d, pruned %d, newest %d: %d is covered %d times: %+v", from, to, pruned, newest, at, covered, p)
			}
		}
	}
}
