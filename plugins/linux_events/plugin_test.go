package linuxevents

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// recordedMeter is a meter with known numbers. It stands for the kernel, whose numbers no test can know; live_linux_test.go has real ones.
type recordedMeter struct {
	mu        sync.Mutex
	events    []bpf.ProcessEvent
	latencies []bpf.BlockLatency
	waits     bpf.Histogram
	forgotten []bpf.Disk
	broken    error
	config    bpf.MeterConfig
	closed    bool
}

func (m *recordedMeter) Read(_ time.Duration, each func(*bpf.ProcessEvent)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.events {
		each(&m.events[i])
	}
	m.events = nil
	return m.broken
}

func (m *recordedMeter) BlockLatency(each func(*bpf.BlockLatency) bool) error {
	for i := range m.latencies {
		if each(&m.latencies[i]) {
			m.forgotten = append(m.forgotten, m.latencies[i].Disk)
		}
	}
	return nil
}

func (m *recordedMeter) RunQueue() (bpf.Histogram, error) { return m.waits, nil }

func (m *recordedMeter) TCP() (bpf.TCPTrouble, error) {
	return bpf.TCPTrouble{
		Retransmits: bpf.ByFamily{IPv4: 4, IPv6: 6}, ResetsSent: bpf.ByFamily{IPv4: 14, IPv6: 16}, ResetsReceived: bpf.ByFamily{IPv4: 24, IPv6: 26},
	}, nil
}

func (m *recordedMeter) Fill() ([]bpf.MapFill, error) {
	return []bpf.MapFill{{Map: "requests", Entries: 3, Capacity: 16384}}, nil
}

func (m *recordedMeter) Lost() (bpf.MeterLost, error) {
	return bpf.MeterLost{Events: 1, Requests: 2, Latencies: 3, Waits: 4, Skipped: 5}, nil
}

func (m *recordedMeter) Usage() ([]bpf.Usage, error) {
	return []bpf.Usage{{Program: "process_fork", Runs: 7, Time: 3 * time.Microsecond}}, nil
}

func (m *recordedMeter) HasOOM() bool    { return true }
func (m *recordedMeter) HasResets() bool { return true }
func (m *recordedMeter) Close() error    { m.closed = true; return nil }

// withMeter is the input with this meter, or with the error that there is none.
func withMeter(m *recordedMeter, err error) plugins.Definition {
	return plugins.Serve("linux_events", "the input with recorded numbers", defaults, func(env plugins.Env, c Config) (*input, error) {
		in, buildErr := build(env, c)
		in.open = func(c bpf.MeterConfig) (meter, error) {
			if err != nil {
				return nil, err
			}
			m.config = c
			return m, nil
		}
		return in, buildErr
	}).On("linux").OnRequest().Doc(readme)
}

// histogramOf returns a histogram of these durations.
func histogramOf(durations ...time.Duration) (h bpf.Histogram) {
	bounds := bpf.HistogramBounds()
	for _, d := range durations {
		slot, _ := slices.BinarySearch(bounds[:], d)
		h.Count[slot]++
		h.Sum += d
	}
	return h
}

func recorded() *recordedMeter {
	return &recordedMeter{
		events: []bpf.ProcessEvent{
			{Kind: bpf.ProcessFork}, {Kind: bpf.ProcessFork}, {Kind: bpf.ProcessExec}, {Kind: bpf.ProcessExit},
			{Kind: bpf.ProcessExit, Final: bpf.ProcessTotals{ExitCode: 1}},
			{Kind: bpf.ProcessExit, Final: bpf.ProcessTotals{Signal: 15}},
		},
		latencies: []bpf.BlockLatency{
			{Disk: bpf.Disk{Major: 254}, Op: bpf.BlockWrite, Histogram: histogramOf(2*time.Microsecond, 15*time.Microsecond, time.Millisecond, time.Minute)},
			{Disk: bpf.Disk{Major: 7}, Op: bpf.BlockRead, Histogram: histogramOf(time.Second)},
			{Disk: bpf.Disk{Major: 9, Minor: 9}, Op: bpf.BlockRead, Histogram: histogramOf(time.Second)},
		},
		waits: histogramOf(500*time.Nanosecond, time.Millisecond, 2*time.Second),
	}
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, withMeter(recorded(), nil),
		plugintest.Case{Name: "ebpf", Root: "testdata/host", Config: "{run_queue: true, measure_programs: true}", Allocs: 200},
		plugintest.Case{Name: "proc", Root: "testdata/host", Config: "source: proc", Allocs: 20},
	)
}

