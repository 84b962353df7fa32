package processgroups

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// startOwn starts the input for processes of this machine with a file of classes. Each gather reads all processes anew.
func startOwn(t *testing.T, classes, settings string) *plugintest.Probe {
	t.Helper()
	file := filepath.Join(t.TempDir(), "classes.yaml")
	if err := os.WriteFile(file, []byte("classes:\n"+classes), 0o600); err != nil {
		t.Fatal(err)
	}
	config := "{classes: '" + file + "', groups: [own], " + settings + "}"
	return plugintest.Start(t, Plugin, config, plugintest.Env("process_groups", "", func(e *plugins.Env) { e.Interval = 0 }))
}

// gather gathers now, and returns the values of the group own by name of the metric and subgroup: "count_loops".
func gather(t *testing.T, p *plugintest.Probe) map[string]float64 {
	t.Helper()
	now := time.Now()
	out := telemetry.NewBatch(now, now, 1024)
	if err := p.Input.Gatherer.Gather(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	plugintest.Possible(t, out)
	values := map[string]float64{}
	for key, v := range plugintest.ByKey(out) {
		if name, ok := strings.CutPrefix(key, "process_group_"); ok {
			values[strings.Replace(name, "_own_", "_", 1)] = v
		}
	}
	return values
}

// TestAgainstProcessExporter compares with Debian's process exporter, which reads the same processes before and after.
func TestAgainstProcessExporter(t *testing.T) {
	name := fmt.Sprintf("rtcloop%d", os.Getpid())
	d := httpxtest.Start(t, "prometheus-process-exporter", nil, "prometheus-process-exporter", "-web.listen-address=127.0.0.1:$PORT", "-procnames="+name, "-threads=false", "-children=false")
	probe := startOwn(t, "  - {group: own, subgroup: loops, comm: ["+name+"]}\n", "source: proc")
	scrapeExporter(t, d.URL("/metrics")) // what ran before its first scrape, and our first gather, does not count
	gather(t, probe)
	// Each process computes, writes, faults, opens files, and waits.
	s := servicetest.StartShell(t, name, `
		for n in 1 2 3; do
			(
				exec 7<"$0"
				while read go <&3; do
					i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done
					x=$(printf '%0900000d' 0); printf '%0900000d' 0 >"$1.$n"
					echo done
				done
			) &
		done
		echo ready
		read end`, filepath.Join(t.TempDir(), "file"))
	s.Lines(1)
	var ourBase, theirBase map[string]float64 // counters after the first round: it does not count what those had used that started in the second of its first look
	for round := range 4 {
		s.Wake(3)
		s.Lines(3)
		waitUntilAsleep(t, name, 4)
		before := scrapeExporter(t, d.URL("/metrics"))
		got := gather(t, probe)
		after := scrapeExporter(t, d.URL("/metrics"))
		if round == 0 {
			ourBase, theirBase = got, after
		}
		const labels = `{groupname="NAME"`
		for ours, theirs := range map[string]string{
			"count": "num_procs" + labels + "}", "threads": "num_threads" + labels + "}", "fds": "open_filedesc" + labels + "}",
			"cpu_user": "cpu_seconds_total" + labels + `,mode="user"}`, "cpu_system": "cpu_seconds_total" + labels + `,mode="system"}`,
			"context_switches_voluntary":   `context_switches_total{ctxswitchtype="voluntary",groupname="NAME"}`,
			"context_switches_involuntary": `context_switches_total{ctxswitchtype="nonvoluntary",groupname="NAME"}`,
			"faults_minor":                 "minor_page_faults_total" + labels + "}", "faults_major": "major_page_faults_total" + labels + "}",
			"read_bytes": "read_bytes_total" + labels + "}", "write_bytes": "write_bytes_total" + labels + "}",
			"rss": "memory_bytes" + labels + `,memtype="resident"}`, "swap": "memory_bytes" + labels + `,memtype="swapped"}`,
			"pss": "memory_bytes" + labels + `,memtype="proportionalResident"}`,
		} {
			key := "namedprocess_namegroup_" + strings.Replace(theirs, "NAME", name, 1)
			low, known := before[key]
			high, tolerance := after[key], 0.001
			switch ours {
			case "rss", "pss": // it reads the one from stat, which is not exact, and the other from smaps, where each mapping is rounded
				tolerance = 0.1
			}
			v, reported := got[ours+"_loops"]
			if strings.HasSuffix(strings.SplitN(theirs, "{", 2)[0], "_total") {
				v, low, high = v-ourBase[ours+"_loops"], low-theirBase[key], high-theirBase[key]
			}
			if !known || !reported || v < min(low, high)*(1-tolerance)-tolerance || v > max(low, high)*(1+tolerance)+tolerance {
				t.Errorf("round %d: %s is %v (%v), process_exporter has %v and %v (%v)", round, ours, v, reported, low, high, known)
			}
		}
		if got["count_loops"] != 4 || got["cpu_user_loops"] == 0 || got["faults_minor_loops"] == 0 || got["context_switches_voluntary_loops"] < float64(3*round) {
			t.Errorf("nothing was compared: %v", got)
		}
	}
}

// scrapeExporter returns the samples of a page by name and sorted labels.
func scrapeExporter(t *testing.T, url string) map[string]float64 {
	t.Helper()
	reply, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	var page bytes.Buffer
	if _, err := page.ReadFrom(reply.Body); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(page.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok && strings.HasPrefix(name, "namedprocess_namegroup_") {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			values[name+"}"] = v
		}
	}
	return values
}

// pidsOf returns the processes with this name.
func pidsOf(name string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, file := range files {
		if comm, err := os.ReadFile(file); err == nil && string(comm) == name+"\n" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// waitUntilAsleep waits until n processes of this name exist, and all of them sleep.
func waitUntilAsleep(t *testing.T, name string, n int) (pids []int) {
	t.Helper()
	servicetest.Until(t, "all "+name+" sleep", func(context.Context) error {
		if pids = pidsOf(name); len(pids) != n {
			return fmt.Errorf("%d processes", len(pids))
		}
		for _, pid := range pids {
			if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || !strings.Contains(string(stat), ") S ") {
				return fmt.Errorf("%s, %w", stat, err)
			}
		}
		return nil
	})
	return pids
}

// TestSumsOverSharedMemory: five processes share 16 MB, and four of them have 4 MB of their own. The sums are those of smaps_rollup.
func TestSumsOverSharedMemory(t *testing.T) {
	name := fmt.Sprintf("rtcmem%d", os.Getpid())
	probe := startOwn(t, "  - {group: own, subgroup: share, comm: ["+name+"]}\n", "source: proc")
	s := servicetest.StartShell(t, name, `
		shared=$(printf '%016000000d' 0)
		for n in 1 2 3 4; do (own=$(printf '%04000000d' $n); echo done; read end <&3) & done
		echo done
		read end`)
	s.Lines(5)
	pids := waitUntilAsleep(t, name, 5)
	before := sumRollups(t, pids)
	got := gather(t, probe)
	after := sumRollups(t, pids)
	for field, metric := range map[string]string{"Rss": "rss_share", "Pss": "pss_share", "Private": "uss_share"} {
		const slack = 64 << 10 // other processes begin and end to share pages of sh meanwhile
		if v := got[metric]; v < min(before[field], after[field])-slack || v > max(before[field], after[field])+slack {
			t.Errorf("%s is %v, the sums of smaps_rollup are %v and %v", metric, v, before[field], after[field])
		}
	}
	// What the five share counts five times in RSS, once in PSS, and not in USS.
	const mb = 1_000_000
	if rss, pss, uss := got["rss_share"], got["pss_share"], got["uss_share"]; rss < 5*16*mb+4*4*mb || pss < 16*mb+4*4*mb || pss > rss-3*16*mb || uss < 4*4*mb || uss > pss-15*mb {
		t.Errorf("RSS %v, PSS %v, USS %v", rss, pss, uss)
	}
}

// sumRollups adds up what smaps_rollup says about processes, in bytes: Rss, Pss, and Private, both clean and dirty.
func sumRollups(t *testing.T, pids []int) map[string]float64 {
	t.Helper()
	sums := map[string]float64{}
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			t.Skip("this kernel has no smaps_rollup:", err)
		}
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			if len(fields) != 3 || fields[2] != "kB" {
				continue
			}
			kilobytes, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			switch name := strings.TrimSuffix(fields[0], ":"); name {
			case "Private_Clean", "Private_Dirty":
				sums["Private"] += 1024 * kilobytes
			default:
				sums[name] += 1024 * kilobytes
			}
		}
	}
	return sums
}

// TestOddNames: whatever a process calls itself is in its class, and nothing that cannot be a label is reported.
func TestOddNames(t *testing.T) {
	names := []string{"two words", "a) R 1 (b", "x\ny", "123456789012345", "longer-than-15-bytes", "bad\xff\xfeutf8", `"quoted\`, "café"}
	for i, name := range names {
		names[i] = name[:min(len(name), 15)]
		s := servicetest.StartShell(t, name, `echo started; read end`)
		s.Lines(1)
	}
	var classes []string
	for i, name := range names {
		classes = append(classes, fmt.Sprintf("  - {group: own, subgroup: odd%d, comm: [%s]}\n", i, strconv.Quote(strings.ToValidUTF8(name, "\ufffd"))))
	}
	probe := startOwn(t, strings.Join(classes, ""), "source: proc, labels: [unit, cgroup, container]")
	got := gather(t, probe)
	for i, name := range names {
		found := 0.0
		for key, v := range got {
			if strings.HasPrefix(key, fmt.Sprintf("count_odd%d", i)) {
				found += v
			}
		}
		if found != 1 {
			t.Errorf("%q: %v processes", name, found)
		}
	}
}
