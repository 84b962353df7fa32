package tui

import (
	"math"
	"testing"
)

func TestSparkline(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		width  int
		top    float64
		want   string
	}{
		{[]float64{0, 50, 100, 200, -5}, 5, 100, "▁▄██▁"},
		{[]float64{1, 2, 4}, 5, 0, "  ▂▄█"},
		{[]float64{1, 2, 4}, 2, 0, "▄█"},
		{nil, 3, 0, "   "},
		{[]float64{math.NaN(), 1, math.NaN(), math.Inf(1)}, 4, 0, " █ █"},
		{[]float64{0, 0}, 2, 0, "▁▁"},
	} {
		if got := Sparkline(tc.values, tc.width, tc.top); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.values, got, tc.want)
		}
	}
}
