package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

func hostValues() latestValues {
	return latestValues{
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
	const want = `CPU      all            [#####.....]  54.6%  user  30.0%  sys  24.5%  io   0.1%
CPU      cpu0           [##########]  96.0%  user  90.0%  sys   6.0%  io   0.0%
Memory                  [########..]  75.0%  3 GiB of 4 GiB
Swap                    [..........]   0.0%  0 B of 1 GiB
System   load 1.50 0.25 0.10   up 1h1m1s   users 2
Disk     /home          [..........]   3.4%  34 MiB of 0.977 GiB
Disk     /              [##########] 100.0%  900 B of 999 B
Network  eth0           in      2 KiB/s   out      512 B/s
Network  lo             in      7 MiB/s   out      7 MiB/s
Disk I/O sda            read     1 MiB/s   write     5 TiB/s   busy  12.5%
Agent    memory 20 MiB (with the embedded Redis)   CPU time 0.12 s
`
	if diff := cmp.Diff(want, strings.Join(renderTable(hostValues(), 99), "\n")+"\n"); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	const line = "cpu 54.6%  mem 75.0% (3 GiB)  load 1.50  net in 2 KiB/s out 512 B/s  |  240 series, 99 samples/s"
	if diff := cmp.Diff(line, formatPlainLine(hostValues(), embedded.Stats{Series: 240}, 99)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A value that does not exist yet is a dash, not 0.
func TestTableBeforeTheFirstReading(t *testing.T) {
	const line = "cpu –  mem – (–)  load –  net in –/s out –/s  |  0 series, 0 samples/s"
	if diff := cmp.Diff(line, formatPlainLine(latestValues{}, embedded.Stats{}, 0)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	const want = `CPU      (percentages need two readings)
Memory                  [..........]      –  – of –
System   load – – –   up –   users –
Agent    memory – (with the embedded Redis)   CPU time – s
`
	if diff := cmp.Diff(want, strings.Join(renderTable(latestValues{}, 99), "\n")+"\n"); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	without := hostValues()
	delete(without, "cpu_usage_user")
	if row := cpuRows(without)[0]; !strings.Contains(row, "user      –  sys  24.5%") {
		t.Errorf("without one of its values: %q", row)
	}
}

// bigHost returns values of a host with more of everything than fits on a screen, and with long names.
func bigHost() latestValues {
	l := hostValues()
	for i := range 128 {
		name := fmt.Sprintf("/a/very/long/name/of/something/%d", i)
		for metric, points := range l {
			if points[0].instance != "" {
				v := 1e15
				if strings.Contains(metric, "percent") || strings.Contains(metric, "usage") {
					v = 100
				}
				l[metric] = append(l[metric], latestValue{name, v})
			}
		}
		l["cpu_usage_active"] = append(l["cpu_usage_active"], latestValue{fmt.Sprintf("cpu%d", i+1), 100})
	}
	return l
}

func TestTableOfManyEntities(t *testing.T) {
	for height := range 40 {
		rows := renderTable(bigHost(), height)
		if len(rows) != height {
			t.Errorf("%d rows for %d", len(rows), height)
		}
	}
	rows := renderTable(bigHost(), 13)
	want := []string{"CPU", "CPU      … 256 more", "Memory", "Swap", "System", "Disk", "Disk     … 129 more", "Network", "Network  … 129 more", "Disk I/O", "Disk I/O … 128 more", "Agent"}
	if len(rows) == 13 { // one row is left for the first group
		rows = append(rows[:1], rows[2:]...)
	}
	for i, w := range want {
		if !strings.HasPrefix(rows[i], w) {
			t.Errorf("row %d is %q, want %q", i, rows[i], w)
		}
	}
}

func newTestScreen(width, height int) (*screen, *bytes.Buffer) {
	var out bytes.Buffer
	s := newScreen(&out, false)
	s.size = func() (int, int) { return width, height }
	return s, &out
}

func TestScreen(t *testing.T) {
	s, out := newTestScreen(120, 40)
	if err := s.start("atila", "127.0.0.1:6390"); err != nil || out.String() != altScreen {
		t.Errorf("begins with %q, %v", out, err)
	}
	for i := range 6 {
		fmt.Fprintf(s.logWriter(nil), "line %d\n", i)
	}
	show := func() {
		if err := s.draw(hostValues(), s.lastStats); err != nil {
			t.Error(err)
		}
	}
	s.lastStats = embedded.Stats{Series: 240, Samples: 1_000_000_000, Bytes: 3 << 20}
	show()
	s.drawnAt = s.drawnAt.Add(-10 * time.Second) // the second refresh comes ten seconds later
	out.Reset()
	if err := s.draw(hostValues(), embedded.Stats{Series: 240, Samples: 2_000_000_000, Bytes: 3 << 20}); err != nil {
		t.Error(err)
	}
	var rate float64
	text := out.String()
	if _, err := fmt.Sscanf(text[strings.Index(text, "series   ")+len("series   "):], "%f samples/s", &rate); err != nil || rate > 100_000_000 {
		t.Errorf("%v samples/s, want those since the last refresh: %v", rate, err)
	}
	for _, want := range []string{
		home + "rtcollector demo   host atila   240 series", "redis-cli -p 6390 TS.GET atila:mem_used", "(3 MiB, in memory only)",
		"\x1b[K\r\nCPU      all", "\x1b[K\r\nline 2\x1b[K\r\nline 3\x1b[K\r\nline 4\x1b[K\r\nline 5\x1b[K\r\nCtrl-C ends.\x1b[K" + eraseBelow,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("does not show %q:\n%q", want, text)
		}
	}
	if strings.Contains(text, "line 1") {
		t.Error("shows more than the last four lines of the log")
	}
	out.Reset()
	s.restoreTerminal()
	s.restoreTerminal()
	show() // too late
	s.printSummary()
	if !strings.HasPrefix(out.String(), mainScreen+"2000000000 samples in 240 series were stored") {
		t.Errorf("ends with %q", out)
	}
}

// TestScreenSizes draws on terminals down to one cell. Nothing must scroll or wrap.
func TestScreenSizes(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {80, 25}, {79, 23}, {40, 10}, {10, 3}, {2, 2}, {1, 1}, {80, 1}, {1, 24}, {300, 100}} {
		width, height := size[0], size[1]
		s, out := newTestScreen(width, height)
		e := newEmulator(width, height)
		if err := s.start("a-host-with-a-long-name.example.internal\x1b[2J\nx", "127.0.0.1:6390"); err != nil {
			t.Fatal(err)
		}
		for i := range maxLogLines {
			fmt.Fprintf(s.logWriter(nil), "\x1b[31m line %d %s\nof a stack\n", i, strings.Repeat("x", 200))
		}
		for _, values := range []latestValues{{}, hostValues(), bigHost()} {
			if err := s.draw(values, embedded.Stats{Series: 240}); err != nil {
				t.Fatal(err)
			}
		}
		e.feed(t, out.Bytes())
		if e.scrolled > 0 || e.wrapped > 0 || e.cut > 0 {
			t.Errorf("%d×%d: %d lines scrolled, %d wrapped, %d cut by the terminal:\n%s", width, height, e.scrolled, e.wrapped, e.cut, e)
		}
		if height >= 24 && width >= 80 && (!strings.Contains(e.String(), "Agent    memory") || !strings.Contains(e.String(), "ends.")) {
			t.Errorf("%d×%d shows\n%s", width, height, e)
		}
	}
}

// On a terminal with 80 columns the numbers of the table are not truncated.
func TestTableFits(t *testing.T) {
	for _, row := range renderTable(bigHost(), 99) {
		if n := utf8.RuneCountInString(row); n > 79 {
			t.Errorf("%d columns: %s", n, row)
		}
	}
}

func TestLeaveOnPanic(t *testing.T) {
	s, out := newTestScreen(80, 24)
	defer func() {
		if p := recover(); p != "oh" || !strings.HasSuffix(out.String(), mainScreen) {
			t.Errorf("%v, %q", p, out)
		}
	}()
	if err := s.start("h", "a:1"); err != nil {
		t.Fatal(err)
	}
	defer s.restoreOnPanic()
	panic("oh")
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{"": "''", "atila:mem_used": "atila:mem_used", "a b": "'a b'", "$(x)'y": `'$(x)'\''y'`, "ä": "'ä'"} {
		if got := quoteShellWord(text); got != want {
			t.Errorf("%q became %s, want %s", text, got, want)
		}
	}
}

func TestRedisCLI(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:1": "redis-cli -p 1", "0.0.0.0:2": "redis-cli -p 2", "[::]:3": "redis-cli -p 3", ":4": "redis-cli -p 4",
		"192.0.2.1:5": "redis-cli -h 192.0.2.1 -p 5", "nonsense": "redis-cli",
	} {
		if got := redisCLICommand(addr); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}
