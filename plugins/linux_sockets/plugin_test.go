package linuxsockets

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// missingFileAllocs is how many allocations it costs to try to open a missing file. Each gather tries, because a module
// may have been loaded.
const missingFileAllocs = 4

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "this machine"},
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18"},
		plugintest.Case{Name: "gateway", Root: "testdata/gateway-6.1", Then: "testdata/gateway-6.1-later"},
		plugintest.Case{Name: "counter wraps", Root: "testdata/server-2.6.32", Then: "testdata/server-2.6.32-later", Allocs: 2 + 2*missingFileAllocs},
		plugintest.Case{Name: "board without IPv6", Root: "testdata/board-4.19", Allocs: 2 + 4*missingFileAllocs},
		plugintest.Case{Name: "container", Root: "testdata/container-5.15", Allocs: 2 + 4*missingFileAllocs},
	)
}

func TestGateway(t *testing.T) {
	first, second := plugintest.Twice(t, Plugin, "", "testdata/gateway-6.1", "testdata/gateway-6.1-later")
	none, size := math.NaN(), float64(os.Getpagesize())
	plugintest.Expect(t, first, map[string]float64{
		"sockets_used": 512, "sockets_tcp_inuse": 24, "sockets_tcp_orphan": 1, "sockets_tcp_tw": 3, "sockets_tcp_alloc": 30, "sockets_tcp_mem": 5 * size,
		"sockets_udp_mem": 4 * size, "sockets_frag_memory": 4096, "sockets_tcp6_inuse": 8, "sockets_tcp_mem_max": 300 * size, "sockets_udp_mem_max": 4000 * size,
		// CPUs 1 and 3 are offline.
		"softnet_processed_cpu0": 1000, "softnet_processed_cpu1": none, "softnet_backlog_len_cpu2": 6, "softnet_received_rps_cpu2": 4, "softnet_flow_limit_count_cpu2": 5,
		"softnet_dropped_cpu2": 2, "softnet_time_squeezed_cpu2": 3,
		// Not 7, which is the count of the agent's own network.
		"conntrack_entries": 65536, "conntrack_entries_limit": 262144, "conntrack_used_percent": 25,
		"conntrack_clashres": 102, "conntrack_found": 104, "conntrack_search_restart": 124, "conntrack_expect_new": 18, "conntrack_entries_rate": none,
	})
	plugintest.Expect(t, second, map[string]float64{
		"softnet_processed_rate_cpu2": 4, "softnet_backlog_len_rate_cpu2": none, "conntrack_found": 114, "conntrack_found_rate": 1, "conntrack_entries": 65540,
		"conntrack_entries_rate": none, "sockets_used_rate": none,
	})
}

func TestOldKernel(t *testing.T) {
	first, second := plugintest.Twice(t, Plugin, "", "testdata/server-2.6.32", "testdata/server-2.6.32-later")
	none := math.NaN()
	plugintest.Expect(t, first, map[string]float64{
		"softnet_processed_cpu0": 0xfffffff0, "softnet_processed_cpu1": 11, "softnet_processed_cpu2": none, "softnet_processed_cpu3": 33,
		"softnet_received_rps_cpu0": none, "softnet_backlog_len_cpu0": none, "softnet_flow_limit_count_cpu0": none,
		"conntrack_searched": 9, "conntrack_entries": 300, "conntrack_delete_list": 3, "sockets_tcp_mem_max": none,
	})
	plugintest.Expect(t, second, map[string]float64{"softnet_processed_cpu0": 16, "softnet_processed_rate_cpu0": none, "softnet_processed_rate_cpu3": 2, "softnet_dropped_rate_cpu0": .2})
}

// A CPU that comes back online continues to count, but the time of its last reading is unknown, so it has no rate.
func TestOfflineCPUIsForgotten(t *testing.T) {
	const cpu0, cpu1 = "1 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", "9 0 0 0 0 0 0 0 0 0 0 0 1 0 0\n"
	got := plugintest.ComesBack(t, Plugin, "proc/1/net/softnet_stat", cpu0+cpu1, cpu0, cpu0+cpu1)
	plugintest.Expect(t, got, map[string]float64{"softnet_processed_cpu1": 9, "softnet_processed_rate_cpu1": math.NaN(), "softnet_processed_rate_cpu0": 0})
}

