package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

// allCores is the instance of linux_cpu's totals.
const allCores = "cpu-total"

// group is a part of the live table that may have any number of rows. The first is the most important.
type group struct {
	title string
	rows  []string
}

// table renders the live table in at most height rows, as few as one per group.
func table(l latest, height int) []string {
	groups := []group{
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
	for i, n := range share(height, sizes) {
		rows = append(rows, groups[i].first(n)...)
	}
	return rows
}

// share divides a number of rows among groups: everybody gets one in turn until all have what they want.
func share(total int, wants []int) []int {
	got := make([]int, len(wants))
	for given := true; given && total > 0; {
		given = false
		for i := range wants {
			if got[i] < wants[i] && total > 0 {
				got[i]++
				total--
				given = true
			}
		}
	}
	return got
}

// first returns the first n rows. If there are more, the last of several says how many.
func (g group) first(n int) []string {
	if n >= len(g.rows) || n < 2 {
		return g.rows[:n]
	}
	return append(g.rows[:n-1:n-1], fmt.Sprintf("%-8s … %d more", g.title, len(g.rows)-n+1))
}

func cpuRows(l latest) []string {
	var rows []string
	for _, core := range l.instances("cpu_usage_active") {
		active := l.one("cpu_usage_active", core)
		user := l.one("cpu_usage_user", core)
		system := l.one("cpu_usage_system", core)
		iowait := l.one("cpu_usage_iowait", core)
		if core == allCores {
			core = "all"
		}
		rows = append(rows, fmt.Sprintf("CPU      %s %s %s  user %s  sys %s  io %s", nameText(core), bar(active), percentText(active),
			percentText(user), percentText(system), percentText(iowait)))
	}
	if len(rows) == 0 {
		rows = append(rows, "CPU      (percentages need two readings)")
	}
	return rows
}

func memoryRows(l latest) []string {
	usage := func(title, metric string) string {
		percent := l.one(metric+"_used_percent", "")
		return fmt.Sprintf("%-8s %s %s %s  %s of %s", title, nameText(""), bar(percent), percentText(percent),
			bytesText(l.one(metric+"_used", "")), bytesText(l.one(metric+"_total", "")))
	}
	rows := []string{usage("Memory", "mem")}
	if l.one("swap_total", "") > 0 {
		rows = append(rows, usage("Swap", "swap"))
	}
	return rows
}

func systemRow(l latest) string {
	load1 := l.one("system_load1", "")
	load5 := l.one("system_load5", "")
	load15 := l.one("system_load15", "")
	up := l.one("system_uptime", "")
	users := l.one("system_n_users", "")
	return fmt.Sprintf("System   load %s %s %s   up %s   users %s", number(load1, 2), number(load5, 2), number(load15, 2), upText(up), number(users, 0))
}

func diskRows(l latest) []string {
	var rows []string
	for _, mount := range l.instances("disk_used_percent") {
		used := l.one("disk_used", mount)
		total := l.one("disk_total", mount)
		percent := l.one("disk_used_percent", mount)
		if mount == "root" {
			mount = "/"
		}
		rows = append(rows, fmt.Sprintf("Disk     %s %s %s  %s of %s", nameText(mount), bar(percent), percentText(percent), bytesText(used), bytesText(total)))
	}
	return rows
}

func networkRows(l latest) []string {
	var rows []string
	for _, iface := range l.instances("net_rx_bytes_rate") {
		rx := l.one("net_rx_bytes_rate", iface)
		tx := l.one("net_tx_bytes_rate", iface)
		rows = append(rows, fmt.Sprintf("Network  %s in %10s/s   out %10s/s", nameText(iface), bytesText(rx), bytesText(tx)))
	}
	return rows
}

func ioRows(l latest) []string {
	var rows []string
	for _, dev := range l.instances("diskio_util_percent") {
		read := l.one("diskio_read_bytes_rate", dev)
		written := l.one("diskio_write_bytes_rate", dev)
		util := l.one("diskio_util_percent", dev)
		rows = append(rows, fmt.Sprintf("Disk I/O %s read %9s/s   write %9s/s   busy %s", nameText(dev), bytesText(read), bytesText(written), percentText(util)))
	}
	return rows
}

func agentRow(l latest) string {
	resident := l.one("internal_process_resident_memory_bytes", "")
	seconds := l.one("internal_process_cpu_seconds_total", "")
	return fmt.Sprintf("Agent    memory %s (with the embedded Redis)   CPU time %s s", bytesText(resident), number(seconds, 2))
}

// plainLine is the table in one line.
func plainLine(l latest, stats embedded.Stats, rate float64) string {
	active := l.one("cpu_usage_active", allCores)
	percent := l.one("mem_used_percent", "")
	used := l.one("mem_used", "")
	load := l.one("system_load1", "")
	rx, tx := missing, missing
	for _, iface := range l.instances("net_rx_bytes_rate") {
		if iface != "lo" {
			rx, tx = plus(rx, l.one("net_rx_bytes_rate", iface)), plus(tx, l.one("net_tx_bytes_rate", iface))
		}
	}
	return fmt.Sprintf("cpu %s  mem %s (%s)  load %s  net in %s/s out %s/s  |  %d series, %.0f samples/s",
		strings.TrimSpace(percentText(active)), strings.TrimSpace(percentText(percent)), bytesText(used), number(load, 2),
		bytesText(rx), bytesText(tx), stats.Series, rate)
}

// missing stands for a value that does not exist yet.
var missing = math.NaN()

// plus adds values of which some may be missing.
func plus(a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	}
	return a + b
}

const dash = "–" // in the place of a missing value

// nameText cuts or fills the name of a thing to 14 columns.
func nameText(name string) string { return fmt.Sprintf("%-14s", cut(name, 14)) }

func number(v float64, decimals int) string {
	if math.IsNaN(v) {
		return dash
	}
	return fmt.Sprintf("%.*f", decimals, v)
}

// percentText renders a percentage in six columns.
func percentText(v float64) string {
	if math.IsNaN(v) {
		return fmt.Sprintf("%6s", dash)
	}
	return fmt.Sprintf("%5.1f%%", v)
}

// bar draws a percentage in ten cells.
func bar(percent float64) string {
	full := 0
	if !math.IsNaN(percent) {
		full = min(10, max(0, int(percent/10+0.5)))
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", 10-full) + "]"
}

// upText renders an uptime in seconds, in days and hours when it is long.
func upText(seconds float64) string {
	if math.IsNaN(seconds) {
		return dash
	}
	d := time.Duration(seconds) * time.Second
	if days := int(d.Hours()) / 24; days > 0 {
		return fmt.Sprintf("%dd %dh", days, int(d.Hours())%24)
	}
	return d.String()
}

// bytesText renders a number of bytes with three digits and a binary unit.
func bytesText(v float64) string {
	if math.IsNaN(v) {
		return dash
	}
	for _, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if v < 999.5 { // is not rounded to 1000
			if unit == "B" {
				return fmt.Sprintf("%.0f B", v)
			}
			return fmt.Sprintf("%.3g %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.3g PiB", v)
}
