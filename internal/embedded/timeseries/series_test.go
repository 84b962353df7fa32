package timeseries

import (
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"

	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSeriesAgainstSortedSlice compares a series under random samples,
// deletions and retention with a sorted slice.
func TestSeriesAgainstSortedSlice(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			p := &chunkPool{max: 1 << 40}
			s := &series{settings: settings{policy: policyLast}}
			if seed%2 == 1 {
				s.settings.retention = 3000
			}
			var model []sample
			for range 2000 {
				if rnd.IntN(50) == 0 {
					from := rnd.Int64N(5000)
					to := from + rnd.Int64N(300)
					model = slices.DeleteFunc(model, func(m sample) bool { return m.ts >= from && m.ts <= to })
					s.remove(p, from, to)
				} else {
					model = addToModel(t, p, s, model, sample{rnd.Int64N(5000), rnd.Float64()})
				}
				checkModel(t, p, s, model)
			}
		})
	}
}

func addToModel(t *testing.T, p *chunkPool, s *series, model []sample, smp sample) []sample {
	t.Helper()
	oldest := int64(0)
	if n := len(model); n > 0 && s.settings.retention > 0 {
		oldest = max(0, model[n-1].ts-s.settings.retention)
	}
	res := s.add(p, smp, policyLast)
	if smp.ts < oldest {
		if res != tooOld {
			t.Fatalf("%v is older than %d, answered %v", smp, oldest, res)
		}
		return model
	}
	i, found := slices.BinarySearchFunc(model, smp.ts, func(m sample, ts int64) int { return int(m.ts - ts) })
	if found {
		model[i].v = smp.v
	} else {
		model = slices.Insert(model, i, smp)
	}
	if s.settings.retention > 0 {
		limit := model[len(model)-1].ts - s.settings.retention
		model = slices.DeleteFunc(model, func(m sample) bool { return m.ts < limit })
	}
	return model
}

func checkModel(t *testing.T, p *chunkPool, s *series, model []sample) {
	t.Helper()
	if s.count != int64(len(model)) || p.samples != s.count {
		t.Fatalf("count %d, pool %d, model %d", s.count, p.samples, len(model))
	}
	var all []sample
	s.eachRun(0, keyspace.MaxTimestamp, func(run []sample) bool { all = append(all, run...); return true })
	if !slices.Equal(all, model) {
		t.Fatal(cmp.Diff(model, all, cmp.AllowUnexported(sample{})))
	}
	if n := len(model); n > 0 && (s.lastTS != model[n-1].ts || s.lastV != model[n-1].v) {
		t.Fatalf("last is %d %v, want %v", s.lastTS, s.lastV, model[n-1])
	}
}

func TestIndexAgainstScan(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	x := newLabelIndex()
	var all []*series
	for i := range 500 {
		s := &series{key: fmt.Sprintf("k%03d", i)}
		var pairs [][]byte
		for _, name := range []string{"a", "b", "c"} {
			if v := rnd.IntN(4); v > 0 {
				pairs = append(pairs, []byte(name), fmt.Append(nil, v))
			}
		}
		x.add(s, pairs)
		all = append(all, s)
	}
	for i := 0; i < len(all); i += 1 + rnd.IntN(3) {
		x.remove(all[i])
	}
	for _, q := range []string{"a=1", "a=(1,2) b=3", "a=1 b!=2", "a=1 b=", "a=(2,3) c!=", "a=1 b!=(1,2) c=3", "a=9"} {
		ms := mustMatchers(t, q)
		var want []string
		for _, s := range all {
			if matchesAll(s, ms) {
				want = append(want, s.key)
			}
		}
		var got []string
		for _, s := range x.query(ms) {
			got = append(got, s.key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-scan +index):\n%s", q, diff)
		}
	}
}

func mustMatchers(t *testing.T, q string) []matcher {
	t.Helper()
	var args [][]byte
	for _, w := range strings.Fields(q) {
		args = append(args, []byte(w))
	}
	ms, err := parseMatchers(args)
	if err != "" {
		t.Fatal(err)
	}
	return ms
}

// TestSelectiveMatcherLooksAtFew checks that a query for one host does not
// visit all of 100,000 series.
func TestSelectiveMatcherLooksAtFew(t *testing.T) {
	x := newLabelIndex()
	for i := range 100_000 {
		x.add(&series{key: fmt.Sprint(i)}, [][]byte{
			[]byte("source"), []byte("linux_cpu"), []byte("host"), fmt.Appendf(nil, "h%d", i/100),
		})
	}
	ms := mustMatchers(t, "source=linux_cpu host=h7")
	if n := len(x.query(ms)); n != 100 {
		t.Fatalf("%d series found, want 100", n)
	}
	if i, n := x.mostSelective(ms); i != 1 || n != 100 {
		t.Errorf("goes by matcher %d with %d members, want matcher 1 with 100", i, n)
	}
}