func TestConfig(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"{}":                        "",
		"{signals: none}":           "",
		"{source: kprobe}":          "source: must be one of auto, ebpf, proc",
		"{signals: SIGSEGV}":        "signals: must be one of none, crashes, all",
		"{include_devices: ['~(']}": "include_devices",
		"{run_queue: [1]}":          "run_queue",
	})
}

// The buckets count what the smaller ones do, in Prometheus' layout.
func TestHistograms(t *testing.T) {
	m := recorded()
	p := plugintest.Start(t, withMeter(m, nil), "run_queue: true", plugintest.Env("linux_events", "testdata/host"))
	got := p.Gather(0)
	maps.DeleteFunc(got, func(key string, _ float64) bool { return !strings.Contains(key, "latency") })
	for key := range got {
		if strings.Contains(key, "loop") {
			t.Errorf("%s: loop devices are left out", key)
		}
	}
	plugintest.Expect(t, got, map[string]float64{
		"block_latency_bucket_vda_write_1e-05": 1, "block_latency_bucket_vda_write_2e-05": 2, "block_latency_bucket_vda_write_0.0005": 2,
		"block_latency_bucket_vda_write_0.001": 3, "block_latency_bucket_vda_write_10": 3, "block_latency_bucket_vda_write_+Inf": 4,
		"block_latency_count_vda_write": 4, "block_latency_sum_vda_write": 60.001017,
		"run_queue_latency_bucket_1e-06": 1, "run_queue_latency_bucket_0.001": 2, "run_queue_latency_bucket_1": 2, "run_queue_latency_bucket_+Inf": 3,
		"run_queue_latency_count": 3,
	})
	if want := 22 + 22; len(got) != want {
		t.Errorf("%d series of histograms, want %d", len(got), want)
	}
	if want := []bpf.Disk{{Major: 9, Minor: 9}}; !slices.Equal(m.forgotten, want) {
		t.Errorf("forgotten: %v, want the disk that is gone", m.forgotten)
	}
	if !m.config.Latency || !m.config.Processes || !m.config.Retransmits || !m.config.RunQueue || m.config.Network || m.config.MeasureTime {
		t.Errorf("%+v", m.config)
	}
}

func TestCounts(t *testing.T) {
	p := plugintest.Start(t, withMeter(recorded(), nil), "", plugintest.Env("linux_events", "testdata/host"))
	plugintest.Expect(t, p.Gather(0), map[string]float64{
		"process_forks": 2, "process_execs": 1, "process_exits": 3, "process_failures_code": 1, "process_failures_signal": 1, "process_oom_kills": 0,
		"tcp_retransmits_ipv4": 4, "tcp_retransmits_ipv6": 6, "tcp_resets_received_ipv6": 26, "linux_events_lost_skipped": 5,
	})
}

// texts returns the messages of events.
func texts(events []telemetry.Event) []string {
	all := []string{}
	for _, e := range events {
		all = append(all, e.Message)
	}
	return all
}

func comm(name string) (c [16]byte) { copy(c[:], name); return c }

// What the OOM killer ends is an event, and so is a crash; who is asked to end is not, unless that is wanted.
func TestEvents(t *testing.T) {
	events := func() []bpf.ProcessEvent {
		return []bpf.ProcessEvent{
			{Kind: bpf.ProcessOOM, Process: bpf.Process{PID: 300, CommBytes: comm("java")}},
			{Kind: bpf.ProcessExit, OOMVictim: true, Process: bpf.Process{PID: 300, CommBytes: comm("java")}, Final: bpf.ProcessTotals{Signal: 9}},
			{Kind: bpf.ProcessExit, Process: bpf.Process{PID: 301, CommBytes: comm("a\x1b[31m\nb")}, Final: bpf.ProcessTotals{Signal: 11}},
			{Kind: bpf.ProcessExit, Process: bpf.Process{PID: 302}, Final: bpf.ProcessTotals{Signal: 15}},
			{Kind: bpf.ProcessExit, Process: bpf.Process{PID: 303, CommBytes: comm("false")}, Final: bpf.ProcessTotals{ExitCode: 1}},
		}
	}
	const oom = "killed by the OOM killer: java (PID 300), control group /docker/abc"
	for signals, want := range map[string][]string{
		"none":    {oom},
		"crashes": {oom, "ended by SIGSEGV: a [31m b (PID 301)"},
		"all":     {oom, "ended by SIGSEGV: a [31m b (PID 301)", "ended by SIGTERM: ? (PID 302)"},
	} {
		p := plugintest.Start(t, withMeter(&recordedMeter{events: events()}, nil), "signals: "+signals, plugintest.Env("linux_events", "testdata/host"))
		b, err := p.Batch(0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, texts(b.Events)); diff != "" {
			t.Error(signals, diff)
		}
		for _, e := range b.Events {
			if e.Severity != telemetry.Error || e.Time.IsZero() || e.App != "kernel" {
				t.Errorf("%+v", e)
			}
		}
	}
}

