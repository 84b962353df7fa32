package bpf

import (
	"bytes"
	"time"
)

// MeterConfig chooses what a [Meter] measures. Only the programs for that are loaded.
type MeterConfig struct {
	Network     bool // bytes through TCP and UDP sockets, by process
	Block       bool // requests to disks, by process and disk
	Processes   bool // events of processes, and of the OOM killer
	Latency     bool // of requests to disks
	Retransmits bool // TCP segments sent again, and resets
	RunQueue    bool // how long threads wait for a CPU; it costs the most, because threads wait often

	MaxProcesses int  // entries of each map; default 16384
	RingBytes    int  // of events that wait for the agent; a power of two; default 4 MiB
	MeasureTime  bool // as in [Config]
}

// ProcessKey identifies a process. It stays the same through exec.
type ProcessKey struct {
	PID   int           // in the initial PID namespace
	Start time.Duration // since the system started, in nanoseconds
}

// Comm is the name of a process, as the kernel has it: ended by NUL. It may hold any bytes.
type Comm [16]byte

// String returns the name without what follows it.
func (c Comm) String() string {
	name, _, _ := bytes.Cut(c[:], []byte{0})
	return string(name)
}

// Traffic is what one process sent and received through sockets for IPv4 and IPv6 since it was first seen: bytes of payload.
// What it receives with splice(2) or with TCP_ZEROCOPY_RECEIVE is missing, because the kernel reports no length.
type Traffic struct {
	ProcessKey
	Comm         Comm // when it was first seen
	TCPTx, TCPRx uint64
	UDPTx, UDPRx uint64
}

// Disk identifies a whole disk, never a partition.
type Disk struct{ Major, Minor uint32 }

// BlockUse is what one process had one disk read and write since it was first seen. The sums of bytes over all processes are what
// /proc/diskstats counts. The process is the one that made the request: for direct I/O and for reads the process itself, for what
// the kernel writes from its caches a thread of the kernel, as PID and Comm say.
type BlockUse struct {
	ProcessKey
	Comm Comm // when it was first seen
	Disk
	ReadBytes, WriteBytes uint64
	Reads, Writes         uint64 // completed requests, after merging; without those that only empty the disk's cache
}

// BlockOp is what a request asks of a disk.
type BlockOp uint8

// The kinds of requests. Others, such as those of ioctl, are not measured.
const (
	BlockRead BlockOp = iota
	BlockWrite
	BlockFlush
	BlockDiscard // also erasing; writing zeroes is BlockWrite, as in /proc/diskstats
)

// String returns the name of the kind, in lower case.
func (op BlockOp) String() string { return [...]string{"read", "write", "flush", "discard"}[op&3] }

// Histogram counts durations. Count[i] is the number of those up to [HistogramBounds][i] and above the bound before; the last one
// is the number of those above all bounds.
type Histogram struct {
	Count [histogramSlots]uint64
	Sum   time.Duration
}

// histogramSlots is HISTOGRAM_SLOTS in c/usage.h.
const histogramSlots = 23

// HistogramBounds returns the upper bounds of the slots of a [Histogram], in ascending order: 1, 2 and 5 of each power of ten from
// 1 µs to 10 s.
func HistogramBounds() [histogramSlots - 1]time.Duration {
	var bounds [histogramSlots - 1]time.Duration
	step := time.Microsecond
	for i := 0; i < len(bounds); i += 3 {
		for j, factor := range [...]time.Duration{1, 2, 5} {
			if i+j < len(bounds) {
				bounds[i+j] = factor * step
			}
		}
		step *= 10
	}
	return bounds
}

// Total returns how many durations were counted.
func (h *Histogram) Total() (n uint64) {
	for _, count := range h.Count {
		n += count
	}
	return n
}

// BlockLatency is how long requests of one kind took on one disk, from when the driver got them to their completion.
type BlockLatency struct {
	Disk
	Op BlockOp
	Histogram
}

// TCPTrouble counts, over all network namespaces, since the programs were loaded.
type TCPTrouble struct {
	Retransmits    ByFamily // segments sent again, as RetransSegs in /proc/net/snmp
	ResetsSent     ByFamily // before Linux 6.10 without those that answer to a port where nobody listens
	ResetsReceived ByFamily
}

// ByFamily is a number for each family of addresses.
type ByFamily struct{ IPv4, IPv6 uint64 }

// ProcessEventKind is what a [ProcessEvent] reports.
type ProcessEventKind uint8

// The kinds of events of processes.
const (
	ProcessFork ProcessEventKind = iota + 1 // a process was made; it still is the program that its parent is
	ProcessExec                             // a process became another program
	// ProcessExit: a process ended, and its parent has waited for it, so /proc has it no more. Until then it is a zombie, with
	// its numbers in /proc. A process that ends in the way of exec (another thread takes its place) is none.
	ProcessExit
	ProcessOOM // the OOM killer chose this process. Before Linux 6.9, only PID is known, and it may be that of a thread
)

// ProcessEvent is something that happened to a process. Final is set for ProcessExit only.
type ProcessEvent struct {
	Kind      ProcessEventKind
	Time      time.Duration // since the system started, also while it was suspended; for ProcessExit up to some 100 ms late
	Process   Process
	OOMVictim bool // ProcessExit: the OOM killer had chosen it
	Final     ProcessTotals
}

// Key returns what identifies the process.
func (e *ProcessEvent) Key() ProcessKey { return ProcessKey{e.Process.PID, e.Process.Start} }

// ProcessTotals is what a process with all its threads had used when it ended, without the processes that it waited for.
type ProcessTotals struct {
	// User and System are as wait4(2) reports them: CPU, split as the ticks of the clock saw them, because that is all that most
	// kernels know. CPU is exact.
	User, System, CPU        time.Duration
	MinorFaults, MajorFaults uint64
	Voluntary, Involuntary   uint64 // context switches
	ReadBytes, WriteBytes    uint64 // as in /proc/PID/io; WriteBytes includes what was cancelled later
	CancelledBytes           uint64 // of WriteBytes
	ReadCalls, WriteCalls    uint64
	PeakRSS                  int64 // bytes
	ExitCode, Signal         int   // Signal is not 0 if one ended the process; ExitCode is that of exit(2)
	CoreDumped               bool
}

// MapFill is how much of a map is used.
type MapFill struct {
	Map               string // traffic, block, requests, latency, waiting
	Entries, Capacity int
}

// MeterLost counts what was not measured since the programs were loaded.
type MeterLost struct {
	Events    uint64 // the ring buffer was full
	Traffic   uint64 // sent or received by processes for which the map had no room
	Block     uint64 // requests of processes for which the map had no room
	Requests  uint64 // requests that were not followed: too many at a time
	Latencies uint64 // requests on disks for which the map had no room
	Waits     uint64 // threads whose waiting was not measured: too many at a time
	Skipped   uint64 // runs of a program that the kernel left out, because it interrupted another one on the same CPU
}
