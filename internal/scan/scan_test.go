package scan

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCutLine(t *testing.T) {
	var got []string
	for data := []byte("a b\n\nlast"); len(data) > 0; {
		var line []byte
		line, data = CutLine(data)
		got = append(got, string(line))
	}
	if diff := cmp.Diff([]string{"a b", "", "last"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCutField(t *testing.T) {
	var got []string
	for rest := []byte(" \tab  c\t\td \r"); ; {
		var field []byte
		field, rest = CutField(rest)
		if len(field) == 0 {
			break
		}
		got = append(got, string(field))
	}
	if diff := cmp.Diff([]string{"ab", "c", "d"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseUint(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "007": 7, "18446744073709551615": math.MaxUint64} {
		if got, ok := ParseUint([]byte(text)); !ok || got != want {
			t.Errorf("ParseUint(%q) = %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-1", "1a", "a1", " 1", "1.5", "+1", "18446744073709551616", "99999999999999999999"} {
		if got, ok := ParseUint([]byte(text)); ok {
			t.Errorf("ParseUint(%q) = %d, want an error", text, got)
		}
	}
}

func TestParseInt(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-0": 0, "-7": -7, "42500": 42500, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64} {
		if got, ok := ParseInt([]byte(text)); !ok || got != want {
			t.Errorf("ParseInt(%q) = %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", "--1", "+1", "1-", "- 1", "x", "1.5", "9223372036854775808", "-9223372036854775809", "99999999999999999999"} {
		if got, ok := ParseInt([]byte(text)); ok {
			t.Errorf("ParseInt(%q) = %d, want an error", text, got)
		}
	}
}

func TestParseUints(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []uint64
	}{
		{" 1 2  3 4 5", []uint64{1, 2, 3, 4}},
		{"1 2", []uint64{1, 2}},
		{"1 -7 3", []uint64{1, 0, 3}},
		{"1 - 3", []uint64{1}},
		{"1 x 3", []uint64{1}},
		{"", []uint64{}},
	} {
		var into [4]uint64
		n := ParseUints([]byte(tt.line), into[:])
		if diff := cmp.Diff(tt.want, into[:n]); diff != "" {
			t.Errorf("ParseUints(%q): %s", tt.line, diff)
		}
	}
}

func TestParseDecimal(t *testing.T) {
	for text, want := range map[string]float64{"0.08": 0.08, "12": 12, "1086.31": 1086.31, "3.10": 3.1, "5.69": 5.69, "0.00": 0, "7.007": 7.007} {
		if got, ok := ParseDecimal([]byte(text)); !ok || got != want {
			t.Errorf("ParseDecimal(%q) = %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", ".", "1.", ".5", "1.2.3", "-1.0", "1e3", "nan", "1." + strings.Repeat("0", 400)} {
		if got, ok := ParseDecimal([]byte(text)); ok {
			t.Errorf("ParseDecimal(%q) = %v, want an error", text, got)
		}
	}
}

func TestFindValue(t *testing.T) {
	const meminfo = "MemTotal:       100 kB\nSwapCached:  7 kB\nCached:  42 kB\nBad: x\nEmpty:\nLast: 9"
	for key, want := range map[string]uint64{"MemTotal:": 100, "Cached:": 42, "Last:": 9} {
		if got, ok := FindValue([]byte(meminfo), key); !ok || got != want {
			t.Errorf("FindValue(%q) = %d, %v, want %d", key, got, ok, want)
		}
	}
	for _, key := range []string{"Bad:", "Empty:", "Missing:", "emTotal:"} {
		if got, ok := FindValue([]byte(meminfo), key); ok {
			t.Errorf("FindValue(%q) = %d, want none", key, got)
		}
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	data := []byte("MemTotal: 100 kB\nCached: 42 kB\n")
	n := testing.AllocsPerRun(100, func() {
		FindValue(data, "Cached:")
		ParseDecimal(data[10:13])
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseNumbers(f *testing.F) {
	for _, seed := range []string{"cpu 1 2 3", "0.08 0.03 1/2 3", "MemTotal: 1 kB\n", "-", ".", "-18446744073709551615", "1.0000000000000000000"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var into [8]uint64
		ParseUints(data, into[:])
		FindValue(data, "MemTotal:")
		if v, ok := ParseInt(data); ok && v < 0 != (data[0] == '-' && v != 0) {
			t.Errorf("ParseInt(%q) = %d", data, v)
		}
		if v, ok := ParseDecimal(data); ok && (v < 0 || math.IsNaN(v) || math.IsInf(v, 0)) {
			t.Errorf("ParseDecimal(%q) = %v", data, v)
		}
	})
}

func TestToSnakeCase(t *testing.T) {
	for name, want := range map[string]string{
		"InNoRoutes": "in_no_routes", "OFOQueue": "ofo_queue", "HPHitsToUser": "hp_hits_to_user", "Active(anon)": "active_anon",
		"HugePages_Total": "huge_pages_total", "DirectMap4k": "direct_map4k", "MD5NotFound": "md5_not_found", "TW": "tw", "lower_case": "lower_case",
		"A": "a", "": "", "__": "", "KernelStack:": "kernel_stack", "\xff": "",
	} {
		if got := ToSnakeCase(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
