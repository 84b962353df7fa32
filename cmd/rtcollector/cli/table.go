package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

// allCores is the instance label of linux_cpu's totals.
const allCores = "cpu-total"

// rowGroup is a part of the live table with any number of rows, the most important first.
type rowGroup struct {
	title string
	rows  []string
}

// renderTable renders the live table in at most height rows. If there is too little room, each group is shortened to as little as one
// row.
func renderTable(l latestValues, height int) []string {
	groups := []rowGroup{
		{"CPU", cpuRows(l)},
		{"Memory", memoryRows(l)},
		{"System", []string{systemRow(l)}},
		{"Disk", diskRows(l)},
		{"Network", networkRows(l)},
		{"Disk I/O", ioRows(l)},
		{"Agent", []string{agentRow(l)}},
	}
	sizes := make([]int, len(groups))
	for i, g := range groups {
		sizes[i] = len(g.rows)
	}
	var rows []string
	for i, n := range distributeRows(height, sizes) {
		rows = append(rows, groups[i].firstRows(n)...)
	}
	return rows
}

// distributeRows divides total rows among groups of the given sizes: each group gets one row in turn until it is complete.
func distributeRows(total int, sizes []int) []int {
	shares := make([]int, len(sizes))
	for changed := true; changed && total > 0; {
		changed = false
		for i := range sizes {
			if shares[i] < sizes[i] && total > 0 {
				shares[i]++
				total--
				changed = true
			}
		}
	}
	return shares
}

// firstRows returns n rows. If the group has more, the last of them says how many are missing.
func (g rowGroup) firstRows(n int) []string {
	if n >= len(g.rows) || n < 2 {
		return g.rows[:n]
	}
	return append(g.rows[:n-1:n-1], fmt.Sprintf("%-8s … %d more", g.title, len(g.rows)-n+1))
}

func cpuRows(l latestValues) []string {
	var rows []string
	for _, core := range l.instances("cpu_usage_active") {
		active := l.value("cpu_usage_active", core)
		user := l.value("cpu_usage_user", core)
		system := l.value("cpu_usage_system", core)
		iowait := l.value("cpu_usage_iowait", core)
		if core == allCores {
			core = "all"
		}
		rows = append(rows, fmt.Sprintf("CPU      %s %s %s  user %s  sys %s  io %s", formatName(core), formatBar(active), formatPercent(active),
			formatPercent(user), formatPercent(system), formatPercent(iowait)))
	}
	if len(rows) == 0 {
		rows = append(rows, "CPU      (percentages need two readings)")
	}
	return rows
}

func memoryRows(l latestValues) []string {
	usage := func(title, metric string) string {
		percent := l.value(metric+"_used_percent", "")
		return fmt.Sprintf("%-8s %s %s %s  %s of %s", title, formatName(""), formatBar(percent), formatPercent(percent),
			formatBytes(l.value(metric+"_used", "")), formatBytes(l.value(metric+"_total", "")))
	}
	rows := []string{usage("Memory", "mem")}
	if l.value("swap_total", "") > 0 {
		rows = append(rows, usage("Swap", "swap"))
	}
	return rows
}

func systemRow(l latestValues) string {
	load1 := l.value("system_load1", "")
	load5 := l.value("system_load5", "")
	load15 := l.value("system_load15", "")
	up := l.value("system_uptime", "")
	users := l.value("system_n_users", "")
	return fmt.Sprintf("System   load %s %s %s   up %s   users %s", formatNumber(load1, 2), formatNumber(load5, 2), formatNumber(load15, 2), formatUptime(up), formatNumber(users, 0))
}

func diskRows(l latestValues) []string {
	var rows []string
	for _, mount := range l.instances("disk_used_percent") {
		used := l.value("disk_used", mount)
		total := l.value("disk_total", mount)
		percent := l.value("disk_used_percent", mount)
		if mount == "root" {
			mount = "/"
		}
		rows = append(rows, fmt.Sprintf("Disk     %s %s %s  %s of %s", formatName(mount), formatBar(percent), formatPercent(percent), formatBytes(used), formatBytes(total)))
	}
	return rows
}

