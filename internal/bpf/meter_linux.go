//go:build linux && (386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64)

package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// Meter measures what processes and devices do, with eBPF programs. Its methods may be called at the same time; Read by one goroutine
// only. What they pass to functions is used again: these must copy what they keep.
type Meter struct {
	loaded
	event ProcessEvent

	mu       sync.Mutex // guards the buffers
	traffic  entries[usageProcessKey, usageTraffic]
	block    entries[usageBlockKey, usageBlockUse]
	requests entries[uint64, usageRequestState]
	latency  entries[usageLatencyKey, usageHistogram]
	waiting  entries[uint32, uint64]
}

// OpenMeter loads the programs that c asks for and attaches them. The error says what the system lacks and what to do. Optional
// programs that this kernel cannot run are left out: see [Meter.HasNetwork], [Meter.HasOOM] and [Meter.HasResets].
func OpenMeter(c MeterConfig) (*Meter, error) {
	m := &Meter{loaded: loaded{list: MeterPrograms()}}
	if err := m.start(&c); err != nil {
		_ = m.Close()
		return nil, explain(err)
	}
	return m, nil
}

func (m *Meter) start(c *MeterConfig) error {
	if err := removeMemlock(); err != nil {
		return err
	}
	spec, err := loadUsage()
	if err != nil {
		return err
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	removeUnwanted(spec, c.parts())
	if err := removeUnavailable(spec, kernel, m.list); err != nil {
		return err
	}
	if err := adapt(spec, kernel, c); err != nil {
		return err
	}
	size(spec, c)
	removeUnused(spec)
	return m.load(spec, c.MeasureTime)
}

// removeUnwanted removes the programs that nobody asked for.
func removeUnwanted(spec *ebpf.CollectionSpec, wanted part) {
	for _, p := range meterPrograms() {
		if p.parts&wanted == 0 {
			delete(spec.Programs, p.Name)
		}
	}
}

// adapt chooses between the programs for different kernels, and sets what they need to know.
func adapt(spec *ebpf.CollectionSpec, kernel *btf.Spec, c *MeterConfig) error {
	if spec.Programs["request_start"] != nil {
		delete(spec.Programs, "request_insert")
	}
	victim, _ := hookArguments(kernel, "mark_victim")
	if len(victim) > 0 && isPointer(victim[0].Type) {
		delete(spec.Programs, "oom_victim_id")
	} else {
		delete(spec.Programs, "oom_victim")
	}
	retransmit, _ := hookArguments(kernel, "tcp_retransmit_skb")
	for name, value := range map[string]bool{
		"by_process": c.Block, "with_latency": c.Latency, "retransmit_has_error": len(retransmit) > 2,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s of the eBPF programs: %w", name, err)
		}
	}
	return nil
}

func isPointer(t btf.Type) bool {
	_, ok := btf.UnderlyingType(t).(*btf.Pointer)
	return ok
}

// size sets how large the maps are. What was not asked for is as small as possible, because programs may name it.
func size(spec *ebpf.CollectionSpec, c *MeterConfig) {
	processes := uint32(cmp.Or(c.MaxProcesses, 16384))
	spec.Maps["events"].MaxEntries = uint32(cmp.Or(c.RingBytes, 4<<20))
	spec.Maps["traffic"].MaxEntries = processes
	spec.Maps["block"].MaxEntries = processes
	if !c.Block {
		spec.Maps["block"].MaxEntries = 1
	}
	if !c.Latency {
		spec.Maps["latency"].MaxEntries = 1
	}
}

// Read calls each with the events of processes that have arrived, in their order. It waits for more until this time has passed.
// Events are reused: each must copy what it keeps.
func (m *Meter) Read(wait time.Duration, each func(*ProcessEvent)) error {
	if m.ring == nil {
		return errors.New("read events of processes: they were not asked for")
	}
	return m.read(wait, func(data []byte) error {
		if err := m.event.decode(data); err != nil {
			return err
		}
		each(&m.event)
		return nil
	})
}

// Traffic calls each with what every process sent and received. It forgets those for which each returns true: those that have ended.
// Without [Meter.HasNetwork] there are none.
func (m *Meter) Traffic(each func(*Traffic) (forget bool)) error {
	if m.maps["traffic"] == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var one Traffic // used again for each
	return m.traffic.each(m.maps["traffic"], "the traffic of processes", func(k *usageProcessKey, v *usageTraffic) bool {
		one = Traffic{
			ProcessKey: ProcessKey{int(k.Pid), time.Duration(k.Start)}, Comm: v.Comm, TCPTx: v.TcpTx, TCPRx: v.TcpRx, UDPTx: v.UdpTx, UDPRx: v.UdpRx,
		}
		return each(&one)
	})
}

