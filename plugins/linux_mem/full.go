package linuxmem

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// otherLines reports the lines of /proc/meminfo that have no metric of their own. Kernels differ in their lines.
type otherLines struct {
	sizes, counts *telemetry.Vec[string, *telemetry.Series] // by the kernel's name
}

func newOtherLines(f *telemetry.Factory) *otherLines {
	series := func(unit telemetry.Unit) *telemetry.Vec[string, *telemetry.Series] {
		return telemetry.NewVec(f, func(f *telemetry.Factory, line string) *telemetry.Series {
			name := metricName(line)
			if name == "" {
				return nil
			}
			return f.Gauge(name, unit)
		})
	}
	return &otherLines{sizes: series(telemetry.Bytes), counts: series(telemetry.None)}
}

func (r *otherLines) addSamples(out *telemetry.Batch, data []byte) {
	var prefix []byte // prefix of the last total: "HugePages_", "Vmalloc"
	total := uint64(0)
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		name, value, isSize, ok := parseLine(line)
		series, scale := r.counts, 1.0
		switch {
		case !ok:
			continue
		case isSize:
			series, scale = r.sizes, 1024
		}
		if beforeTotal, isTotal := bytes.CutSuffix(name, []byte("Total")); isTotal {
			prefix, total = beforeTotal, value
		}
		whole := uint64(math.MaxUint64)
		if suffix, ok := bytes.CutPrefix(name, prefix); ok && len(prefix) > 0 && (string(suffix) == "Free" || string(suffix) == "Used") {
			whole = total
		}
		out.AddUpTo(*telemetry.GetBytes(series, name), float64(value)*scale, float64(whole)*scale)
	}
	r.sizes.Sweep(out)
	r.counts.Sweep(out)
}

// parseLine parses a line such as "Active(anon):   1234 kB", or "HugePages_Total:   8", which is a count rather than a
// size.
func parseLine(line []byte) (name []byte, value uint64, isSize, ok bool) {
	name, after, ok := bytes.Cut(line, []byte{':'})
	field, after := scan.CutField(after)
	value, isNumber := scan.ParseUint(field)
	unit, after := scan.CutField(after)
	more, _ := scan.CutField(after)
	isSize = string(unit) == "kB"
	return name, value, isSize, ok && isNumber && len(name) > 0 && len(more) == 0 && (isSize || len(unit) == 0)
}

// metricName returns the metric of a line with this name. It returns "" if the line has its own metric, or if its name
// would collide with such a metric.
func metricName(line string) string {
	switch line {
	case "MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal", "SwapFree":
		return ""
	case "SReclaimable", "SUnreclaim", "KReclaimable": // Snake would split off the first letter
		return "mem_" + strings.ToLower(line)
	}
	if size, ok := strings.CutPrefix(line, "DirectMap"); ok {
		return "mem_direct_map" + scan.ToSnakeCase(strings.ToLower(size)) // "2M" is one word
	}
	name := "mem_" + scan.ToSnakeCase(line)
	if name == "mem_" || slices.Contains(fixedMetricNames(), name) {
		return ""
	}
	return name
}

// fixedMetricNames returns the metrics that are always reported.
func fixedMetricNames() []string {
	return []string{"mem_total", "mem_free", "mem_available", "mem_buffers", "mem_cached", "mem_used", "mem_used_percent", "mem_available_percent",
		"mem_swap_total", "mem_swap_used", "mem_swap_free", "mem_swap_percent"}
}
