package timeseries

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
)

// FuzzParseQuery runs all options that parse on a small series. That must end
// and stay within the bounds.
func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		"- +", "0 100 COUNT 3", "- + AGGREGATION avg 10 EMPTY", "5 90 ALIGN end AGGREGATION twa 7 BUCKETTIMESTAMP mid EMPTY",
		"- + FILTER_BY_TS 1 2 3 FILTER_BY_VALUE -1 1e9 LATEST", "- + FILTER a=b c!=(d,e) GROUPBY a REDUCE sum", "- + SELECTED_LABELS a b WITHLABELS",
		"0 9223372036854775807 ALIGN 1152921504606846976 AGGREGATION last 1 EMPTY",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var args [][]byte
		for _, w := range strings.Split(text, " ") {
			args = append(args, []byte(w))
		}
		if len(args) < 2 {
			return
		}
		s, p := &series{settings: settings{policy: policyLast}}, &chunkPool{max: 100}
		for _, ts := range []int64{0, 3, 10, 11, 50, 99, 500, keyspace.MaxTimestamp} {
			s.add(p, sample{ts, float64(ts)}, policyLast)
		}
		for _, reverse := range []bool{false, true} {
			q, err := parseQuery(args, reverse)
			if err == "" {
				runQuery(t, q, s)
			}
		}
	})
}

func runQuery(t *testing.T, q *query, s *series) {
	out, err := q.selectFrom(s, nil)
	if err != "" {
		return
	}
	if q.count >= 0 && int64(len(out)) > q.count {
		t.Errorf("%d samples, COUNT %d", len(out), q.count)
	}
	for i, smp := range out {
		if smp.ts < 0 || smp.ts > 2*keyspace.MaxTimestamp {
			t.Errorf("time %d", smp.ts)
		}
		if i > 0 && (out[i-1].ts > smp.ts) != q.reverse && out[i-1].ts != smp.ts {
			t.Errorf("samples out of order: %d, %d", out[i-1].ts, smp.ts)
		}
	}
	q.matches(s)
}

func (q *query) matches(s *series) bool { return matchesAll(s, q.matchers) }

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"a=b", "a!=b", "a=", "a!=", "a=(b,c)", `a=("b,c",d)`, "=", "!=", "a=(", "a=()", "a=(,)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := parseMatcher([]byte(s))
		if ok && (m.name == "" || !strings.Contains(s, m.name)) { // "=a" asks for label a, as it does on Redis
			t.Errorf("%q parsed as %+v", s, m)
		}
		m.matches(&series{})
	})
}

func FuzzParseOptions(f *testing.F) {
	for _, s := range []string{"RETENTION 5 LABELS a b", "IGNORE 1 2", "CHUNK_SIZE 48 ENCODING COMPRESSED", "LABELS a b IGNORE 1 0.5", "ON_DUPLICATE sum", "LABELS"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var args [][]byte
		for _, w := range strings.Split(text, " ") {
			args = append(args, []byte(w))
		}
		o, err := parseOptions(args)
		if err == "" && (o.settings.retention < 0 || o.settings.chunkSize%8 != 0 || len(o.labels)%2 != 0) {
			t.Errorf("%q parsed as %+v", text, o)
		}
	})
}
