package pluginsd

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorder keeps what a plugin collected, by "chart/dimension".
type recorder struct {
	values    map[string]float64
	raw       map[string]int64
	labels    map[string]string
	units     string
	forgotten []string
	variables map[string]float64
}

func newRecorder() *recorder {
	return &recorder{values: map[string]float64{}, raw: map[string]int64{}, labels: map[string]string{}, variables: map[string]float64{}}
}

func (r *recorder) Collected(c *Chart, _ time.Time) {
	for _, d := range c.Dimensions {
		if !d.IsSet {
			continue
		}
		name := c.Host.Name + c.ID + "/" + d.ID
		r.raw[name] = d.Raw
		delete(r.values, name)
		if d.HasValue {
			r.values[name] = d.Computed
		}
	}
	for _, l := range c.Labels {
		r.labels[l.Key] = l.Value
	}
	r.units = c.Units
}

func (r *recorder) Forgotten(c *Chart) { r.forgotten = append(r.forgotten, c.ID) }

func (r *recorder) Variable(h *Host, c *Chart, name string, value float64) {
	if c != nil {
		name = c.ID + "/" + name
	}
	r.variables[h.Name+name] = value
}

// feed gives the lines to a parser, a second apart, and returns what was wrong with them.
func feed(p *Parser, lines ...string) (bad []string) {
	for _, line := range lines {
		if err := p.Line([]byte(line), time.Unix(1_700_000_000+int64(p.number), 0)); err != nil {
			bad = append(bad, err.Error())
		}
	}
	return bad
}

// TestTranscripts feeds transcripts that were compared with netdata 1.37.1.
func TestTranscripts(t *testing.T) {
	data, err := os.ReadFile("testdata/transcripts.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name   string
		Lines  []string
		Values map[string]float64
		Absent []string
		Labels map[string]string
		Unit   string
		Bad    any
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			r := newRecorder()
			bad := feed(NewParser("test", 1, r), c.Lines...)
			for name, want := range c.Values {
				if got, ok := r.values[name]; !ok || got != want {
					t.Errorf("%s is %v, %v, want %v", name, got, ok, want)
				}
			}
			for _, name := range c.Absent {
				if got, ok := r.values[name]; ok {
					t.Errorf("%s is %v, want nothing", name, got)
				}
			}
			for key, want := range c.Labels {
				if r.labels[key] != want {
					t.Errorf("label %s is %q, want %q", key, r.labels[key], want)
				}
			}
			if c.Unit != "" && r.units != c.Unit {
				t.Errorf("units %q, want %q", r.units, c.Unit)
			}
			switch want := c.Bad.(type) {
			case float64:
				if len(bad) != int(want) {
					t.Errorf("%d bad lines, want %v: %q", len(bad), want, bad)
				}
			case string: // "at least 2 …", "4 …", "0 or 1 …"
				least := 0
				if _, err := fmt.Sscanf(strings.TrimPrefix(want, "at least "), "%d", &least); err != nil || len(bad) < least {
					t.Errorf("%d bad lines, want %s: %q", len(bad), want, bad)
				}
			}
		})
	}
}