// A flood of crashes is bounded.
func TestEventsAreBounded(t *testing.T) {
	p := &processes{signals: signalsAll}
	for range maxEvents + 5 {
		p.handle(&bpf.ProcessEvent{Kind: bpf.ProcessExit, Final: bpf.ProcessTotals{Signal: 11}}, time.Now())
	}
	if n := len(p.takeEvents()); n != maxEvents || p.droppedEvents != 5 || p.exits != maxEvents+5 {
		t.Errorf("%d events, %d dropped", n, p.droppedEvents)
	}
}

// Without eBPF, /proc has a part; source: ebpf fails instead.
func TestWithoutEBPF(t *testing.T) {
	none := withMeter(nil, errors.New("no BTF"))
	p := plugintest.Start(t, none, "", plugintest.Env("linux_events", "testdata/host"))
	want := map[string]float64{"process_forks": 4021, "process_oom_kills": 2, "tcp_retransmits_all": 17, "tcp_resets_sent_all": 9}
	if diff := cmp.Diff(want, p.Gather(0)); diff != "" {
		t.Error(diff)
	}
	built, problems := plugintest.Decode(t, none, "source: ebpf")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	in, err := built.New(plugintest.Env("linux_events", "testdata/host"))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Runner.(plugins.Opener).Open(t.Context()); err == nil || err.Error() != "no BTF" {
		t.Errorf("open: %v", err)
	}
}

// An OOM kill that only /proc/vmstat counts is an event, too.
func TestOOMFromProc(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{"proc/vmstat": "oom_kill 2\n"})
	p := plugintest.Start(t, Plugin, "source: proc", plugintest.Env("linux_events", dir))
	p.Gather(0)
	plugintest.Files(t, dir, map[string]string{"proc/vmstat": "oom_kill 3\n"})
	b, err := p.Batch(10)
	if err != nil || len(b.Events) != 1 || !strings.HasPrefix(b.Events[0].Message, "killed by the OOM killer: 1 ") {
		t.Errorf("%v, %v", b.Events, err)
	}
}

// When events cannot be read any more, the input reads /proc.
func TestFallBack(t *testing.T) {
	m := &recordedMeter{broken: errors.New("ring is gone")}
	p := plugintest.Start(t, withMeter(m, nil), "", plugintest.Env("linux_events", "testdata/host"))
	in := p.Input.Runner.(*input)
	in.fallBack(in.read(m, 0))
	if got := p.Gather(0); !m.closed || got["process_forks"] != 4021 {
		t.Errorf("closed %v, %v", m.closed, got)
	}
}

func TestMemoryGroup(t *testing.T) {
	for file, want := range map[string]string{
		"": "", "0::/system.slice/nginx.service\n": "/system.slice/nginx.service",
		"5:cpu,memory:/a:b\n1:name=systemd:/c\n0::/d\n": "/a:b", "junk\n:\n": "",
	} {
		if got := memoryGroup([]byte(file)); got != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}

func FuzzMemoryGroup(f *testing.F) {
	plugintest.Seed(f, "testdata/host/proc/*/cgroup")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(memoryGroup(data)) > len(data) {
			t.Error("longer than the file")
		}
	})
}

func FuzzFindColumn(f *testing.F) {
	plugintest.Seed(f, "testdata/host/proc/*/net/snmp")
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, ok := findColumn(data, "Tcp", "RetransSegs"); v < 0 || v > 0 && !ok {
			t.Error(v, ok)
		}
	})
}

func FuzzDiskNames(f *testing.F) {
	plugintest.Seed(f, "testdata/host/proc/diskstats")
	f.Fuzz(func(t *testing.T, data []byte) {
		for disk, name := range diskNames(data) {
			if name == "" || len(name) > len(data) {
				t.Errorf("%v: %q", disk, name)
			}
		}
	})
}
