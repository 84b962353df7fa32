package sqlseries

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func batchAt(second float64) *telemetry.Batch {
	t := time.Unix(1000, 0).Add(time.Duration(second * float64(time.Second)))
	return telemetry.NewBatch(t, t, 0)
}

func byKey(b *telemetry.Batch) map[string]float64 {
	m := map[string]float64{}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		m[s.BareKey()] = v
	}
	return m
}

func toBytes(words ...string) [][]byte {
	var out [][]byte
	for _, w := range words {
		if w == "NULL" {
			out = append(out, nil)
			continue
		}
		out = append(out, []byte(w))
	}
	return out
}

func newFactory() *telemetry.Factory { return telemetry.NewFactory("h", "s", nil) }

func fixedLabels() []telemetry.Label { return []telemetry.Label{{Key: ServerLabel, Value: "db:1"}} }

func TestNumber(t *testing.T) {
	for text, want := range map[string]float64{
		"0": 0, "-7": -7, "123456789012345": 123456789012345, "9223372036854775807": 9223372036854775807, "1.50": 1.5, "-0.25": -0.25,
		"t": 1, "f": 0, "NULL": math.NaN(), "NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "1e400": math.Inf(1),
		"0.00000000000000000001": 1e-20,
	} {
		if got, ok := ParseNumber(toBytes(text)[0]); !ok || got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s is %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "x", "-", "12x", "1 2", "2026-11-25", "true?", strings.Repeat("9", 5000)} {
		if v, ok := ParseNumber([]byte(text)); ok {
			t.Errorf("%.20q is %v", text, v)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-1", "1.5", "t", "NaN", "-", "1e9", "0x1p-2"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if v, ok := parseInteger(append([]byte("0"), text...)); ok {
			if w, ok := ParseNumber(append([]byte("0."), text...)); !ok || w > 1 || v < 0 {
				t.Errorf("%q: %v, %v", text, v, w)
			}
		}
		ParseNumber(text)
	})
}

func TestSet(t *testing.T) {
	s := NewSet(newFactory(), fixedLabels(), []string{"database", "mode"}, []Metric{{Name: "size", Unit: telemetry.Bytes}, {Name: "reads", Kind: telemetry.Counter}},
		func(l []telemetry.Label) bool { return l[0].Value != "no" })
	b := batchAt(0)
	for _, r := range [][]string{{"a", "x", "1", "10"}, {"a", "", "2", "NULL"}, {"NULL", "x", "NaN", "5"}, {"no", "x", "1", "1"}} {
		s.Add(b, toBytes(r[:2]...), toBytes(r[2:]...))
	}
	if err := s.End(b); err != nil {
		t.Error(err)
	}
	want := map[string]float64{"size_db:1_a_x": 1, "reads_db:1_a_x": 10, "size_db:1_a": 2, "reads_db:1_x": 5}
	if diff := cmp.Diff(want, byKey(b)); diff != "" {
		t.Error(diff)
	}
	b = batchAt(10)
	s.Add(b, toBytes("a", "x"), toBytes("oops", "30"))
	s.Add(b, toBytes("a", "x"), toBytes("1", "40"))
	if err := s.End(b); err == nil || err.Error() != `size: "oops" is not a number, in the row with database, mode "a, x"; and 1 more` {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]float64{"reads_db:1_a_x": 30, "reads_rate_db:1_a_x": 2}, byKey(b)); diff != "" {
		t.Error(diff)
	}
}

// A row that cannot be parsed does not affect other rows, wherever it is, and its error does not appear in the next gather.
func TestBadRow(t *testing.T) {
	rows := [][]string{{"a", "1", "5"}, {"b", "many", "6"}, {"c", "3", "7"}, {"c", "4", "8"}, {"d", "5", "9"}}
	want := map[string]float64{"depth_n_a": 1, "depth_m_a": 5, "depth_m_b": 6, "depth_n_c": 3, "depth_m_c": 7, "depth_n_d": 5, "depth_m_d": 9}
	for first, message := range []string{
		`query depth: depth_n: "many" is not a number, in the row with queue "b"; and 1 more`,
		`query depth: depth_n: "many" is not a number, in the row with queue "b"; and 1 more`,
		`query depth: two rows have the same labels "c": name more columns in labels, or group the rows; and 1 more`,
	} {
		r, b := NewRunner(newFactory(), nil, Query{Name: "depth", Labels: []string{"queue"}}), batchAt(0)
		var answer [][][]byte
		for i := range rows {
			answer = append(answer, toBytes(rows[(first+i)%len(rows)]...))
		}
		if err := runQuery(r, b, []string{"queue", "n", "m"}, answer...); errorText(err) != message {
			t.Errorf("from row %d on: %v", first, err)
		}
		if diff := cmp.Diff(want, byKey(b)); diff != "" {
			t.Errorf("from row %d on: %s", first, diff)
		}
		if err := runQuery(r, batchAt(10), []string{"queue", "n", "m"}, toBytes("a", "1", "5")); err != nil {
			t.Errorf("the next gather: %v", err)
		}
	}
}

