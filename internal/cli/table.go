package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

// allCores is the instance of linux_cpu's totals.
const allCores = "cpu-total"

// table renders the live table, a row per thing.
func table(l latest) []string {
	var rows []string
	rows = append(rows, cpuRows(l)...)
	rows = append(rows, memoryRows(l)...)
	rows = append(rows, systemRow(l))
	for _, mount := range l.instances("disk_used_percent") {
		used := l.one("disk_used", mount)
		total := l.one("disk_total", mount)
		percent := l.one("disk_used_percent", mount)
		if mount == "root" {
			mount = "/"
		}
		rows = append(rows, fmt.Sprintf("Disk     %-14s %s %5.1f%%  %s of %s", mount, bar(percent), percent, bytesText(used), bytesText(total)))
	}
	for _, iface := range l.instances("net_rx_bytes_rate") {
		rx := l.one("net_rx_bytes_rate", iface)
		tx := l.one("net_tx_bytes_rate", iface)
		rows = append(rows, fmt.Sprintf("Network  %-14s in %10s/s   out %10s/s", iface, bytesText(rx), bytesText(tx)))
	}
	for _, dev := range l.instances("diskio_util_percent") {
		read := l.one("diskio_read_bytes_rate", dev)
		written := l.one("diskio_write_bytes_rate", dev)
		util := l.one("diskio_util_percent", dev)
		rows = append(rows, fmt.Sprintf("Disk I/O %-14s read %8s/s   write %8s/s   busy %5.1f%%", dev, bytesText(read), bytesText(written), util))
	}
	return append(rows, agentRow(l))
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
		if len(rows) == 9 { // a server with 128 cores would leave no room for the rest
			return append(rows, "CPU      …")
		}
		rows = append(rows, fmt.Sprintf("CPU      %-14s %s %5.1f%%  user %.1f%%  system %.1f%%  iowait %.1f%%", core, bar(active), active, user, system, iowait))
	}
	if len(rows) == 0 {
		rows = append(rows, "CPU      (percentages need two readings)")
	}
	return rows
}

func memoryRows(l latest) []string {
	var rows []string
	used := l.one("mem_used", "")
	total := l.one("mem_total", "")
	percent := l.one("mem_used_percent", "")
	rows = append(rows, fmt.Sprintf("Memory   %-14s %s %5.1f%%  %s of %s", "", bar(percent), percent, bytesText(used), bytesText(total)))
	if swap := l.one("swap_total", ""); swap > 0 {
		used := l.one("swap_used", "")
		percent := l.one("swap_used_percent", "")
		rows = append(rows, fmt.Sprintf("Swap     %-14s %s %5.1f%%  %s of %s", "", bar(percent), percent, bytesText(used), bytesText(swap)))
	}
	return rows
}

func systemRow(l latest) string {
	load1 := l.one("system_load1", "")
	load5 := l.one("system_load5", "")
	load15 := l.one("system_load15", "")
	up := l.one("system_uptime", "")
	users := l.one("system_n_users", "")
	return fmt.Sprintf("System   load %.2f %.2f %.2f   up %s   users %.0f", load1, load5, load15, time.Duration(up)*time.Second, users)
}

func agentRow(l latest) string {
	resident := l.one("internal_process_resident_memory_bytes", "")
	seconds := l.one("internal_process_cpu_seconds_total", "")
	return fmt.Sprintf("Agent    memory %s (with the embedded Redis)   CPU time %.2f s", bytesText(resident), seconds)
}

// plainLine is the table in one line.
func plainLine(l latest, stats embedded.Stats, rate float64) string {
	active := l.one("cpu_usage_active", allCores)
	percent := l.one("mem_used_percent", "")
	used := l.one("mem_used", "")
	load := l.one("system_load1", "")
	var rx, tx float64
	for _, iface := range l.instances("net_rx_bytes_rate") {
		in := l.one("net_rx_bytes_rate", iface)
		out := l.one("net_tx_bytes_rate", iface)
		if iface != "lo" {
			rx, tx = rx+in, tx+out
		}
	}
	return fmt.Sprintf("cpu %.1f%%  mem %.1f%% (%s)  load %.2f  net in %s/s out %s/s  |  %d series, %.0f samples/s",
		active, percent, bytesText(used), load, bytesText(rx), bytesText(tx), stats.Series, rate)
}

// bar draws a percentage in ten cells.
func bar(percent float64) string {
	full := min(10, max(0, int(percent/10+0.5)))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", 10-full) + "]"
}

// bytesText renders a number of bytes with three digits and a binary unit.
func bytesText(v float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if v < 1000 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", v)
			}
			return fmt.Sprintf("%.3g %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.3g PiB", v)
}
