package netstat

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "this machine"},
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18"},
		plugintest.Case{Name: "router", Root: "testdata/router-5.10", Then: "testdata/router-5.10-later"},
		plugintest.Case{Name: "counter wraps", Root: "testdata/server-2.6.32", Then: "testdata/server-2.6.32-later"},
		plugintest.Case{Name: "board without IPv6", Root: "testdata/board-4.19"},
		plugintest.Case{Name: "container with masked files", Root: "testdata/masked-5.15"},
		plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later", Allocs: 30},
		plugintest.Case{Name: "older macOS", Host: "macos-14", Allocs: 30},
		plugintest.Case{Name: "macOS on Intel", Host: "macos-13", Allocs: 30},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later", Allocs: 30},
		plugintest.Case{Name: "Windows", Host: "windows-2022", Then: "windows-2022-later", Allocs: 30},
	)
}

func TestStatesOfBothFamilies(t *testing.T) {
	want := map[string]float64{
		"tcp_established": 2, "tcp_syn_sent": 2, "tcp_fin_wait1": 2, "tcp_fin_wait2": 2, "tcp_time_wait": 2, "tcp_close": 2, "tcp_close_wait": 2,
		"tcp_last_ack": 2, "tcp_listen": 2, "tcp_closing": 2,
		"tcp_syn_recv": 3, // includes a request without a socket (12, in tcp only)
	}
	dir := t.TempDir()
	plugintest.Lay(t, dir, "testdata/router-5.10")
	p := plugintest.Start(t, Plugin, "", newChoosingEnv("netstat", dir, func(name string) bool { _, ok := want[name]; return ok }))
	if diff := cmp.Diff(want, p.Gather(0)); diff != "" {
		t.Error(diff)
	}
}

// newChoosingEnv returns an environment whose user selects some metrics.
func newChoosingEnv(name, dir string, wants func(string) bool) plugins.Env {
	env := plugintest.Env(name, dir)
	env.Factory.Choose(telemetry.Choice{Wants: wants})
	return env
}

func TestCountersAndRates(t *testing.T) {
	got, later := plugintest.Twice(t, Plugin, "", "testdata/server-2.6.32", "testdata/server-2.6.32-later")
	plugintest.Expect(t, got, map[string]float64{"tcp_listen": 3, "tcp_time_wait": 2, "tcp_established": 4, "tcp_close_wait": 1, "tcp_syn_recv": 1,
		"tcp_in_segs": 4294960000, "tcp_curr_estab": 43, "tcp_active_opens": 33211})
	for key := range got {
		if strings.HasSuffix(key, "_rate") || strings.Contains(key, "rto") && key != "tcp_spurious_rtos" || strings.Contains(key, "max_conn") {
			t.Errorf("%s = %v", key, got[key])
		}
	}
	none := math.NaN()
	plugintest.Expect(t, later, map[string]float64{"tcp_in_segs": 4711, "tcp_curr_estab": 60, "tcp_active_opens": 33228, "tcp_active_opens_rate": 1.7,
		"tcp_in_segs_rate": none, "tcp_curr_estab_rate": none, "tcp_listen_rate": none})
}

// readNames reads testdata/names.txt: "title column" → metric.
func readNames(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(plugintest.Read(t, "testdata/names.txt")) {
		if f := strings.Fields(line); len(f) == 3 {
			all[f[0]+" "+f[1]] = f[2]
		}
	}
	return all
}

func TestNamesOfThePredecessor(t *testing.T) {
	all := readNames(t)
	if len(all) != 11+125 {
		t.Fatalf("%d names", len(all))
	}
	for column, want := range all {
		title, name, _ := strings.Cut(column, " ")
		if got := columnMetric(title, name); got.Name != want {
			t.Errorf("%s is %s, want %s", column, got.Name, want)
		} else if isGauge := got.Kind == telemetry.Gauge; isGauge != (name == "CurrEstab") {
			t.Errorf("%s is a %s", column, got.Kind)
		}
	}
	for column, want := range map[string]string{
		"TcpExt TcpTimeoutRehash": "tcp_timeout_rehash", "TcpExt TCPAOBad": "tcp_ao_bad", "TcpExt TSEcrRejected": "tcp_ts_ecr_rejected",
		"TcpExt PAWSOldAck": "tcp_paws_old_ack", "TcpExt TCP": "tcp_tcp", "Tcp RtoMin": "", "IpExt InOctets": "", "MPTcpExt MPCurrEstab": "", "Udp InErrors": "",
	} {
		title, name, _ := strings.Cut(column, " ")
		if got := columnMetric(title, name).Name; got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
}

// TestNamesAreUnique covers every column of the recorded kernels, and the states.
func TestNamesAreUnique(t *testing.T) {
	owner := map[string]string{}
	own := func(metric, column string) {
		if other, taken := owner[metric]; taken && other != column {
			t.Errorf("%s and %s are both %s", column, other, metric)
		}
		owner[metric] = column
	}
	for _, name := range stateNames() {
		own("tcp_"+name, "state "+name)
	}
	for column := range readNames(t) {
		title, name, _ := strings.Cut(column, " ")
		own(columnMetric(title, name).Name, column)
	}
	for _, path := range append(plugintest.Glob(t, "testdata/*/proc/1/net/netstat"), plugintest.Glob(t, "testdata/*/proc/1/net/snmp")...) {
		for line := range strings.Lines(plugintest.Read(t, path)) {
			for _, name := range strings.Fields(line)[1:] {
				if title := strings.Fields(line)[0]; columnMetric(strings.TrimSuffix(title, ":"), name).Name != "" && name[0] > '9' {
					own(columnMetric(strings.TrimSuffix(title, ":"), name).Name, strings.TrimSuffix(title, ":")+" "+name)
				}
			}
		}
	}
	if len(owner) < 160 {
		t.Errorf("only %d metrics", len(owner))
	}
}

func TestMissingAndMaskedFilesAreNoError(t *testing.T) {
	plugintest.Silent(t, Plugin, "proc/1/net/tcp", "proc/1/net/tcp6", "proc/1/net/snmp", "proc/1/net/netstat")
	dir := t.TempDir()
	plugintest.Lay(t, dir, "testdata/vm-6.18")
	p := plugintest.Start(t, Plugin, "", plugintest.Env("netstat", dir))
	if err := os.Remove(filepath.Join(dir, "proc/1/net/tcp6")); err != nil {
		t.Fatal(err)
	}
	plugintest.Expect(t, p.Gather(0), map[string]float64{"tcp_listen": 2, "tcp_syn_sent": 0})
}

// An unparsable file of one family drops the states of both: half of the sockets would be wrong numbers.
func TestNoise(t *testing.T) {
	plugintest.Noise(t, Plugin, "testdata/vm-6.18", map[string]string{
		"proc/1/net/tcp": "tcp_listen", "proc/1/net/tcp6": "tcp_listen", "proc/1/net/snmp": "tcp_active_opens", "proc/1/net/netstat": "tcp_timeouts",
	})
}

// TestUnwantedStatesAreNotCounted checks that a file that cannot be parsed is not read.
func TestUnwantedStatesAreNotCounted(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{"proc/1/net/tcp": "noise"})
	for wanted, counted := range map[string]bool{"tcp_active_opens": false, "tcp_closing": true} {
		_, err := plugintest.Start(t, Plugin, "", newChoosingEnv("netstat", dir, func(name string) bool { return name == wanted })).Batch(0)
		if (err != nil) != counted {
			t.Errorf("%s is wanted: %v", wanted, err)
		}
	}
}
