package windowsperf

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/pdh"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// fakeQuery stands in for PDH, which only Windows has (Wine has two of its counters). Values are what PDH returns for an English path, in any
// language.
type fakeQuery struct {
	values    map[string][]pdh.Value // by path; missing: this Windows has no such object
	added     []string
	collected int
	failing   error
}

func (q *fakeQuery) Close() error   { return nil }
func (q *fakeQuery) Collect() error { q.collected++; return q.failing }

func (q *fakeQuery) Add(path string) (pdh.Counter, error) {
	if _, ok := q.values[path]; !ok {
		return 0, pdh.NoObject
	}
	q.added = append(q.added, path)
	return pdh.Counter(len(q.added)), nil
}

func (q *fakeQuery) Values(c pdh.Counter) ([]pdh.Value, error) {
	path := q.added[c-1]
	if strings.Contains(path, "/sec") && q.collected < 2 {
		return nil, nil // a rate needs two readings
	}
	return q.values[path], nil
}

func (q *fakeQuery) open() (pdh.Query, error) { return q, nil }

// numbers returns the values of instances: "C:" 1, "D:" 2 ...
func numbers(instances ...string) (all []pdh.Value) {
	for i, name := range instances {
		all = append(all, pdh.Value{Instance: name, Valid: true, Value: float64(i + 1)})
	}
	return all
}

// processIDs returns the values of ID Process.
func processIDs(ids ...float64) (all []pdh.Value) {
	for _, id := range ids {
		all = append(all, pdh.Value{Valid: true, Value: id})
	}
	return all
}

func named(values []pdh.Value, instances ...string) []pdh.Value {
	for i := range values {
		values[i].Instance = instances[i]
	}
	return values
}

func TestConformance(t *testing.T) {
	q := &fakeQuery{values: map[string][]pdh.Value{
		`\Memory\Available Bytes`: numbers(""), `\LogicalDisk(*)\% Free Space`: numbers("C:", "HarddiskVolume5", "_Total"), `\System\Context Switches/sec`: numbers(""),
		`\Process(*)\Working Set`: numbers("svchost"), processIDPath: named(processIDs(4711), "svchost"),
	}}
	plugintest.Run(t, define(q.open), plugintest.Case{Name: "counters", Config: `paths: ['\Memory\Available Bytes', '\LogicalDisk(*)\% Free Space', '\System\Context Switches/sec', '\Process(*)\Working Set']`,
		Setup: func(_ *testing.T, e *plugins.Env) { e.Host = &sysinfo.Host{} }, Allocs: 20})
}

func TestCounters(t *testing.T) {
	q := &fakeQuery{values: map[string][]pdh.Value{
		`\Memory\Available Bytes`:                    numbers(""),
		`\Processor Information(*)\% Processor Time`: numbers("0,0", "0,_Total", "_Total"),
		`\Network Interface(*)\Bytes Received/sec`:   numbers("Intel[R] Ethernet _I219-LM _2"),
		`\LogicalDisk(*)\% Free Space`:               numbers("C:", "HarddiskVolume5", "_Total"),
		`\Objets mémoire(*)\Datenträger`:             numbers("Mémoire"),
	}}
	var log servicetest.Log
	config := `{paths: ['\Memory\Available Bytes', '\Processor Information(*)\% Processor Time', '\Network Interface(*)\Bytes Received/sec',
		{path: '\LogicalDisk(*)\% Free Space', name: free}, '\Hyper-V(*)\x', {path: '\Objets mémoire(*)\Datenträger', name: memoire}], exclude_instances: [Hard*]}`
	p := plugintest.Start(t, define(q.open), config, plugintest.Env("windows_perf", "", func(e *plugins.Env) { e.Log = slog.New(slog.NewTextHandler(&log, nil)) }))
	want := map[string]float64{
		"windows_perf_memory_available_bytes": 1, "windows_perf_processor_information_percent_processor_time_0,0": 1,
		"windows_perf_processor_information_percent_processor_time_0,_Total": 2, "windows_perf_processor_information_percent_processor_time__Total": 3,
		"free_C:": 1, "free__Total": 3, "memoire_Mémoire": 1,
	}
	if diff := cmp.Diff(want, plugintest.ByKey(p.Batches(0)[0])); diff != "" {
		t.Error(diff)
	}
	want["windows_perf_network_interface_bytes_received_per_sec_Intel[R]_Ethernet__I219-LM__2"] = 1
	if diff := cmp.Diff(want, p.Gather(10)); diff != "" {
		t.Error(diff)
	}
	if log.Count("a performance counter is left out") != 1 || log.Count(`\Hyper-V(*)\x`) != 1 || log.Count("this Windows has no such object") != 1 {
		t.Error(log.String())
	}

	// An adapter is added, and the object that was missing.
	q.values[`\Network Interface(*)\Bytes Received/sec`] = numbers("Intel[R] Ethernet _I219-LM _2", "Wi-Fi")
	q.values[`\Hyper-V(*)\x`] = numbers("VM")
	if got := p.Gather(20)["windows_perf_network_interface_bytes_received_per_sec_Wi-Fi"]; got != 2 {
		t.Errorf("the new adapter has %v", got)
	}
	for i := range retryAfter {
		p.Batches(float64(30 + 10*i))
	}
	if got := p.Gather(2000)["windows_perf_hyper_v_x_VM"]; got != 1 {
		t.Errorf("the new object has %v", got)
	}
}