func TestSplitWords(t *testing.T) {
	for line, want := range map[string]string{
		"SET id = 5":                           "SET|id|5",
		"SET id=5":                             "SET|id|5",
		"SET id == 5":                          "SET|id|5",
		"SET id =":                             "SET|id",
		"SET 'my id' = -3":                     "SET|my id|-3",
		`CHART a.b '' "it's ok" 'units'`:       "CHART|a.b||it's ok|units",
		"SET 'abc'def = 1":                     "SET|abc|def|1",
		`SET a"b c" = 1`:                       `SET|a"b|c"|1`,
		`SET "a\"b" = 1`:                       `SET|a\"b|1`,
		"CLABEL k v=w 1":                       "CLABEL|k|v|w|1",
		"DIMENSION a '' incremental 'unclosed": "DIMENSION|a||incremental|unclosed",
		"  END  \r\n":                          "END",
		"# comment":                            "#|comment",
		"":                                     "",
		`SET a\`:                               `SET|a\`,
		"'":                                    "",
	} {
		var got []string
		for _, w := range SplitWords(nil, []byte(line)) {
			got = append(got, string(w))
		}
		if text := strings.Join(got, "|"); text != want {
			t.Errorf("%q is %q, want %q", line, text, want)
		}
	}
	if n := len(SplitWords(nil, []byte(strings.Repeat("x ", 10_000)))); n != MaxWords {
		t.Errorf("%d words", n)
	}
}

// TestIncrease has the vectors of wraps and resets at 32 and 64 bits.
func TestIncrease(t *testing.T) {
	for _, c := range []struct {
		last, now  int64
		largest    uint64
		want       float64
		wasReset   bool
		multiplier int64
		divisor    int64
	}{
		{100, 160, 160, 0.48, false, 8, 1000},
		{4294967290, 5, 4294967290, 10, true, 1, 1},
		{4294967295, 0, 4294967295, 0, true, 1, 1},
		{4000000000, 100, 4000000000, 294967395, true, 1, 1},
		{1000000, 5, 1000000, 0, true, 1, 1},
		{5000000000, 10, 5000000000, 0, true, 1, 1},
		{-6, 5, 5000000000, 10, true, 1, 1},
		{3, -5, 5, -8, false, 1, 1},
	} {
		d := Dimension{Algorithm: Incremental, Multiplier: c.multiplier, Divisor: c.divisor, Raw: c.now, IsSet: true, last: c.last, hasLast: true, largest: c.largest}
		chart := Chart{Dimensions: []*Dimension{&d}}
		chart.compute(time.Second)
		if d.Computed != c.want || d.WasReset != c.wasReset {
			t.Errorf("%d to %d: %v, reset %v, want %v, %v", c.last, c.now, d.Computed, d.WasReset, c.want, c.wasReset)
		}
	}
}

func TestRatesDivideByTheTimeBetweenCollections(t *testing.T) {
	r := newRecorder()
	p := NewParser("test", 1, r)
	at := time.Unix(1_700_000_000, 0)
	collect := func(after time.Duration, begin string, value int) {
		at = at.Add(after)
		for _, line := range []string{begin, fmt.Sprintf("SET a = %d", value), "END"} {
			if err := p.Line([]byte(line), at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if bad := feed(p, "CHART x.y '' t u", "DIMENSION a '' incremental 1 1"); bad != nil {
		t.Fatal(bad)
	}
	collect(0, "BEGIN x.y", 100)
	if len(r.values) != 0 {
		t.Errorf("the first collection gave %v", r.values)
	}
	for _, step := range []struct {
		after time.Duration
		begin string
		value int
		want  float64
	}{
		{2 * time.Second, "BEGIN x.y", 300, 100},         // by the clock
		{time.Second, "BEGIN x.y 500000", 400, 200},      // as the plugin says
		{10 * time.Second, "BEGIN x.y 1000000", 500, 10}, // by the clock: more than five intervals
	} {
		if collect(step.after, step.begin, step.value); r.values["x.y/a"] != step.want {
			t.Errorf("%+v: %v", step, r.values)
		}
	}
}

// TestARateIsOverTheTimeSinceTheDimensionWasCollected: it need not be collected in every round.
func TestARateIsOverTheTimeSinceTheDimensionWasCollected(t *testing.T) {
	r := newRecorder()
	p := NewParser("test", 1, r)
	bad := feed(p, "CHART x.y", "DIMENSION a '' incremental", "DIMENSION b '' incremental",
		"BEGIN x.y", "SET a = 0", "SET b = 0", "END",
		"BEGIN x.y 1000000", "SET a = 10", "END",
		"BEGIN x.y 1000000", "SET a = 20", "SET b = 20", "END")
	if diff := cmp.Diff(map[string]float64{"x.y/a": 10, "x.y/b": 10}, r.values); diff != "" || bad != nil {
		t.Error(diff, bad)
	}
}

// TestAResetLeavesTheShareOfTheOthers: what fell has no part in the growth of the row.
func TestAResetLeavesTheShareOfTheOthers(t *testing.T) {
	r := newRecorder()
	p := NewParser("test", 1, r)
	bad := feed(p, "CHART x.y", "DIMENSION a '' percentage-of-incremental-row", "DIMENSION b '' percentage-of-incremental-row", "DIMENSION c '' percentage-of-incremental-row",
		"BEGIN x.y", "SET a = 0", "SET b = 8000", "SET c = 0", "END",
		"BEGIN x.y 1000000", "SET a = 100", "SET b = 0", "SET c = 300", "END")
	if diff := cmp.Diff(map[string]float64{"x.y/a": 25, "x.y/b": 0, "x.y/c": 75}, r.values); diff != "" || bad != nil {
		t.Error(diff, bad)
	}
}

// TestObsoleteChartsMakeRoom: only what exists counts against the limits, and what is obsolete can be taken back.
func TestObsoleteChartsMakeRoom(t *testing.T) {
	r := newRecorder()
	p := NewParser("test", 1, r)
	for i := range 2*maxCharts + 10 {
		id := fmt.Sprintf("a.b%d", i)
		if bad := feed(p, "CHART "+id, "DIMENSION x", "BEGIN "+id, "SET x = 1", "END", "CHART "+id+" '' t u f c line 1 1 obsolete", "FLUSH"); bad != nil {
			t.Fatal(bad)
		}
	}
	if len(r.forgotten) != 2*maxCharts+10 {
		t.Errorf("%d charts were forgotten", len(r.forgotten))
	}
	last := fmt.Sprintf("a.b%d", 2*maxCharts+9)
	bad := feed(p, "BEGIN "+last, "SET x = 5", "END", "CHART "+last+" '' t u f c line 1 1 obsolete")
	if len(bad) != 1 || !strings.Contains(bad[0], "taken back") || r.values[last+"/x"] != 5 || r.forgotten[len(r.forgotten)-1] != last || len(r.forgotten) != 2*maxCharts+11 {
		t.Errorf("bad lines %q, value %v", bad, r.values[last+"/x"])
	}
	p = NewParser("test", 1, r)
	feed(p, "CHART d.m")
	for i := range maxDimensions + 10 {
		if bad := feed(p, fmt.Sprintf("CHART d.m%d", i/1000), fmt.Sprintf("DIMENSION d%d '' absolute 1 1 obsolete", i)); bad != nil {
			t.Fatal(bad)
		}
	}
}

func TestHostsVariablesLabels(t *testing.T) {
	r := newRecorder()
	p := NewParser("test", 5, r)
	const guid = "1d7ae6a1-ec5f-4e9e-bb3c-2e2f2bb8eb7a"
	bad := feed(p,
		"HOST_DEFINE "+guid+" router",
		"HOST_LABEL _os_name 'RouterOS 7'",
		"HOST_DEFINE_END",
		"CHART net.up net.uplink '' kbps",
		"DIMENSION a",
		"CLABEL 'Site Name' 'Ber;lin' 1",
		"CLABEL_COMMIT",
		"VARIABLE CHART limit = 12.5",
		"VARIABLE GLOBAL cores 4",
		"VARIABLE half @P/gAAAAAAAA",
		"BEGIN net.up",
		"SET a = 1",
		"END",
		"HOST localhost",
		"CHART net.up",
		"DIMENSION b",
		"BEGIN net.up",
		"SET b = 2",
		"END",
		"CHART net.up '' t u f c line 1 1 obsolete",
		"FLUSH",
	)
	if bad != nil {
		t.Errorf("bad lines: %q", bad)
	}
	if diff := cmp.Diff(map[string]int64{"routernet.up/a": 1, "net.up/b": 2}, r.raw); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"site_name": "Ber:lin"}, r.labels); diff != "" {
		t.Error(diff)
	}
	if r.variables["routernet.up/limit"] != 12.5 || r.variables["routercores"] != 4 {
		t.Errorf("variables %v", r.variables)
	}
	if diff := cmp.Diff([]string{"net.up"}, r.forgotten); diff != "" {
		t.Error(diff)
	}
	for line, want := range map[string]string{
		"HOST 00000000-0000-0000-0000-000000000000": "no such host",
		"HOST_DEFINE nonsense x":                    "no UUID",
		"HOST_LABEL a b":                            "no HOST_DEFINE",
		"HOST_DEFINE_END":                           "no HOST_DEFINE",
		"CLABEL a b 1":                              "no CHART",
		"CLABEL_COMMIT":                             "no CLABEL",
		"VARIABLE LOCAL a 1":                        "no chart",
		"VARIABLE":                                  "no name",
		"VARIABLE GLOBAL":                           "no name",
		"VARIABLE x = y":                            "not a number",
		"FUNCTION x":                                "needs name",
		"FUNCTION GLOBAL":                           "needs name",
		"NONSENSE":                                  "unknown keyword",
		"DIMENSION x":                               "no CHART",
		"END":                                       "no BEGIN",
		"BEGIN":                                     "no such chart",
		"CHART .x":                                  "no id",
	} {
		if bad := feed(NewParser("test", 1, r), line); len(bad) != 1 || !strings.Contains(bad[0], want) {
			t.Errorf("%s: %q, want %q", line, bad, want)
		}
	}
}

func TestFunctions(t *testing.T) {
	p := NewParser("apps", 1, newRecorder())
	var answers []Answer
	p.Functions.Answered = func(a Answer) { answers = append(answers, a) }
	bad := feed(p,
		"FUNCTION GLOBAL 'processes' 10 'Detailed information on the currently running processes.'",
		"FUNCTION_RESULT_BEGIN 1234 200 application/json 1700000100",
		`{"SET a = 1":`,
		"  2}",
		"FUNCTION_RESULT_END",
		"DISABLE",
	)
	if bad != nil || !p.IsDisabled {
		t.Errorf("bad lines %q, disabled %v", bad, p.IsDisabled)
	}
	want := []Answer{{Transaction: "1234", Code: 200, ContentType: "application/json", Expires: time.Unix(1700000100, 0), Body: []byte("{\"SET a = 1\":\n  2}\n")}}
	if diff := cmp.Diff(want, answers); diff != "" {
		t.Error(diff)
	}
	functions := []Function{{Name: "processes", Help: "Detailed information on the currently running processes.", Timeout: 10 * time.Second}}
	if diff := cmp.Diff(functions, p.Functions.List()); diff != "" {
		t.Error(diff)
	}
	line, err := Call("1234", 5*time.Second, "processes user:root")
	if err != nil || string(line) != "FUNCTION 1234 5 \"processes user:root\"\n" {
		t.Errorf("%q, %v", line, err)
	}
	if _, err := Call("1", 1, "x\" 1\nDISABLE"); err == nil {
		t.Error("a line can be smuggled into a call")
	}
}

// TestAnAnswerWithoutEndTakesNotAllLines: another answer, or time, ends it.
func TestAnAnswerWithoutEndTakesNotAllLines(t *testing.T) {
	r := newRecorder()
	p := NewParser("x", 1, r)
	var answers []string
	p.Functions.Answered = func(a Answer) { answers = append(answers, a.Transaction) }
	bad := feed(p, "CHART x.y", "DIMENSION a", "FUNCTION_RESULT_BEGIN 1 200 text/plain 0", "x", "FUNCTION_RESULT_BEGIN 2 200 text/plain 0", "FUNCTION_RESULT_END",
		"FUNCTION_RESULT_BEGIN 3 200 text/plain 0")
	if len(bad) != 1 || !strings.Contains(bad[0], "no FUNCTION_RESULT_END") {
		t.Errorf("bad lines %q", bad)
	}
	if diff := cmp.Diff([]string{"2"}, answers); diff != "" {
		t.Error(diff)
	}
	later := time.Unix(1_800_000_000, 0)
	if err := p.Line([]byte("BEGIN x.y"), later); err == nil || !strings.Contains(err.Error(), "no FUNCTION_RESULT_END") {
		t.Errorf("error %v", err)
	}
	for _, line := range []string{"SET a = 1", "END"} {
		if err := p.Line([]byte(line), later); err != nil {
			t.Error(err)
		}
	}
	if r.raw["x.y/a"] != 1 {
		t.Errorf("collected %v", r.raw)
	}
}

func TestNothingGrowsWithoutBound(t *testing.T) {
	r := newRecorder()
	p := NewParser("test", 1, r)
	bad := 0
	for i := range 30_000 {
		bad += len(feed(p, fmt.Sprintf("CHART a.b%d", i), "DIMENSION x", fmt.Sprintf("FUNCTION GLOBAL f%d 1 h", i), fmt.Sprintf("VARIABLE GLOBAL v%d 1", i), "CLABEL a b 1"))
	}
	if p.charts != maxCharts || len(p.Functions.List()) != maxFunctions || len(p.variables) != maxVariables || bad == 0 {
		t.Errorf("%d charts, %d functions, %d variables, %d bad lines", p.charts, len(p.Functions.List()), len(p.variables), bad)
	}
	for range 200 {
		feed(p, "CLABEL a b 1", "DIMENSION "+strings.Repeat("x", 5000))
	}
}

func FuzzLine(f *testing.F) {
	data, err := os.ReadFile("testdata/transcripts.json")
	if err != nil {
		f.Fatal(err)
	}
	var cases []struct{ Lines []string }
	if err := json.Unmarshal(data, &cases); err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(strings.Join(c.Lines, "\n"))
	}
	f.Add("FUNCTION_RESULT_BEGIN\nx\nFUNCTION_RESULT_END\nHOST_DEFINE 1d7ae6a1-ec5f-4e9e-bb3c-2e2f2bb8eb7a x\nVARIABLE GLOBAL a %3ff0000000000000")
	f.Fuzz(func(t *testing.T, lines string) {
		r := newRecorder()
		p := NewParser("fuzz", 1, r)
		feed(p, strings.Split(lines, "\n")...)
		for name := range r.raw {
			if !strings.Contains(name, ".") || len(name) > 2*maxText+200 {
				t.Errorf("the dimension %q", name)
			}
		}
	})
}

func BenchmarkLine(b *testing.B) {
	p := NewParser("bench", 1, nothing{})
	for chart := range 1000 {
		feed(p, fmt.Sprintf("CHART bench.c%d '' t u f c line 1 1", chart))
		for d := range 10 {
			feed(p, fmt.Sprintf("DIMENSION d%d '' incremental 1 1", d))
		}
	}
	var lines [][]byte
	for chart := range 1000 {
		lines = append(lines, fmt.Appendf(nil, "BEGIN bench.c%d 1000000", chart))
		for d := range 10 {
			lines = append(lines, fmt.Appendf(nil, "SET d%d = %d", d, chart*1000+d))
		}
		lines = append(lines, []byte("END"))
	}
	at := time.Now()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range lines {
			if err := p.Line(line, at); err != nil {
				b.Fatal(err)
			}
		}
		n += len(lines)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}

type nothing struct{}

func (nothing) Collected(*Chart, time.Time)             {}
func (nothing) Forgotten(*Chart)                        {}
func (nothing) Variable(*Host, *Chart, string, float64) {}
