package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

func hostValues() latest {
	return latest{
		"cpu_usage_active": {{"cpu-total", 54.6}, {"cpu0", 96}}, "cpu_usage_user": {{"cpu-total", 30}, {"cpu0", 90}},
		"cpu_usage_system": {{"cpu-total", 24.5}, {"cpu0", 6}}, "cpu_usage_iowait": {{"cpu-total", 0.1}, {"cpu0", 0}},
		"mem_used": {{"", 3 << 30}}, "mem_total": {{"", 4 << 30}}, "mem_used_percent": {{"", 75}},
		"swap_total": {{"", 1 << 30}}, "swap_used": {{"", 0}}, "swap_used_percent": {{"", 0}},
		"system_load1": {{"", 1.5}}, "system_load5": {{"", 0.25}}, "system_load15": {{"", 0.1}}, "system_uptime": {{"", 3661}}, "system_n_users": {{"", 2}},
		"disk_used_percent": {{"/home", 3.4}, {"root", 100}}, "disk_used": {{"/home", 34 << 20}, {"root", 900}}, "disk_total": {{"/home", 1000 << 20}, {"root", 999}},
		"net_rx_bytes_rate": {{"eth0", 2048}, {"lo", 7 << 20}}, "net_tx_bytes_rate": {{"eth0", 512}, {"lo", 7 << 20}},
		"diskio_util_percent": {{"sda", 12.5}}, "diskio_read_bytes_rate": {{"sda", 1 << 20}}, "diskio_write_bytes_rate": {{"sda", 5 << 40}},
		"internal_process_resident_memory_bytes": {{"", 20 << 20}}, "internal_process_cpu_seconds_total": {{"", 0.12}},
	}
}

func TestTable(t *testing.T) {
	const want = `CPU      all            [#####.....]  54.6%  user 30.0%  system 24.5%  iowait 0.1%
CPU      cpu0           [##########]  96.0%  user 90.0%  system 6.0%  iowait 0.0%
Memory                  [########..]  75.0%  3 GiB of 4 GiB
Swap                    [..........]   0.0%  0 B of 1 GiB
System   load 1.50 0.25 0.10   up 1h1m1s   users 2
Disk     /home          [..........]   3.4%  34 MiB of 0.977 GiB
Disk     /              [##########] 100.0%  900 B of 999 B
Network  eth0           in      2 KiB/s   out      512 B/s
Network  lo             in      7 MiB/s   out      7 MiB/s
Disk I/O sda            read    1 MiB/s   write    5 TiB/s   busy  12.5%
Agent    memory 20 MiB (with the embedded Redis)   CPU time 0.12 s
`
	if diff := cmp.Diff(want, strings.Join(table(hostValues()), "\n")+"\n"); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	const line = "cpu 54.6%  mem 75.0% (3 GiB)  load 1.50  net in 2 KiB/s out 512 B/s  |  240 series, 99 samples/s"
	if diff := cmp.Diff(line, plainLine(hostValues(), embedded.Stats{Series: 240}, 99)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTableOfManyCores(t *testing.T) {
	l := latest{}
	for i := range 128 {
		l["cpu_usage_active"] = append(l["cpu_usage_active"], point{fmt.Sprintf("cpu%d", i), 1})
	}
	rows := cpuRows(l)
	if len(rows) != 10 || rows[9] != "CPU      …" {
		t.Errorf("%d rows, the last %q", len(rows), rows[len(rows)-1])
	}
	if rows := cpuRows(latest{}); len(rows) != 1 || !strings.Contains(rows[0], "two readings") {
		t.Errorf("before the second reading: %q", rows)
	}
	for _, row := range memoryRows(latest{"mem_total": {{"", 1}}}) {
		if strings.HasPrefix(row, "Swap") {
			t.Errorf("a host without swap shows %q", row)
		}
	}
}

// TestScreen draws on something that is no terminal but is treated as one.
func TestScreen(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out, false)
	s.begin("atila", "127.0.0.1:6390")
	if out.String() != altScreen {
		t.Errorf("begins with %q", &out)
	}
	for i := range 6 {
		fmt.Fprintf(s.logs(nil), "line %d\n", i)
	}
	s.draw(hostValues(), embedded.Stats{Series: 240, Samples: 1_000_000_000, Bytes: 3 << 20})
	s.at = s.at.Add(-10 * time.Second) // the second refresh comes ten seconds later
	out.Reset()
	s.draw(hostValues(), embedded.Stats{Series: 240, Samples: 2_000_000_000, Bytes: 3 << 20})
	var rate float64
	text := out.String()
	if _, err := fmt.Sscanf(text[strings.Index(text, "series   ")+len("series   "):], "%f samples/s", &rate); err != nil || rate > 100_000_000 {
		t.Errorf("%v samples/s, want those since the last refresh: %v", rate, err)
	}
	for _, want := range []string{
		home + "rtcollector demo   host atila   240 series", "redis-cli -p 6390 TS.RANGE atila:mem_used", "embedded, 3 MiB, in memory only",
		"\x1b[K\r\nCPU      all", "Ctrl-C ends.\x1b[K\r\n\x1b[K\r\nline 2\x1b[K\r\nline 3\x1b[K\r\nline 4\x1b[K\r\nline 5\x1b[K\r\n" + eraseBelow,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("does not show %q:\n%q", want, text)
		}
	}
	if strings.Contains(text, "line 1") {
		t.Error("shows more than the last four lines of the log")
	}
	out.Reset()
	s.end()
	if !strings.HasPrefix(out.String(), mainScreen) || !strings.Contains(out.String(), "2000000000 samples in 240 series were stored") {
		t.Errorf("ends with %q", &out)
	}
}

func TestRedisCLI(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:1": "redis-cli -p 1", "0.0.0.0:2": "redis-cli -p 2", "[::]:3": "redis-cli -p 3", ":4": "redis-cli -p 4",
		"192.0.2.1:5": "redis-cli -h 192.0.2.1 -p 5", "nonsense": "redis-cli",
	} {
		if got := redisCLI(addr); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}
