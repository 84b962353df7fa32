// Package sysinfo reads what macOS, Windows and FreeBSD say about their host. On Linux, inputs read the kernel's files themselves
// (internal/hostfs, docs/adr/0003).
//
// sysinfo.go has the types: the same for all systems, so that inputs compute and name everything once. sys_darwin.go, sys_freebsd.go and
// sys_windows.go have the readers of one system, sys_bsd.go those that macOS and FreeBSD share. gopsutil.go has the readers that use
// gopsutil, of which macOS needs another version (gopsutil_v3*.go, gopsutil_v4*.go). parse.go parses what systems and their programs print,
// and slow.go bounds calls that may hang. Package sysinfotest replaces the readers with recorded values.
package sysinfo

import "context"

// Host reads one host. A function is nil where the system has nothing like it. It may be called again and again. Space may be called for
// several paths at once; the others are called from one goroutine at a time. A function returns soon after its context is done. What it
// returns together with an error is valid.
type Host struct {
	CPUs       func(context.Context) ([]CPU, error)
	Memory     func(context.Context) (Memory, error)
	Swap       func(context.Context) (Swap, error)
	Mounts     func(context.Context) ([]Mount, error)
	Space      func(ctx context.Context, path string) (Space, error) // of the file system that is mounted at path
	Disks      func(context.Context) ([]Disk, error)
	Interfaces func(context.Context) ([]Interface, error)
	Sockets    func(context.Context) ([]Sockets, error)
	Load       func(context.Context) (Load, error)
	System     func(context.Context) (System, error)
	Processes  func(context.Context) (Processes, error)
	Sensors    func(context.Context) ([]Sensor, error)
	Clock      func(context.Context) (Clock, error)
}

// CPU is how long a core was in each state since the start of the system, in seconds. States that a system does not count are 0, and
// their names are missing in States.
type CPU struct {
	Core   string // "cpu0"; "cpu-total" is the sum of all, and comes first
	States map[string]float64
}

// Memory is in bytes. Fields that a system does not count are 0.
type Memory struct {
	Total, Available, Used, Free float64
	Buffers, Cached              float64
	Active, Inactive, Wired      float64
}

// Swap is in bytes; In and Out are counters since the start of the system.
type Swap struct {
	Total, Used, Free float64
	In, Out           float64
	HasTraffic        bool // In and Out are counted
}

// Mount is a mounted file system, or a drive of Windows.
type Mount struct {
	Device   string // "/dev/disk3s5", "C:"
	Path     string // "/System/Volumes/Data", `C:\`, `C:\data`
	FSType   string // "apfs", "NTFS"; "": unknown
	ReadOnly bool
	Remote   bool // on another machine, which may not answer
	Options  []string
	Size     float64 // bytes, as Space has it; 0: only Space knows
}

// Space is in bytes, Inodes are counts.
type Space struct {
	Total, Used, Free, Available float64
	Inodes, InodesFree           float64
}

// Disk is the traffic of a disk since the start of the system.
type Disk struct {
	Name                  string // "disk0", "C:", "ada0"
	Reads, Writes         float64
	ReadBytes, WriteBytes float64
	ReadTime, WriteTime   float64 // milliseconds
	BusyTime              float64 // milliseconds with at least one request
	HasBusyTime           bool
}

// Interface is the traffic of a network interface since it exists.
type Interface struct {
	Name                 string
	Loopback             bool
	RxBytes, TxBytes     float64
	RxPackets, TxPackets float64
	RxErrors, TxErrors   float64
	RxDropped, TxDropped float64
}

// Sockets is a number of sockets of one kind.
type Sockets struct {
	Protocol string // "tcp", "udp"; IPv4 and IPv6 together
	State    string // one of TCPStates; "" for UDP
	Count    int
}

// Load is the average number of processes that ran or waited.
type Load struct{ One, Five, Fifteen float64 }

// System is what hardly changes.
type System struct {
	Uptime         float64 // seconds
	CPUs           int     // logical ones
	Sessions       int     // of users
	Users          int     // different ones
	HasSessions    bool
	OS, Version    string // "macOS" "15.1", "Windows Server 2022" "10.0.20348"
	Kernel         string // "Darwin"
	KernelVersion  string // "24.1.0"
	Architecture   string // "arm64"
	HardwareVendor string
}

// Processes are the numbers of processes by state, as on Linux: running, sleeping, stopped, zombies, blocked, idle, unknown.
type Processes struct {
	ByState map[string]int // empty where processes have no states
	Total   int
	Threads int // 0: not counted
}

// Sensor is a temperature.
type Sensor struct {
	Name    string
	Celsius float64
}

// Clock is what ntp_adjtime(2) returns, in its units.
type Clock struct {
	State    int    // TIME_OK and others: 0 to 5
	Status   uint32 // the bits STA_…
	Offset   float64
	Constant float64

	Frequency                float64 // 2^-16 ppm
	MaxError, EstimatedError float64 // microseconds
}