func networkRows(l latestValues) []string {
	var rows []string
	for _, iface := range l.instances("net_rx_bytes_rate") {
		rx := l.value("net_rx_bytes_rate", iface)
		tx := l.value("net_tx_bytes_rate", iface)
		rows = append(rows, fmt.Sprintf("Network  %s in %10s/s   out %10s/s", formatName(iface), formatBytes(rx), formatBytes(tx)))
	}
	return rows
}

func ioRows(l latestValues) []string {
	var rows []string
	for _, dev := range l.instances("diskio_util_percent") {
		read := l.value("diskio_read_bytes_rate", dev)
		written := l.value("diskio_write_bytes_rate", dev)
		util := l.value("diskio_util_percent", dev)
		rows = append(rows, fmt.Sprintf("Disk I/O %s read %9s/s   write %9s/s   busy %s", formatName(dev), formatBytes(read), formatBytes(written), formatPercent(util)))
	}
	return rows
}

func agentRow(l latestValues) string {
	resident := l.value("internal_process_resident_memory_bytes", "")
	seconds := l.value("internal_process_cpu_seconds_total", "")
	return fmt.Sprintf("Agent    memory %s (with the embedded Redis)   CPU time %s s", formatBytes(resident), formatNumber(seconds, 2))
}

// formatPlainLine formats the most important values in one line.
func formatPlainLine(l latestValues, stats embedded.Stats, rate float64) string {
	active := l.value("cpu_usage_active", allCores)
	percent := l.value("mem_used_percent", "")
	used := l.value("mem_used", "")
	load := l.value("system_load1", "")
	rx, tx := missing, missing
	for _, iface := range l.instances("net_rx_bytes_rate") {
		if iface != "lo" {
			rx, tx = addKnown(rx, l.value("net_rx_bytes_rate", iface)), addKnown(tx, l.value("net_tx_bytes_rate", iface))
		}
	}
	return fmt.Sprintf("cpu %s  mem %s (%s)  load %s  net in %s/s out %s/s  |  %d series, %.0f samples/s",
		strings.TrimSpace(formatPercent(active)), strings.TrimSpace(formatPercent(percent)), formatBytes(used), formatNumber(load, 2),
		formatBytes(rx), formatBytes(tx), stats.Series, rate)
}

// missing represents a value that does not exist yet.
var missing = math.NaN()

// addKnown adds two values. A missing one counts as 0 unless both are missing.
func addKnown(a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	}
	return a + b
}

const dash = "–" // is printed for a missing value

// formatName truncates or pads the name of an entity to 14 columns.
func formatName(name string) string { return fmt.Sprintf("%-14s", truncate(name, 14)) }

func formatNumber(v float64, decimals int) string {
	if math.IsNaN(v) {
		return dash
	}
	return fmt.Sprintf("%.*f", decimals, v)
}

// formatPercent formats a percentage in six columns.
func formatPercent(v float64) string {
	if math.IsNaN(v) {
		return fmt.Sprintf("%6s", dash)
	}
	return fmt.Sprintf("%5.1f%%", v)
}

// formatBar returns a bar of ten cells for a percentage.
func formatBar(percent float64) string {
	full := 0
	if !math.IsNaN(percent) {
		full = min(10, max(0, int(percent/10+0.5)))
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", 10-full) + "]"
}

// formatUptime formats a time in seconds; from one day on in days and hours.
func formatUptime(seconds float64) string {
	if math.IsNaN(seconds) {
		return dash
	}
	d := time.Duration(seconds) * time.Second
	if days := int(d.Hours()) / 24; days > 0 {
		return fmt.Sprintf("%dd %dh", days, int(d.Hours())%24)
	}
	return d.String()
}

// formatBytes formats a number of bytes with three digits and a binary unit.
func formatBytes(v float64) string {
	if math.IsNaN(v) {
		return dash
	}
	for _, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if v < 999.5 { // larger values would be rounded to 1000
			if unit == "B" {
				return fmt.Sprintf("%.0f B", v)
			}
			return fmt.Sprintf("%.3g %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.3g PiB", v)
}
