package all

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// equivalence states that a metric of node_exporter and one of ours have the same value.
type equivalence struct {
	node  string              // a regular expression for a line of /metrics without the value
	ours  string              // our bare key; $1 is the group of the expression
	as    func(string) string // converts $1 for our key; nil: unchanged
	scale float64             // our value is node_exporter's times scale; 0 means 1
	slack float64             // allowed deviation of a gauge from our readings before and after, as a share
	maybe bool                // this machine may not have it
}

// loose is for gauges that move while three programs run.
const loose = 0.05

func equivalents() []equivalence {
	return slices.Concat(memoryEquivalents(), networkEquivalents(), diskEquivalents(), kernelEquivalents())
}

func memoryEquivalents() []equivalence {
	return []equivalence{
		{node: `node_memory_MemTotal_bytes`, ours: "mem_total"},
		{node: `node_memory_MemFree_bytes`, ours: "mem_free", slack: loose},
		{node: `node_memory_MemAvailable_bytes`, ours: "mem_available", slack: loose},
		{node: `node_memory_Buffers_bytes`, ours: "mem_buffers", slack: loose},
		{node: `node_memory_Cached_bytes`, ours: "mem_cached", slack: loose},
		{node: `node_memory_SwapTotal_bytes`, ours: "swap_total"},
		{node: `node_memory_(Slab|Mapped|AnonPages|PageTables|Shmem|KernelStack|CommitLimit|Committed_AS|VmallocTotal|Inactive_file)_bytes`,
			ours: "mem_$1", as: scan.ToSnakeCase, slack: 0.2},
		{node: `node_memory_(HugePages_Total)`, ours: "mem_$1", as: scan.ToSnakeCase},
		{node: `node_vmstat_(pgfault|pgmajfault|pgpgin|pgpgout|pgalloc_normal|pgfree|numa_hit|oom_kill|pgscan_kswapd|pgsteal_direct|thp_fault_alloc|nr_dirtied)`,
			ours: "vmstat_$1"},
		{node: `node_vmstat_(nr_free_pages|nr_mapped|nr_slab_reclaimable)`, ours: "vmstat_$1", slack: loose},
	}
}

func networkEquivalents() []equivalence {
	const dev, cpu = `\{device="([^"]*)"\}`, `\{cpu="(\d+)"\}`
	all := []equivalence{
		{node: `node_network_carrier` + dev, ours: "net_carrier_$1"},
		{node: `node_network_carrier_changes_total` + dev, ours: "net_carrier_changes_$1"},
		{node: `node_netstat_(Ip_InReceives|Ip_Forwarding|Ip_OutRequests|Icmp_InMsgs|Tcp_ActiveOpens|Tcp_InSegs|Tcp_OutSegs|Tcp_RetransSegs|Udp_InDatagrams|Udp_NoPorts|` +
			`Ip6_InReceives|Icmp6_InMsgs|Udp6_InDatagrams|IpExt_InOctets|IpExt_OutOctets|MPTcpExt_MPCapableSYNRX)`, ours: "nstat_$1", as: lowerProtocol},
		{node: `node_netstat_TcpExt_(ListenDrops|ListenOverflows|SyncookiesSent|TCPSynRetrans|TCPTimeouts|TCPDelivered|TCPOrigDataSent|TCPHPHits)`,
			ours: "tcp_$1", as: func(name string) string { return scan.ToSnakeCase(strings.TrimPrefix(name, "TCP")) }},
		{node: `node_netstat_Tcp_(CurrEstab)`, ours: "tcp_$1", as: scan.ToSnakeCase, slack: loose},
		{node: `node_netstat_Tcp_(PassiveOpens|AttemptFails|EstabResets|InErrs|OutRsts)`, ours: "tcp_$1", as: scan.ToSnakeCase},
		{node: `node_tcp_connection_states\{state="(established|listen)"\}`, ours: "tcp_$1", slack: 1},
		{node: `node_sockstat_(TCP|UDP|UDPLITE|RAW|FRAG|TCP6|UDP6|RAW6)_inuse`, ours: "sockets_$1_inuse", as: strings.ToLower, slack: 1},
		{node: `node_sockstat_TCP_(orphan|tw|alloc)`, ours: "sockets_tcp_$1", slack: 1},
		{node: `node_softnet_processed_total` + cpu, ours: "softnet_processed_cpu$1"},
		{node: `node_softnet_dropped_total` + cpu, ours: "softnet_dropped_cpu$1"},
		{node: `node_softnet_times_squeezed_total` + cpu, ours: "softnet_time_squeezed_cpu$1"},
		{node: `node_nf_conntrack_entries_limit`, ours: "conntrack_entries_limit", maybe: true},
		{node: `node_nf_conntrack_stat_(found|invalid|drop|early_drop|insert_failed)`, ours: "conntrack_$1", maybe: true},
	}
	for _, what := range []string{"bytes", "packets", "errs", "drop"} {
		all = append(all,
			equivalence{node: `node_network_receive_` + what + `_total` + dev, ours: "net_rx_" + what + "_$1"},
			equivalence{node: `node_network_transmit_` + what + `_total` + dev, ours: "net_tx_" + what + "_$1"})
	}
	return all
}