func TestProcesses(t *testing.T) {
	const cpu = `\Process(*)\% Processor Time`
	q := &fakeQuery{values: map[string][]pdh.Value{
		cpu:           numbers("svchost", "svchost#1", "Idle", "_Total", "a(b)c"),
		processIDPath: named(processIDs(700, 800, 0, 0, 900), "svchost", "svchost#1", "Idle", "_Total", "a(b)c"),
	}}
	p := plugintest.Start(t, define(q.open), `paths: ['`+cpu+`']`, plugintest.Env("windows_perf", ""))
	const name = "windows_perf_process_percent_processor_time_"
	if diff := cmp.Diff(map[string]float64{name + "svchost_700": 1, name + "svchost_800": 2, name + "a(b)c_900": 5}, canonical(p.Gather(0))); diff != "" {
		t.Error(diff)
	}
	// The first svchost ends, and the second one gets its name: its rate in this gather is that of two processes.
	q.values[cpu], q.values[processIDPath] = numbers("svchost", "Idle", "_Total", "a(b)c"), named(processIDs(800, 0, 0, 900), "svchost", "Idle", "_Total", "a(b)c")
	if diff := cmp.Diff(map[string]float64{name + "a(b)c_900": 4}, canonical(p.Gather(10))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{name + "svchost_800": 1, name + "a(b)c_900": 4}, canonical(p.Gather(20))); diff != "" {
		t.Error(diff)
	}
	// Another process is about to end: its ID is 0, as that of Idle.
	q.values[processIDPath] = named(processIDs(0, 0, 0, 900), "svchost", "Idle", "_Total", "a(b)c")
	if diff := cmp.Diff(map[string]float64{name + "a(b)c_900": 4}, canonical(p.Gather(30))); diff != "" {
		t.Error(diff)
	}
	// A PDH that does not number instances has several of one name.
	q.values[cpu], q.values[processIDPath] = numbers("svchost", "svchost"), named(processIDs(1, 2), "svchost", "svchost")
	p.Gather(40)
	if got := p.Gather(50); len(got) != 2 {
		t.Errorf("%v", got)
	}
	// The counters do not fit together.
	q.values[processIDPath] = named(processIDs(1), "lsass")
	if got := p.Gather(60); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// canonical restores parentheses, which keys do not have.
func canonical(values map[string]float64) map[string]float64 {
	m := map[string]float64{}
	for key, v := range values {
		m[strings.Replace(key, "a_b_c", "a(b)c", 1)] = v
	}
	return m
}

func TestInvalidValues(t *testing.T) {
	q := &fakeQuery{values: map[string][]pdh.Value{`\A(*)\b`: {{Instance: "x", Value: 7}, {Instance: "y", Valid: true, Value: -7}}}}
	p := plugintest.Start(t, define(q.open), `paths: ['\A(*)\b']`, plugintest.Env("windows_perf", ""))
	if diff := cmp.Diff(map[string]float64{"windows_perf_a_b_y": -7}, p.Gather(0)); diff != "" {
		t.Error(diff)
	}
	q.failing = errors.New("away")
	if b, err := p.Batch(10); !errors.Is(err, q.failing) || b.Len() != 0 {
		t.Errorf("%d samples, %v", b.Len(), err)
	}
}

func TestNothingThere(t *testing.T) {
	in, err := build(plugintest.Env("windows_perf", ""), Config{}, (&fakeQuery{}).open)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if err := in.Open(t.Context()); err == nil || !strings.Contains(err.Error(), `add \System\Processor Queue Length: this Windows has none`) {
		t.Error(err)
	}
}

// The list of instances does not concern objects without instances.
func TestIncludedInstances(t *testing.T) {
	q := &fakeQuery{values: map[string][]pdh.Value{`\Memory\Available Bytes`: numbers(""), `\LogicalDisk(*)\Free Megabytes`: numbers("C:", "D:", "_Total")}}
	p := plugintest.Start(t, define(q.open), `{paths: ['\Memory\Available Bytes', '\LogicalDisk(*)\Free Megabytes'], include_instances: ["C:", "D:"], exclude_instances: ["D:"]}`, plugintest.Env("windows_perf", ""))
	if diff := cmp.Diff(map[string]float64{"windows_perf_memory_available_bytes": 1, "windows_perf_logicaldisk_free_megabytes_C:": 1}, p.Gather(0)); diff != "" {
		t.Error(diff)
	}
}

func TestConfig(t *testing.T) {
	for config, want := range map[string]string{
		`paths: ['Memory\Available Bytes']`:                   `"Memory\\Available Bytes" is not like \Object\Counter`,
		`paths: ['\\SRV\Memory\Available Bytes']`:             "names a machine",
		`paths: ['\A\B', '\A(*)\b']`:                          `\A\B and \A(*)\b are both called windows_perf_a_b; set a name`,
		`paths: [{path: '\A\B', name: 'a b'}]`:                `"a b" is not a name of a metric`,
		`paths: [{path: '\Processor(*)\% DPC Time', nam: x}]`: "nam",
	} {
		_, problems := plugintest.Decode(t, Plugin, config)
		if !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v, want %s", config, problems, want)
		}
	}
	built, problems := plugintest.Decode(t, Plugin, `paths: ['\Network Interface(*)\Bytes Received/sec', '\Processor(*)\% DPC Time', {path: '\a\b', name: c}]`)
	names := built.Config.(plugins.Namer).MetricNames()
	want := []string{"windows_perf_network_interface_bytes_received_per_sec", "windows_perf_processor_percent_dpc_time", "c"}
	if !slices.Equal(names, want) {
		t.Errorf("%v, %v", names, problems)
	}
}
