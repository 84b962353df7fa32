package resp

import "testing"

func TestValueGrammar(t *testing.T) {
	for text, want := range map[string]bool{
		"1": true, "-1.5": true, "0": true, "0.5": true, "1e3": true, "1E-3": true, "-0": true, "1e-400": true,
		"": false, "+1": false, ".5": false, "5.": false, "05": false, "1e": false, "1e400": false, "0x10": false,
		"nan": false, "inf": false, "1_000": false, "1 ": false, "-": false, "1e+": false,
	} {
		if _, ok := ParseSampleValue([]byte(text)); ok != want {
			t.Errorf("%q accepted: %v, want %v", text, ok, want)
		}
	}
}

func TestFloatFormats(t *testing.T) {
	for _, c := range []struct {
		v            float64
		resp2, resp3 string
	}{
		{0, "0", "0"}, {1, "1", "1"}, {-1000, "-1000", "-1000"}, {0.5, "5E-1", "0.5"}, {0.001, "1E-3", "0.001"},
		{1e-7, "1E-7", "1e-7"}, {1e15, "1000000000000000", "1000000000000000"}, {1e20, "1E20", "1e+20"},
		{12345678901234567890, "1.2345678901234567E19", "12345678901234567000"},
		{123456789.125, "123456789.125", "123456789.125"}, {-2.5e-1, "-2.5E-1", "-0.25"},
	} {
		if got := string(AppendSampleValue(nil, c.v)); got != c.resp2 {
			t.Errorf("RESP2 of %v is %s, want %s", c.v, got, c.resp2)
		}
		if got := string(AppendDouble(nil, c.v)); got != c.resp3 {
			t.Errorf("RESP3 of %v is %s, want %s", c.v, got, c.resp3)
		}
	}
}

// TestFloatsDoNotAllocate covers range replies, which have one float per
// sample.
func TestFloatsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 64)
	for name, appendTo := range map[string]func([]byte, float64) []byte{"RESP2": AppendSampleValue, "RESP3": AppendDouble} {
		if n := testing.AllocsPerRun(100, func() { buf = appendTo(buf[:0], 0.7071067811865476) }); n > 0 {
			t.Errorf("%s: %.1f allocations", name, n)
		}
	}
}
