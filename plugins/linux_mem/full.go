package linuxmem

import (
	"bytes"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// rest reports the lines of /proc/meminfo that have no metric of their own: which there are, depends on the kernel.
type rest struct {
	sizes, counts *telemetry.Vec[string, *telemetry.Series] // by the kernel's name
}

func newRest(f *telemetry.Factory) *rest {
	series := func(unit telemetry.Unit) *telemetry.Vec[string, *telemetry.Series] {
		return telemetry.NewVec(func(line string) *telemetry.Series {
			name := metricName(line)
			if name == "" {
				return nil
			}
			return f.Gauge(name, unit)
		})
	}
	return &rest{sizes: series(telemetry.Bytes), counts: series(telemetry.None)}
}

func (r *rest) add(out *telemetry.Batch, data []byte) {
	hugePages := 0.0
	for len(data) > 0 {
		var line []byte
		line, data = scan.Line(data)
		name, value, isSize, ok := parseLine(line)
		switch {
		case !ok:
		case string(name) == "HugePages_Total":
			hugePages = float64(value)
			out.Add(*telemetry.GetBytes(r.counts, name), hugePages)
		case string(name) == "HugePages_Free": // comes after the total
			out.AddUpTo(*telemetry.GetBytes(r.counts, name), float64(value), hugePages)
		case isSize:
			out.Add(*telemetry.GetBytes(r.sizes, name), float64(value)*1024)
		default:
			out.Add(*telemetry.GetBytes(r.counts, name), float64(value))
		}
	}
	r.sizes.Sweep()
	r.counts.Sweep()
}

// parseLine reads a line such as "Active(anon):   1234 kB" or "HugePages_Total:   8", which is no size.
func parseLine(line []byte) (name []byte, value uint64, isSize, ok bool) {
	name, after, ok := bytes.Cut(line, []byte{':'})
	field, after := scan.Field(after)
	value, isNumber := scan.Uint(field)
	unit, after := scan.Field(after)
	more, _ := scan.Field(after)
	isSize = string(unit) == "kB"
	return name, value, isSize, ok && isNumber && len(name) > 0 && len(more) == 0 && (isSize || len(unit) == 0)
}

// metricName is what a line of the kernel's is called here; "" for those that have a metric anyway, and for what would
// take the name of one.
func metricName(line string) string {
	switch line {
	case "MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal", "SwapFree":
		return ""
	case "SReclaimable", "SUnreclaim", "KReclaimable": // words of one letter, which the rule would cut off
		return "mem_" + strings.ToLower(line)
	}
	if size, ok := strings.CutPrefix(line, "DirectMap"); ok {
		return "mem_direct_map" + scan.Snake(strings.ToLower(size)) // "2M" is one word
	}
	name := "mem_" + scan.Snake(line)
	if name == "mem_" || slices.Contains(ownNames(), name) {
		return ""
	}
	return name
}

// ownNames are the metrics that are always there.
func ownNames() []string {
	return []string{"mem_total", "mem_free", "mem_available", "mem_buffers", "mem_cached", "mem_used", "mem_used_percent", "mem_available_percent",
		"mem_swap_total", "mem_swap_used", "mem_swap_free", "mem_swap_percent"}
}
