package plugintest

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// Expect checks some of the gathered values. A key whose wanted value is NaN must not exist.
func Expect(tb testing.TB, got, want map[string]float64) {
	tb.Helper()
	for key, v := range want {
		switch g, ok := got[key]; {
		case math.IsNaN(v) && ok:
			tb.Errorf("%s is %v, want none", key, g)
		case !math.IsNaN(v) && (!ok || g != v):
			tb.Errorf("%s is %v (%v), want %v", key, g, ok, v)
		}
	}
}

// HasSeries checks that a batch has these series, as [telemetry.Series.String] writes them.
func HasSeries(tb testing.TB, b *telemetry.Batch, want ...string) {
	tb.Helper()
	got := BySeries(b)
	for _, series := range want {
		if _, ok := got[series]; !ok {
			tb.Errorf("no %s in %v", series, slices.Sorted(maps.Keys(got)))
		}
	}
}

// Configs decodes configurations. The error of each must contain its text; with an empty text there must be no error.
func Configs(tb testing.TB, def plugins.Definition, words map[string]string) {
	tb.Helper()
	for config, want := range words {
		_, problems := Decode(tb, def, config)
		err := problems.Err()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			tb.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}