func TestFewerFiles(t *testing.T) {
	none := math.NaN()
	board, _ := plugintest.Twice(t, Plugin, "", "testdata/board-4.19", "testdata/board-4.19")
	plugintest.Expect(t, board, map[string]float64{"conntrack_entries": 12, "conntrack_used_percent": 100 * 12 / 4096., "conntrack_found": none, "sockets_tcp6_inuse": none,
		"softnet_flow_limit_count_cpu0": 3, "softnet_backlog_len_cpu0": none})
	container, _ := plugintest.Twice(t, Plugin, "", "testdata/container-5.15", "testdata/container-5.15")
	plugintest.Expect(t, container, map[string]float64{"sockets_tcp_inuse": 1, "conntrack_entries": none, "conntrack_entries_limit": none, "softnet_processed_cpu0": none})
}

// One case is a kernel without a limit. The other is a changed header: no value moves to another name.
func TestConntrackOddities(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{
		"proc/sys/net/netfilter/nf_conntrack_max": "0\n", "proc/sys/net/netfilter/nf_conntrack_count": "7\n",
		"proc/1/net/stat/nf_conntrack": "found invalid bad-name\n0a 0B 0c\n1 1 1\nff\n",
	})
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_sockets", dir))
	if diff := cmp.Diff(map[string]float64{"conntrack_found": 11, "conntrack_invalid": 12, "conntrack_entries": 7, "conntrack_entries_limit": 0}, p.Gather(0)); diff != "" {
		t.Error(diff)
	}
	plugintest.Files(t, dir, map[string]string{"proc/1/net/stat/nf_conntrack": "entries invalid found drop\n5 10 f 1\n", "proc/sys/net/netfilter/nf_conntrack_max": "50"})
	want := map[string]float64{"conntrack_found": 15, "conntrack_found_rate": .4, "conntrack_invalid": 16, "conntrack_invalid_rate": .4, "conntrack_drop": 1,
		"conntrack_entries": 5, "conntrack_entries_limit": 50, "conntrack_used_percent": 10}
	if diff := cmp.Diff(want, p.Gather(10)); diff != "" {
		t.Error(diff)
	}
}

func TestMissingAndMaskedFilesAreNoError(t *testing.T) {
	plugintest.Silent(t, Plugin, "proc/1/net/sockstat", "proc/1/net/sockstat6", "proc/1/net/softnet_stat", "proc/1/net/stat/nf_conntrack", "proc/1/net/stat",
		"proc/sys/net/ipv4/tcp_mem", "proc/sys/net/netfilter/nf_conntrack_max", "proc/sys/net/netfilter/nf_conntrack_count")
}

func TestNoise(t *testing.T) {
	plugintest.Noise(t, Plugin, "testdata/gateway-6.1", map[string]string{
		"proc/1/net/sockstat": "sockets_used", "proc/1/net/sockstat6": "sockets_tcp6_inuse", "proc/1/net/softnet_stat": "softnet_processed_cpu0",
		"proc/1/net/stat/nf_conntrack": "conntrack_found", "proc/sys/net/ipv4/tcp_mem": "sockets_tcp_mem_max",
		"proc/sys/net/netfilter/nf_conntrack_max": "conntrack_entries_limit",
	})
}

