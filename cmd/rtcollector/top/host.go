package top

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// section is a part of the page of a host: a row per entity.
type section struct {
	title   string
	labels  []string // which identify the entity
	columns []column // the first one decides which rows exist, and has the sparkline
	omit    string   // no rows whose entity is this
}

// column is a metric of a section.
type column struct {
	title  string // before the value; "": none
	metric string
}

// sections are what a host page can show. A section without data is left out.
var sections = []section{
	{"CPU", []string{"core"}, []column{{"", "cpu_usage_active"}, {"user", "cpu_usage_user"}, {"sys", "cpu_usage_system"}, {"io", "cpu_usage_iowait"}}, ""},
	{"Memory", nil, []column{{"", "mem_used_percent"}, {"", "mem_used"}, {"of", "mem_total"}}, ""},
	{"Swap", nil, []column{{"", "swap_used_percent"}, {"", "swap_used"}, {"of", "swap_total"}}, ""},
	{"Load", nil, []column{{"", "system_load1"}, {"", "system_load5"}, {"", "system_load15"}, {"up", "system_uptime"}}, ""},
	{"Pressure", []string{"resource", "type"}, []column{{"", "kernel_pressure_avg10"}}, "cpu full"}, // the kernel reports 0
	{"Disk", []string{"mount"}, []column{{"", "disk_used_percent"}, {"", "disk_used"}, {"of", "disk_total"}}, ""},
	{"Network", []string{"iface"}, []column{{"in", "net_rx_bytes_rate"}, {"out", "net_tx_bytes_rate"}}, "lo"},
	{"Disk I/O", []string{"device"}, []column{{"", "diskio_util_percent"}, {"read", "diskio_read_bytes_rate"}, {"write", "diskio_write_bytes_rate"}}, ""},
	{"Sensors", []string{"chip", "sensor"}, []column{{"", "sensor_temperature"}}, ""},
	{"Docker", []string{"container_name"}, []column{{"CPU", "docker_cpu_percent"}, {"memory", "docker_mem_usage"}}, ""},
	{"Agent", nil, []column{{"memory", "internal_process_resident_memory_bytes"}, {"CPU", "internal_process_cpu_seconds_total_rate"}}, ""},
}

// allCores is the value of the label core for the total of all CPUs.
const allCores = "cpu-total"

// hostData is what Redis has of one host: by metric, then by entity.
type hostData struct {
	values map[string][]hostValue
}

// hostValue is a series of a host.
type hostValue struct {
	entity string // the values of the labels of a section
	unit   string
	line   []float64 // over the span; nil: only now
	now    float64
}

// readHost reads the page of a host.
func (s *source) readHost(ctx context.Context, now time.Time, over span, host string) (*hostData, error) {
	var all, lines []string
	labelsOf := map[string][]string{}
	for _, section := range sections {
		lines = append(lines, section.columns[0].metric)
		for _, c := range section.columns {
			all = append(all, c.metric)
			labelsOf[c.metric] = section.labels
		}
	}
	current := &reading{expr: "{" + anyOf(all) + ",host=" + quote(host) + "}"}
	history := &reading{expr: "{" + anyOf(lines) + ",host=" + quote(host) + "}", ranged: true}
	if err := s.read(ctx, now, over, current, history); err != nil {
		return nil, err
	}
	drawn := map[string][]float64{}
	for _, h := range history.series {
		name := h.labels.Get("__name__")
		drawn[name+"\x00"+entityOf(&h, labelsOf[name])] = h.values
	}
	d := &hostData{map[string][]hostValue{}}
	for _, c := range current.series {
		name := c.labels.Get("__name__")
		entity := entityOf(&c, labelsOf[name])
		d.values[name] = append(d.values[name], hostValue{entity, c.labels.Get("unit"), drawn[name+"\x00"+entity], c.last()})
	}
	for _, values := range d.values {
		slices.SortFunc(values, func(a, b hostValue) int { return compareEntities(a.entity, b.entity) })
	}
	return d, nil
}

func entityOf(s *series, names []string) string {
	var parts []string
	for _, name := range names {
		if v := s.labels.Get(name); v != "" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, " ")
}

// compareEntities sorts the total first, and cpu10 after cpu9.
func compareEntities(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == allCores:
		return -1
	case b == allCores:
		return 1
	}
	if strings.TrimRight(a, "0123456789") == strings.TrimRight(b, "0123456789") {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}

// get returns the series of a metric and an entity.
func (d *hostData) get(metric, entity string) (hostValue, bool) {
	for _, v := range d.values[metric] {
		if v.entity == entity {
			return v, true
		}
	}
	return hostValue{}, false
}