// lowerProtocol returns Ip6_InReceives as ip6_InReceives.
func lowerProtocol(name string) string {
	protocol, field, _ := strings.Cut(name, "_")
	return strings.ToLower(protocol) + "_" + field
}

func diskEquivalents() []equivalence {
	const dev, mount = `\{device="([^"]*)"\}`, `\{device="[^"]*",fstype="[^"]*",mountpoint="([^"]*)"\}`
	return []equivalence{
		{node: `node_disk_reads_completed_total` + dev, ours: "io_reads_$1"},
		{node: `node_disk_writes_completed_total` + dev, ours: "io_writes_$1"},
		{node: `node_disk_read_bytes_total` + dev, ours: "io_read_bytes_$1"},
		{node: `node_disk_written_bytes_total` + dev, ours: "io_write_bytes_$1"},
		{node: `node_disk_read_time_seconds_total` + dev, ours: "io_read_time_ms_$1", scale: 1000},
		{node: `node_disk_write_time_seconds_total` + dev, ours: "io_write_time_ms_$1", scale: 1000},
		{node: `node_disk_io_now` + dev, ours: "diskio_in_flight_$1", slack: 1},
		{node: `node_disk_discards_completed_total` + dev, ours: "io_discards_$1"},
		{node: `node_disk_discarded_sectors_total` + dev, ours: "io_discard_bytes_$1", scale: 512},
		{node: `node_disk_flush_requests_total` + dev, ours: "io_flushes_$1"},
		{node: `node_filesystem_size_bytes` + mount, ours: "disk_total_$1", as: mountKey, slack: 0.01},
		{node: `node_filesystem_free_bytes` + mount, ours: "disk_free_$1", as: mountKey, slack: 0.01},
		{node: `node_filesystem_avail_bytes` + mount, ours: "disk_available_$1", as: mountKey, slack: 0.01},
		{node: `node_filesystem_files` + mount, ours: "disk_inodes_total_$1", as: mountKey, slack: 0.01},
		{node: `node_filesystem_files_free` + mount, ours: "disk_inodes_free_$1", as: mountKey, slack: 0.01},
		{node: `node_filesystem_readonly` + mount, ours: "disk_read_only_$1", as: mountKey},
		{node: `node_filesystem_device_error` + mount, ours: "disk_error_$1", as: mountKey},
	}
}

// mountKey returns a mount point as it appears in keys.
func mountKey(path string) string {
	if path == "/" {
		return "root"
	}
	return strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "_")
}

func kernelEquivalents() []equivalence {
	return []equivalence{
		{node: `node_load1`, ours: "system_load1", slack: 0.2},
		{node: `node_load15`, ours: "system_load15", slack: 0.2},
		{node: `node_boot_time_seconds`, ours: "kernel_boot_time"},
		{node: `node_context_switches_total`, ours: "kernel_context_switches"},
		{node: `node_intr_total`, ours: "kernel_interrupts"},
		{node: `node_forks_total`, ours: "kernel_processes_forked"},
		{node: `node_entropy_available_bits`, ours: "kernel_entropy_avail", slack: 0.5},
		{node: `node_filefd_allocated`, ours: "kernel_fd_allocated", slack: 0.2},
		{node: `node_filefd_maximum`, ours: "kernel_fd_max"},
		{node: `node_softirqs_total\{vector="(net_rx|timer|sched|rcu|block|hi)"\}`, ours: "kernel_softirqs_$1", as: strings.ToUpper},
		{node: `node_pressure_(cpu|memory|io)_waiting_seconds_total`, ours: "kernel_pressure_total_$1_some", scale: 1e6, maybe: true},
		{node: `node_pressure_(memory|io)_stalled_seconds_total`, ours: "kernel_pressure_total_$1_full", scale: 1e6, maybe: true},
		{node: `node_processes_pids`, ours: "processes_total", slack: 0.1},
		{node: `node_processes_threads`, ours: "processes_total_threads", slack: 0.2},
		{node: `node_processes_max_processes`, ours: "processes_pid_max"},
		{node: `node_processes_max_threads`, ours: "processes_threads_max"},
		{node: `node_processes_state\{state="I"\}`, ours: "processes_idle", slack: 0.3},
		{node: `node_processes_state\{state="S"\}`, ours: "processes_sleeping", slack: 0.3},
		{node: `node_timex_sync_status`, ours: "time_synchronized"},
		{node: `node_timex_maxerror_seconds`, ours: "time_max_error_seconds", slack: 0.01},
		{node: `node_timex_tai_offset_seconds`, ours: "time_tai_offset_seconds"},
		{node: `node_timex_status`, ours: "time_status"},
	}
}