// BlockUse calls each with what every process had every disk do. It forgets those for which each returns true.
func (m *Meter) BlockUse(each func(*BlockUse) (forget bool)) error {
	if m.maps["block"] == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var one BlockUse // used again for each
	return m.block.each(m.maps["block"], "the use of disks", func(k *usageBlockKey, v *usageBlockUse) bool {
		one = BlockUse{
			ProcessKey: ProcessKey{int(k.Pid), time.Duration(k.Start)}, Comm: v.Comm, Disk: Disk{k.Major, k.Minor},
			ReadBytes: v.ReadBytes, WriteBytes: v.WriteBytes, Reads: v.Reads, Writes: v.Writes,
		}
		return each(&one)
	})
}

// BlockLatency calls each with the histogram of every disk and kind of request. It forgets those for which each returns true.
func (m *Meter) BlockLatency(each func(*BlockLatency) (forget bool)) error {
	if m.maps["latency"] == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var one BlockLatency // used again for each
	return m.latency.each(m.maps["latency"], "the latency of disks", func(k *usageLatencyKey, v *usageHistogram) bool {
		one = BlockLatency{Disk: Disk{k.Major, k.Minor}, Op: BlockOp(k.Op), Histogram: Histogram{Count: v.Slots, Sum: time.Duration(v.Sum)}}
		return each(&one)
	})
}

// RunQueue returns how long threads waited for a CPU after they could run.
func (m *Meter) RunQueue() (sum Histogram, err error) {
	if m.maps["run_queue"] == nil {
		return sum, nil
	}
	var perCPU []usageHistogram
	if err := m.maps["run_queue"].Lookup(new(uint32), &perCPU); err != nil {
		return sum, fmt.Errorf("read the latency of run queues: %w", err)
	}
	for i := range perCPU {
		sum.Sum += time.Duration(perCPU[i].Sum)
		for slot, n := range perCPU[i].Slots {
			sum.Count[slot] += n
		}
	}
	return sum, nil
}

// TCP returns what went wrong with TCP.
func (m *Meter) TCP() (TCPTrouble, error) {
	n, err := m.counters()
	return TCPTrouble{
		Retransmits:    ByFamily{n[retransmitsIPv4], n[retransmitsIPv6]},
		ResetsSent:     ByFamily{n[resetsSentIPv4], n[resetsSentIPv6]},
		ResetsReceived: ByFamily{n[resetsReceivedIPv4], n[resetsReceivedIPv6]},
	}, err
}

// Fill returns how full the maps are.
func (m *Meter) Fill() ([]MapFill, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []MapFill
	for _, one := range []struct {
		name  string
		count func(*ebpf.Map) (int, error)
	}{
		{"traffic", m.traffic.count}, {"block", m.block.count}, {"requests", m.requests.count}, {"latency", m.latency.count},
		{"waiting", m.waiting.count},
	} {
		counted := m.maps[one.name]
		if counted == nil || counted.MaxEntries() == 1 {
			continue
		}
		n, err := one.count(counted)
		if err != nil {
			return nil, err
		}
		all = append(all, MapFill{one.name, n, int(counted.MaxEntries())})
	}
	return slices.Clip(all), nil
}

// count returns how many entries m has.
func (b *entries[K, V]) count(m *ebpf.Map) (n int, err error) {
	err = b.each(m, "how full a map is", func(*K, *V) bool { n++; return false })
	return n, err
}

// Lost returns what was not measured.
func (m *Meter) Lost() (MeterLost, error) {
	n, err := m.counters()
	if err != nil {
		return MeterLost{}, err
	}
	skipped, err := m.skipped()
	return MeterLost{
		Events: n[lostEvents], Traffic: n[lostTraffic], Block: n[lostBlock], Requests: n[lostRequests], Latencies: n[lostLatencies], Waits: n[lostWaits],
		Skipped: skipped,
	}, err
}

// HasNetwork reports whether traffic is measured: it was asked for, and the kernel reports it (6.12 does, 6.1 does not).
func (m *Meter) HasNetwork() bool {
	return m.programs["traffic_send"] != nil && m.programs["traffic_receive"] != nil
}

// HasOOM reports whether choices of the OOM killer are events.
func (m *Meter) HasOOM() bool {
	return m.programs["oom_victim"] != nil || m.programs["oom_victim_id"] != nil
}

// HasResets reports whether resets of TCP connections are counted.
func (m *Meter) HasResets() bool {
	return m.programs["tcp_reset_sent"] != nil && m.programs["tcp_reset_received"] != nil
}
