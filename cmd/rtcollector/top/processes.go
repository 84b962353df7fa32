package top

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"
)

// processData is what Redis has of the processes of a host.
type processData struct {
	groups      []groupRow // the one with the most CPU time first
	cpu, memory []nameRow  // the largest names first
}

// groupRow is a group of processes. Values that do not exist are NaN.
type groupRow struct {
	name     string
	count    float64
	cores    float64   // CPU time per second
	line     []float64 // cores over the span
	rss, pss float64   // bytes
}

// nameRow is the processes of one name.
type nameRow struct {
	name string
	now  float64
	line []float64 // over the span
}

// readProcesses reads the page of the processes of a host.
func (s *source) readProcesses(ctx context.Context, now time.Time, over span, host string) (*processData, error) {
	sum := func(label, metric string) string {
		return "sum by (" + label + ") (" + metric + "{host=" + quote(host) + "})"
	}
	cores := sum("group", "process_group_cpu_user_rate") + " + " + sum("group", "process_group_cpu_system_rate")
	count, rss, pss := &reading{expr: sum("group", "process_group_count")}, &reading{expr: sum("group", "process_group_rss")}, &reading{expr: sum("group", "process_group_pss")}
	coresNow, coresLine := &reading{expr: cores}, &reading{expr: cores, ranged: true}
	topCPU, topCPULine := &reading{expr: latestSum("process_top_cpu", host)}, &reading{expr: sum("name", "process_top_cpu"), ranged: true}
	topRSS, topRSSLine := &reading{expr: latestSum("process_top_rss", host)}, &reading{expr: sum("name", "process_top_rss"), ranged: true}
	if err := s.read(ctx, now, over, count, rss, pss, coresNow, coresLine, topCPU, topCPULine, topRSS, topRSSLine); err != nil {
		return nil, err
	}
	return &processData{newGroups(count, coresNow, coresLine, rss, pss), newNames(topCPU, topCPULine), newNames(topRSS, topRSSLine)}, nil
}

// latestSum returns an expression that adds up a metric of the names that are in the newest gather. Others have left the top, but would count
// for the whole lookback.
func latestSum(metric, host string) string {
	selected := metric + "{host=" + quote(host) + "}"
	return "sum by (name) (" + selected + " and (timestamp(" + selected + ") == scalar(max(timestamp(" + selected + ")))))"
}

// newGroups returns a row for each group that one of the readings has.
func newGroups(count, cores, coresLine, rss, pss *reading) (rows []groupRow) {
	at := map[string]int{}
	row := func(s *series) *groupRow {
		name := s.labels.Get("group")
		i, known := at[name]
		if !known {
			i = len(rows)
			at[name] = i
			rows = append(rows, groupRow{name: name, count: math.NaN(), cores: math.NaN(), rss: math.NaN(), pss: math.NaN()})
		}
		return &rows[i]
	}
	for i := range count.series {
		row(&count.series[i]).count = count.series[i].last()
	}
	for i := range cores.series {
		row(&cores.series[i]).cores = cores.series[i].last()
	}
	for i := range rss.series {
		row(&rss.series[i]).rss = rss.series[i].last()
	}
	for i := range pss.series {
		row(&pss.series[i]).pss = pss.series[i].last()
	}
	lines := coresLine.byLabel("group")
	for i := range rows {
		if line := lines[rows[i].name]; line != nil {
			rows[i].line = line.values
		}
	}
	slices.SortFunc(rows, func(a, b groupRow) int {
		return cmp.Or(cmp.Compare(b.cores, a.cores), cmp.Compare(b.rss, a.rss), cmp.Compare(a.name, b.name))
	})
	return rows
}

// newNames returns a row for each name.
func newNames(now, line *reading) (rows []nameRow) {
	lines := line.byLabel("name")
	for i := range now.series {
		row := nameRow{name: now.series[i].labels.Get("name"), now: now.series[i].last()}
		if line := lines[row.name]; line != nil {
			row.line = line.values
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b nameRow) int { return cmp.Or(cmp.Compare(b.now, a.now), cmp.Compare(a.name, b.name)) })
	return rows
}

// fold returns the first rows and one for the sum of the others, at most n altogether.
func fold(rows []groupRow, n int, name func(int) string) []groupRow {
	if len(rows) <= n || n < 1 {
		return rows
	}
	rest := groupRow{name: name(len(rows) - n + 1), count: math.NaN(), cores: math.NaN(), rss: math.NaN(), pss: math.NaN()}
	add := func(sum *float64, v float64) {
		switch {
		case math.IsNaN(*sum):
			*sum = v
		case !math.IsNaN(v):
			*sum += v
		}
	}
	for _, r := range rows[n-1:] {
		add(&rest.count, r.count)
		add(&rest.cores, r.cores)
		add(&rest.rss, r.rss)
		add(&rest.pss, r.pss)
		if rest.line == nil {
			rest.line = slices.Clone(r.line)
			continue
		}
		for i := range min(len(rest.line), len(r.line)) {
			add(&rest.line[i], r.line[i])
		}
	}
	return append(slices.Clone(rows[:n-1]), rest)
}