// TestAgainstNodeExporter compares with node_exporter on this machine. Each of its values must lie between our readings before and
// after, at least once in five attempts.
func TestAgainstNodeExporter(t *testing.T) {
	url := startNodeExporter(t, "--collector.netstat.fields=.*", "--collector.vmstat.fields=.*", "--collector.processes", "--collector.tcpstat",
		"--collector.stat.softirq", "--collector.filesystem.mount-points-exclude=^/(dev|proc|run|sys)($|/)|^"+os.TempDir()+"/", // tests mount there
		"--collector.diskstats.device-exclude=^(z?ram|loop)\\d+$", "--collector.filesystem.fs-types-exclude="+
			"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|mqueue|nsfs|overlay|proc|pstore|securityfs|sysfs|tmpfs|tracefs)$")
	probes := startAllInputs(t)
	for name, config := range map[string]string{"linux_mem": "full: true", "linux_vmstat": "fields: ['*']"} {
		d, err := Catalog().Find("input", name, runtime.GOOS)
		if err != nil {
			t.Fatal(err)
		}
		probes[name] = plugintest.Start(t, d, config, plugintest.Env(name, ""))
	}
	var wrong map[string]string
	for round := range 5 {
		before := gatherKeys(t, probes, float64(2*round))
		theirs := scrape(t, url)
		after := gatherKeys(t, probes, float64(2*round+1))
		failed, compared := map[string]string{}, 0
		for _, s := range equivalents() {
			n := s.compareSamples(theirs, before, after, failed)
			if n == 0 && !s.maybe {
				t.Errorf("node_exporter has nothing like %s", s.node)
			}
			compared += n
		}
		if wrong == nil {
			wrong = failed
			t.Logf("%d values are compared", compared)
		}
		maps.DeleteFunc(wrong, func(line, _ string) bool { return failed[line] == "" }) // a process may begin and end between two readings
		if len(wrong) == 0 {
			return
		}
	}
	for _, complaint := range wrong {
		t.Error(complaint)
	}
}

// compareSamples compares every sample that matches the expression with ours, and returns the number of these samples. It adds differences
// to failed, by node_exporter's name.
func (s equivalence) compareSamples(theirs, before, after map[string]float64, failed map[string]string) (n int) {
	pattern := regexp.MustCompile("^" + s.node + "$")
	for line, v := range theirs {
		if !pattern.MatchString(line) {
			continue
		}
		key := s.ourKey(pattern, line)
		low, ok := before[key]
		if !ok {
			failed[line] = fmt.Sprintf("%s is %v; we have no %s", line, v, key)
			continue
		}
		n++
		if s.scale != 0 {
			v *= s.scale
		}
		high := after[key]
		low, high = min(low, high), max(low, high)
		slack := s.slack*max(math.Abs(low), math.Abs(high)) + 1e-6*math.Abs(high) // node_exporter prints seconds as fractions
		if v < low-slack || v > high+slack {
			failed[line] = fmt.Sprintf("%s is %v, our %s was %v before and %v after", line, v, key, low, high)
		}
	}
	return n
}

// ourKey returns our key for a line that matches the expression.
func (s equivalence) ourKey(pattern *regexp.Regexp, line string) string {
	caught := pattern.FindStringSubmatch(line)
	if len(caught) < 2 {
		return s.ours
	}
	name := caught[1]
	if s.as != nil {
		name = s.as(name)
	}
	return strings.ReplaceAll(s.ours, "$1", name)
}

func gatherKeys(t *testing.T, probes map[string]*plugintest.Probe, second float64) map[string]float64 {
	all := map[string]float64{}
	for _, p := range probes {
		for key, v := range p.Gather(second) {
			all[key] = v
		}
	}
	return all
}

// startNodeExporter returns the URL of a node_exporter that ends with the test.
func startNodeExporter(t testing.TB, args ...string) string {
	if runtime.GOOS != "linux" {
		t.Skip("the inputs are Linux ones")
	}
	program, err := exec.LookPath("prometheus-node-exporter")
	if err != nil {
		t.Skip("no node_exporter here: install Debian's prometheus-node-exporter")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	var said bytes.Buffer
	cmd := exec.Command(program, append(args, "--web.listen-address="+address)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	servicetest.Until(t, "node_exporter answers", func(ctx context.Context) error {
		select {
		case <-ended:
			t.Fatalf("node_exporter has ended:\n%s", &said)
		default:
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	return "http://" + address + "/metrics"
}

// scrape returns node_exporter's samples by name and labels: name{label="value"}.
func scrape(t testing.TB, url string) map[string]float64 {
	reply, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	samples := map[string]float64{}
	for lines := bufio.NewScanner(reply.Body); lines.Scan(); {
		line := lines.Text()
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			v, err := strconv.ParseFloat(line[i+1:], 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			samples[line[:i]] = v
		}
	}
	if len(samples) < 100 {
		rest, _ := io.ReadAll(reply.Body)
		t.Fatalf("only %d samples, %s %s", len(samples), reply.Status, rest)
	}
	return samples
}
