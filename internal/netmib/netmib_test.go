package netmib

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// testMetric reports all columns as counters, except Now, which is a gauge, and Hidden, which is not reported.
func testMetric(title, name string) Metric {
	switch name {
	case "Hidden":
		return Metric{}
	case "Now":
		return Metric{Name: title + "_now"}
	}
	return Metric{Name: title + "_" + name, Unit: telemetry.Bytes, Kind: telemetry.Counter}
}

func newTable() *Table { return NewTable(telemetry.NewFactory("h", "test", nil), testMetric) }

func newBatch(second int64) *telemetry.Batch {
	at := time.Unix(second, 0)
	return telemetry.NewBatch(at, at, 16)
}

func valuesByName(b *telemetry.Batch) map[string]float64 {
	m := map[string]float64{}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		m[s.Name()] = v
	}
	return m
}

func expectValues(t *testing.T, what string, b *telemetry.Batch, want map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(want, valuesByName(b)); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// The kernel adds a block, adds a column and removes another while the agent runs. No value moves to another name, and
// the rates continue.
func TestPairsFollowTheHeaders(t *testing.T) {
	table := newTable()
	first, second := newBatch(0), newBatch(10)
	if n := table.AddPairs(first, []byte("Udp: A B Now\nUdp: 1 2 -1\nLite: A B Now\nLite: 3 4 5\n")); n != 6 {
		t.Errorf("%d values, want 6", n)
	}
	expectValues(t, "first", first, map[string]float64{"Udp_A": 1, "Udp_B": 2, "Udp_now": -1, "Lite_A": 3, "Lite_B": 4, "Lite_now": 5})
	if n := table.AddPairs(second, []byte("New: A\nNew: 9\nUdp: Hidden B C A\nUdp: 7 12 1 11\nLite: A B Now\nLite: 3\n")); n != 6 {
		t.Errorf("%d values, want 6", n)
	}
	expectValues(t, "second", second, map[string]float64{"New_A": 9, "Udp_B": 12, "Udp_B_rate": 1, "Udp_C": 1, "Udp_A": 11, "Udp_A_rate": 1, "Lite_A": 3, "Lite_A_rate": 0})
	if unit := telemetry.Bytes.PerSecond(); !hasUnit(second, "Udp_B_rate", unit) {
		t.Errorf("the rate is not in %s", unit)
	}
}

func hasUnit(b *telemetry.Batch, name string, unit telemetry.Unit) bool {
	for i := range b.Len() {
		if s, _, _ := b.Sample(i); s.Name() == name {
			return s.Unit() == unit
		}
	}
	return false
}

func TestLines(t *testing.T) {
	table := newTable()
	first, second := newBatch(0), newBatch(10)
	table.AddLines(first, []byte("Ip6In    \t10\nHidden 3\nNow -4\n"))
	expectValues(t, "first", first, map[string]float64{"_Ip6In": 10, "_now": -4})
	if n := table.AddLines(second, []byte("New 1\n\nIp6In 30")); n != 2 {
		t.Errorf("%d values, want 2", n)
	}
	expectValues(t, "second", second, map[string]float64{"_New": 1, "_Ip6In": 30, "_Ip6In_rate": 2})
}

func TestNoiseBecomesNoSeries(t *testing.T) {
	for text, want := range map[string]map[string]float64{
		"Tcp: A\x00 B(c) D\nTcp: 1 2 3\n":            {"Tcp_D": 3},
		"T-p: A\nT-p: 1\n":                           {},
		"Tcp: A B\nTcp: x 18446744073709551616\n":    {},
		"Tcp: Now A\nTcp: 18446744073709551615 -1\n": {}, // a gauge slightly below 0; a counter below 0
		"\xff\xff noise\nmore noise\n":               {},
		"Tcp: A\nTcp: 1 2 3\n":                       {"Tcp_A": 1},
		"Tcp:\nTcp:\n":                               {},
	} {
		b := newBatch(0)
		newTable().AddPairs(b, []byte(text))
		expectValues(t, text, b, want)
	}
	for _, text := range []string{"noise", "a-b 1", "A", "A x", " ", "A 18446744073709551616"} {
		b := newBatch(0)
		if n := newTable().AddLines(b, []byte(text)); b.Len() > 0 {
			t.Errorf("%q: %d values: %v", text, n, valuesByName(b))
		}
	}
}

func TestExcludedMetricsAreLeftOut(t *testing.T) {
	f := telemetry.NewFactory("h", "test", nil).Choose(telemetry.Choice{Wants: func(name string) bool { return name == "Tcp_A" }})
	table := NewTable(f, testMetric)
	for i := range int64(2) {
		b := newBatch(10 * i)
		table.AddPairs(b, []byte("Tcp: A B Now\nTcp: 1 2 3\n"))
		expectValues(t, "filtered", b, map[string]float64{"Tcp_A": 1})
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	table := newTable()
	pairs, lines := []byte("Udp: A B Now\nUdp: 1 2 -1\nLite: A B Now\nLite: 3 4 5\n"), []byte("Ip6In 1\nNow 2\n")
	at := int64(0)
	batches := []*telemetry.Batch{}
	for range 12 {
		at += 10
		batches = append(batches, newBatch(at))
	}
	if n := testing.AllocsPerRun(10, func() {
		b := batches[0]
		batches = batches[1:]
		table.AddPairs(b, pairs)
		table.AddLines(b, lines)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte("Tcp: A Now\nTcp: 1 -1\n"), []byte("Tcp: Now A\nTcp: 2 2\n"))
	f.Add([]byte("Tcp:now A\nTcp:"), []byte("Tcp: Now A\nTcp: 2 2\n"))
	f.Add([]byte("Ip6In 1\n"), []byte("A: B\nA: 1\nA: B\nA: 2\n"))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		changed, fresh := newTable(), newTable()
		changed.AddPairs(newBatch(0), before)
		changed.AddLines(newBatch(0), before)
		b, want := newBatch(0), newBatch(0)
		n := changed.AddPairs(b, after) + changed.AddLines(b, after)
		if m := fresh.AddPairs(want, after) + fresh.AddLines(want, after); n != m {
			t.Errorf("%d values, without the first file %d", n, m)
		}
		if got := valuesByName(b); !maps.Equal(got, valuesByName(want)) {
			t.Errorf("%v, without the first file %v", got, valuesByName(want))
		}
		for i := range b.Len() {
			if s, _, _ := b.Sample(i); !isColumnName([]byte(s.Name())) {
				t.Errorf("the name %q", s.Name())
			}
		}
	})
}

// TestColumnsWithTheSameMetric checks that the first column counts, also across files.
func TestColumnsWithTheSameMetric(t *testing.T) {
	same := func(string, string) Metric { return Metric{Name: "same"} }
	first := NewTable(telemetry.NewFactory("h", "test", nil), same)
	b := newBatch(0)
	first.AddPairs(b, []byte("A: X Y\nA: 1 2\nB: X\nB: 3\n"))
	first.Sibling().AddPairs(b, []byte("C: X\nC: 4\n"))
	if b.Len() != 1 || valuesByName(b)["same"] != 1 {
		t.Errorf("%d samples: %v", b.Len(), valuesByName(b))
	}
}