func TestKnownRowsAllocateNothing(t *testing.T) {
	s := NewSet(newFactory(), nil, []string{"a"}, []Metric{{Name: "v"}, {Name: "w", Kind: telemetry.Counter}}, nil)
	b, labels, values := batchAt(0), toBytes("x"), toBytes("12", "1234")
	s.Add(b, labels, values)
	b = telemetry.NewBatch(time.Now(), time.Now(), 1000)
	if n := testing.AllocsPerRun(100, func() { _ = s.End(b); s.Add(b, labels, values) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// runQuery passes one result to a runner.
func runQuery(r *Runner, b *telemetry.Batch, columns []string, rows ...[][]byte) error {
	err := r.Begin(columns)
	for _, row := range rows {
		if err == nil {
			err = r.Add(b, row)
		}
	}
	return r.End(b, err)
}

func TestQueryNames(t *testing.T) {
	for _, c := range []struct {
		query   Query
		columns string
		row     string
		want    map[string]float64
		err     string
	}{
		{Query{Name: "users"}, "count", "7", map[string]float64{"users_db:1": 7}, ""},
		{Query{Name: "users"}, "?column?", "7", map[string]float64{"users_db:1": 7}, ""},
		{Query{Name: "q", Labels: []string{"City"}}, "n,city,sum", "1,Bern,2", map[string]float64{"q_n_db:1_Bern": 1, "q_sum_db:1_Bern": 2}, ""},
		{Query{Name: "q", Labels: []string{"city"}, Values: []string{"sum"}}, "n,city,sum", "1,Bern,2", map[string]float64{"q_db:1_Bern": 2}, ""},
		{Query{Name: "q", Values: []string{"x"}}, "a,b", "1,2", map[string]float64{}, `query q: the result has no column "x", only a, b`},
		{Query{Name: "q", Labels: []string{"a"}}, "a", "1", map[string]float64{}, "query q: the result has no column for a value"},
		{Query{Name: "q"}, "a,a", "1,2", map[string]float64{}, `query q: two columns are named "a": rename one with AS`},
		{Query{Name: "q"}, "a,count(*)", "1,2", map[string]float64{}, `query q: column "count(*)" cannot be part of a metric name: rename it with AS`},
		{Query{Name: "q"}, "a,b", "1,ok", map[string]float64{"q_a_db:1": 1}, `query q: q_b: "ok" is not a number`},
	} {
		b := batchAt(0)
		err := runQuery(NewRunner(newFactory(), fixedLabels(), c.query), b, strings.Split(c.columns, ","), toBytes(strings.Split(c.row, ",")...))
		if text := errorText(err); text != c.err {
			t.Errorf("%s: %q, want %q", c.columns, text, c.err)
		}
		if diff := cmp.Diff(c.want, byKey(b)); diff != "" {
			t.Errorf("%s: %s", c.columns, diff)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCountersAndChangedColumns(t *testing.T) {
	r := NewRunner(newFactory(), nil, Query{Name: "q", Counters: []string{"B"}})
	var last *telemetry.Batch
	for i, row := range []string{"1,10", "1,30"} {
		last = batchAt(float64(10 * i))
		if err := runQuery(r, last, []string{"a", "b"}, toBytes(strings.Split(row, ",")...)); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(map[string]float64{"q_a": 1, "q_b": 30, "q_b_rate": 2}, byKey(last)); diff != "" {
		t.Error(diff)
	}
	last = batchAt(20)
	if err := runQuery(r, last, []string{"b", "c"}, toBytes("40", "5")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]float64{"q_b": 40, "q_c": 5}, byKey(last)); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyRows(t *testing.T) {
	r := NewRunner(newFactory(), nil, Query{Name: "q", Labels: []string{"a"}})
	rows := make([][][]byte, maxRows+1)
	for i := range rows {
		rows[i] = [][]byte{{byte(i), byte(i >> 8)}, []byte("1")}
	}
	b := batchAt(0)
	if err := runQuery(r, b, []string{"a", "b"}, rows...); err == nil || !strings.Contains(err.Error(), "more than 10000 rows") || b.Len() != maxRows {
		t.Error(err, b.Len())
	}
}

func TestDue(t *testing.T) {
	r := NewRunner(newFactory(), nil, Query{Name: "q", Interval: conf.Duration(25 * time.Second)})
	for _, c := range []struct {
		at   float64
		want bool
	}{{0, true}, {10, false}, {20, false}, {30, true}, {40, false}, {55, true}, {5, true}} { // the last: the clock was set back
		if got := r.Due(batchAt(c.at)); got != c.want {
			t.Errorf("at %v: %v", c.at, got)
		}
	}
	if err := r.End(&telemetry.Batch{}, errors.New("x")); err == nil || !errors.Is(r.Err(), err) {
		t.Error(r.Err())
	}
	if every := NewRunner(newFactory(), nil, Query{}); !every.Due(batchAt(0)) || !every.Due(batchAt(0.01)) {
		t.Error("without an interval the query is always due")
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		query Query
		want  string
	}{
		{Query{Name: "a", SQL: "SELECT 1"}, ""},
		{Query{SQL: "x"}, "name: is missing"},
		{Query{Name: "a b", SQL: "x"}, "must not contain blanks"},
		{Query{Name: "a", SQL: " "}, "sql: is missing"},
		{Query{Name: "a", SQL: "x", Labels: []string{"host"}}, `"host" is already a label of every series`},
		{Query{Name: "a", SQL: "x", Labels: []string{"server"}}, `"server" is already a label of every series`},
		{Query{Name: "a", SQL: "x", Labels: []string{"b"}, Values: []string{"b"}}, `"b" is also in values`},
		{Query{Name: "a", SQL: "x", Values: []string{"b"}, Counters: []string{"c"}}, `"c" is not in values`},
	} {
		if got := errorText(c.query.Validate()); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.query, got, c.want)
		}
	}
	if err := CheckUnique([]Query{{Name: "a"}, {Name: "b"}}); err != nil {
		t.Error(err)
	}
	if err := CheckUnique([]Query{{Name: "a"}, {Name: "a"}}); err == nil {
		t.Error("two queries of one name")
	}
}

// The series of a row end when it is gone, and all series end when the columns of the result change.
func TestSeriesEnd(t *testing.T) {
	r := NewRunner(newFactory(), fixedLabels(), Query{Name: "q", Labels: []string{"name"}})
	var ended []string
	for second := range 8 {
		columns, rows := []string{"name", "n"}, [][][]byte{toBytes("a", "1"), toBytes("b", "1")}
		switch {
		case second > 3:
			columns, rows = []string{"name", "m"}, [][][]byte{toBytes("c", "1")}
		case second > 0:
			rows = rows[:1]
		}
		b := batchAt(float64(second))
		if err := runQuery(r, b, columns, rows...); err != nil {
			t.Fatal(err)
		}
		for _, s := range b.Ended() {
			ended = append(ended, s.BareKey())
		}
	}
	if diff := cmp.Diff([]string{"q_db:1_b", "q_db:1_a"}, ended); diff != "" {
		t.Error(diff)
	}
}

func TestRowLimit(t *testing.T) {
	s := NewSet(newFactory(), fixedLabels(), []string{"name"}, make([]Metric, maxSeries/2), nil)
	b := batchAt(0)
	for _, name := range []string{"a", "b", "c", "c"} {
		s.Add(b, toBytes(name), nil)
	}
	if err := s.End(b); err != nil {
		t.Error(err)
	}
	if rows, limit := b.RefusedEntities(); rows != 2 || limit != 2 {
		t.Errorf("%d refused of limit %d", rows, limit)
	}
}