func TestSockstatValue(t *testing.T) {
	const text = "sockets: used 61\nTCP: inuse 51 orphan x mem\nTCPX: inuse 7\nUDP:\nFRAG: memory 4 inuse 9"
	for at, want := range map[string]uint64{"sockets: used": 61, "TCP: inuse": 51, "TCPX: inuse": 7, "FRAG: inuse": 9, "FRAG: memory": 4} {
		title, word, _ := strings.Cut(at, " ")
		if got, ok := sockstatValue([]byte(text), title, word); !ok || got != want {
			t.Errorf("%s is %d, %v, want %d", at, got, ok, want)
		}
	}
	for _, at := range []string{"TCP: orphan", "TCP: mem", "TCP: used", "UDP: inuse", "RAW: inuse", "TC inuse"} {
		title, word, _ := strings.Cut(at, " ")
		if got, ok := sockstatValue([]byte(text), title, word); ok {
			t.Errorf("%s is %d", at, got)
		}
	}
}

func TestParseSoftnet(t *testing.T) {
	for line, want := range map[string]int{
		"00000001 2 3 4 5 6 7 8 9":                     9,
		"00000001 2 3 4 5 6 7 8 9 a b c d e f":         softnetColumns,
		"00000001 2 3 4 5 6 7 8":                       0,
		"00000001 2 x 4 5 6 7 8 9":                     0,
		"00000001 2 3 4 5 6 7 8 9 x":                   9,
		"00000001 2 10000000000000000 4 5 6 7 8 9 a b": 0,
		"": 0,
	} {
		if values, columns := parseSoftnet([]byte(line)); columns != want || want > 0 && (values[0] != 1 || values[8] != 9) {
			t.Errorf("%q has %d columns, want %d: %v", line, columns, want, values)
		}
	}
}

func TestNthCPU(t *testing.T) {
	for list, want := range map[string][]uint64{
		"0-3,6,8-9\n": {0, 1, 2, 3, 6, 8, 9}, "0\n": {0}, "5": {5}, "": nil, "\n": nil, "x": nil, "0,x": {0}, "3-1": nil, "0-": nil, "-2": nil, ",1": nil,
		"0-18446744073709551615": {0, 1, 2},
	} {
		for n, cpu := range want {
			if got, ok := nthCPUOfList([]byte(list), uint64(n)); !ok || got != cpu {
				t.Errorf("CPU %d of %q is %d, %v, want %d", n, list, got, ok, cpu)
			}
		}
		if got, ok := nthCPUOfList([]byte(list), uint64(len(want))); ok && len(list) < 20 {
			t.Errorf("CPU %d of %q is %d", len(want), list, got)
		}
	}
}

func FuzzParseSockstat(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/1/net/sockstat*")
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, g := range append(newIPv4Gauges(plugintest.Env("linux_sockets", "").Factory), newIPv6Gauges(plugintest.Env("linux_sockets", "").Factory)...) {
			if v, ok := sockstatValue(data, g.title, g.word); ok && (v > 0 && len(data) < len(g.title)+len(g.word)+3 || !strings.Contains(string(data), g.title)) {
				t.Errorf("%s %s is %d in %q", g.title, g.word, v, data)
			}
		}
		parseThirdNumber(data)
	})
}

func FuzzParseSoftnet(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/1/net/softnet_stat")
	plugintest.Seed(f, "testdata/*/sys/devices/system/cpu/online")
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, columns := parseSoftnet(data); columns != 0 && columns < minSoftnetColumns || columns > len(strings.Fields(string(data))) {
			t.Errorf("%d columns in %q", columns, data)
		}
		first, ok := nthCPUOfList(data, 0)
		if second, more := nthCPUOfList(data, 1); more && !ok {
			t.Errorf("CPUs %d, none and %d", first, second)
		}
	})
}

func FuzzParseConntrack(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/1/net/stat/nf_conntrack")
	f.Fuzz(func(t *testing.T, data []byte) {
		header, lines := scan.CutLine(data)
		n := min(len(strings.Fields(string(header))), 32)
		line, sums := make([]uint64, n), make([]uint64, n)
		cpus := sumColumns(lines, line, sums)
		if most := strings.Count(string(lines), "\n") + 1; cpus > most {
			t.Errorf("%d CPUs in %d lines", cpus, most)
		}
		again := make([]uint64, n)
		if sumColumns(append(append([]byte{}, lines...), '\n'), line, again) < cpus {
			t.Error("a newline at the end removes a CPU")
		}
	})
}
