package all

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// same says that a metric of node_exporter and one of ours are the same number.
type same struct {
	node  string  // a regular expression over the whole line of /metrics but the value
	ours  string  // our bare key; $1 and so on are what the expression caught
	scale float64 // ours in units of node_exporter's, 0 means 1
	slack float64 // how far a gauge may be off what we read just before and after, as a share
	maybe bool    // this machine may not have it
}

func equivalents() []same {
	const cpus, dev = `\{cpu="(\d+)"\}`, `\{device="([^"]*)"\}`
	mount := `\{device="[^"]*",fstype="[^"]*",mountpoint="([^"]*)"\}`
	all := []same{
		{node: `node_memory_MemTotal_bytes`, ours: "mem_total"},
		{node: `node_memory_MemFree_bytes`, ours: "mem_free", slack: 0.05},
		{node: `node_memory_MemAvailable_bytes`, ours: "mem_available", slack: 0.05},
		{node: `node_memory_Buffers_bytes`, ours: "mem_buffers", slack: 0.05},
		{node: `node_memory_Cached_bytes`, ours: "mem_cached", slack: 0.05},
		{node: `node_memory_SwapTotal_bytes`, ours: "swap_total"},
		{node: `node_load1`, ours: "system_load1", slack: 0.2},
		{node: `node_load15`, ours: "system_load15", slack: 0.2},
		{node: `node_network_transmit_bytes_total` + dev, ours: "net_tx_bytes_$1"},
		{node: `node_network_carrier` + dev, ours: "net_carrier_$1"},
		{node: `node_network_carrier_changes_total` + dev, ours: "net_carrier_changes_$1"},
		{node: `node_disk_io_now` + dev, ours: "diskio_in_flight_$1", slack: 1},
		{node: `node_disk_discards_completed_total` + dev, ours: "io_discards_$1"},
		{node: `node_disk_discarded_sectors_total` + dev, ours: "io_discard_bytes_$1", scale: 512},
		{node: `node_disk_flush_requests_total` + dev, ours: "io_flushes_$1"},
		{node: `node_disk_reads_completed_total` + dev, ours: "io_reads_$1"},
		{node: `node_disk_writes_completed_total` + dev, ours: "io_writes_$1"},
		{node: `node_disk_read_bytes_total` + dev, ours: "io_read_bytes_$1"},
		{node: `node_disk_written_bytes_total` + dev, ours: "io_write_bytes_$1"},
		{node: `node_disk_read_time_seconds_total` + dev, ours: "io_read_time_ms_$1", scale: 1000},
		{node: `node_disk_write_time_seconds_total` + dev, ours: "io_write_time_ms_$1", scale: 1000},
		{node: `node_filesystem_size_bytes` + mount, ours: "disk_total_$1", slack: 0.01},
		{node: `node_filesystem_free_bytes` + mount, ours: "disk_free_$1", slack: 0.01},
		{node: `node_filesystem_avail_bytes` + mount, ours: "disk_available_$1", slack: 0.01},
		{node: `node_filesystem_files` + mount, ours: "disk_inodes_total_$1", slack: 0.01},
		{node: `node_filesystem_files_free` + mount, ours: "disk_inodes_free_$1", slack: 0.01},
	}
	for theirs, ours := range map[string]string{"bytes": "bytes", "packets": "packets", "errs": "errs", "drop": "drop"} {
		all = append(all,
			same{node: `node_network_receive_` + theirs + `_total` + dev, ours: "net_rx_" + ours + "_$1"},
			same{node: `node_network_transmit_` + theirs + `_total` + dev, ours: "net_tx_" + ours + "_$1"})
	}
	_ = cpus
	return all
}

// TestAgainstNodeExporter reads the same kernel at the same moment: what node_exporter says must lie between what we
// read just before and just after.
func TestAgainstNodeExporter(t *testing.T) {
	url := startNodeExporter(t, "--collector.netstat.fields=.*", "--collector.vmstat.fields=.*", "--collector.processes", "--collector.tcpstat",
		"--collector.stat.softirq", "--collector.diskstats.device-exclude=^(z?ram|loop)\\d+$", "--collector.filesystem.fs-types-exclude="+
			"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|mqueue|nsfs|overlay|proc|pstore|securityfs|sysfs|tmpfs|tracefs)$")
	probes := gatherers(t)
	before := gatherKeys(t, probes, 0)
	theirs := scrape(t, url)
	after := gatherKeys(t, probes, 1)
	compared := 0
	for _, s := range equivalents() {
		n := s.compare(t, theirs, before, after)
		if n == 0 && !s.maybe {
			t.Errorf("node_exporter has nothing like %s", s.node)
		}
		compared += n
	}
	t.Logf("%d values are the same", compared)
}

// compare holds every sample that the expression fits against ours, and returns how many there were.
func (s same) compare(t *testing.T, theirs, before, after map[string]float64) (n int) {
	pattern := regexp.MustCompile("^" + s.node + "$")
	for line, v := range theirs {
		m := pattern.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		key := s.key(pattern, line, m)
		low, ok := before[key]
		if !ok {
			t.Errorf("%s is %v; we have no %s", line, v, key)
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
			t.Errorf("%s is %v, our %s was %v before and %v after", line, v, key, low, high)
		}
	}
	return n
}

func (s same) key(pattern *regexp.Regexp, line string, m []int) string {
	key := string(pattern.ExpandString(nil, s.ours, line, m))
	if name, mount, ok := strings.Cut(key, "_/"); ok { // a mount point, as keys have it
		if mount == "" {
			mount = "root"
		}
		return name + "_" + strings.ReplaceAll(mount, "/", "_")
	}
	return key
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
	redistest.Until(t, "node_exporter answers", func(ctx context.Context) error {
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

// scrape returns node_exporter's samples by what stands before the value: name{label="value"}.
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

var _ = fmt.Sprint
var _ = scan.Snake
