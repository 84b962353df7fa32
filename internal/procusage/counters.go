package procusage

// Counter is a number that a process has and that only grows.
type Counter uint8

// The counters of a process. CPU times are in nanoseconds, although most kernels tell them in hundredths of a second.
const (
	UserCPU Counter = iota
	SystemCPU
	VoluntarySwitches
	InvoluntarySwitches
	MinorFaults
	MajorFaults
	ReadBytes // from disks, as in /proc/PID/io
	WriteBytes
	ReadCalls
	WriteCalls
	RxBytes // payload of TCP and UDP; only with eBPF
	TxBytes
	Starts   // programs that were started
	OOMKills // by the OOM killer; only with eBPF
	NumCounters
)

// Counters are the counters of a process or of a group.
type Counters [NumCounters]uint64

// set is a set of counters.
type set uint32

func setOf(counters ...Counter) (s set) {
	for _, c := range counters {
		s |= 1 << c
	}
	return s
}

func (s set) has(c Counter) bool { return s&(1<<c) != 0 }

// The counters that one source tells.
const (
	statCounters   = 1<<UserCPU | 1<<SystemCPU | 1<<MinorFaults | 1<<MajorFaults
	switchCounters = 1<<VoluntarySwitches | 1<<InvoluntarySwitches
	ioCounters     = 1<<ReadBytes | 1<<WriteBytes | 1<<ReadCalls | 1<<WriteCalls
	netCounters    = 1<<RxBytes | 1<<TxBytes
)

// nanosPerTick is the unit of CPU times in /proc/PID/stat: a hundredth of a second, in all of Linux (USER_HZ).
const nanosPerTick = 10_000_000

// readings are the last known counters of a process.
type readings struct {
	last   Counters
	before Counters // before a counter last fell
	known  set      // which of them were read
	fallen set      // which have fallen and not grown since
}

// step takes new readings of some counters and returns how much each has grown. A process that is new since the previous look has used all
// that it has since then; of another one, what it used before its first reading is not known. A counter that falls was wrong once: what it
// had before does not count again.
func (r *readings) step(now *Counters, which set, isNew bool) (growth Counters) {
	for c := range NumCounters {
		if !which.has(c) {
			continue
		}
		last, v := r.last[c], now[c]
		switch {
		case !r.known.has(c):
			if isNew {
				growth[c] = v
			}
		case v < last:
			r.before[c], r.fallen = last, r.fallen|setOf(c)
		case v > last && r.fallen.has(c):
			r.fallen &^= setOf(c)
			if v >= r.before[c] {
				last = r.before[c]
			}
			growth[c] = v - last
		default:
			growth[c] = v - last
		}
		r.last[c] = v
	}
	r.known |= which
	return growth
}

// grown returns the growth from one reading to the next.
func grown(before, now uint64) uint64 {
	if now < before {
		return 0
	}
	return now - before
}

func (c *Counters) add(more *Counters) {
	for i := range c {
		c[i] += more[i]
	}
}
