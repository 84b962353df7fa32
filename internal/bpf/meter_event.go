package bpf

import (
	"encoding/binary"
	"math/bits"
	"os"
	"time"
)

// exitEventSize is the size of struct exit_event in c/usage.h, in bytes.
const exitEventSize = eventSize + 13*8 + 8

// decode reads an event of a process. It keeps no reference to data.
func (e *ProcessEvent) decode(data []byte) error {
	var header Event
	if len(data) < eventSize {
		return errShortEvent
	}
	header.decodeHeader(data)
	*e = ProcessEvent{Kind: ProcessEventKind(header.Kind), Time: header.Time, Process: header.Process}
	if e.Kind != ProcessExit {
		return nil
	}
	if len(data) < exitEventSize {
		return errShortEvent
	}
	native := binary.NativeEndian
	var numbers [13]uint64
	for i := range numbers {
		numbers[i] = native.Uint64(data[eventSize+8*i:])
	}
	status := native.Uint32(data[eventSize+13*8:])
	e.OOMVictim = native.Uint32(data[eventSize+13*8+4:]) != 0
	user, system := splitTime(numbers[0], numbers[1], numbers[2])
	e.Final = ProcessTotals{
		User: time.Duration(user), System: time.Duration(system), CPU: time.Duration(numbers[2]),
		MinorFaults: numbers[3], MajorFaults: numbers[4], Voluntary: numbers[5], Involuntary: numbers[6],
		ReadBytes: numbers[7], WriteBytes: numbers[8], CancelledBytes: numbers[9], ReadCalls: numbers[10], WriteCalls: numbers[11],
		PeakRSS: int64(numbers[12]) * int64(os.Getpagesize()),
		Signal:  int(status & 0x7f), CoreDumped: status&0x80 != 0, ExitCode: int(status >> 8 & 0xff),
	}
	return nil
}

// splitTime divides the time on CPUs in that of the process and that of the kernel, in the proportion that ticks of the clock saw, as
// cputime_adjust in the kernel does for wait4(2) and /proc/PID/stat.
func splitTime(userTicks, systemTicks, runtime uint64) (user, system uint64) {
	switch {
	case systemTicks == 0:
		return runtime, 0
	case userTicks == 0:
		return 0, runtime
	}
	all, carry := bits.Add64(userTicks, systemTicks, 0)
	if carry != 0 {
		return runtime, 0 // no process runs for centuries
	}
	high, low := bits.Mul64(systemTicks, runtime)
	if high >= all {
		return 0, runtime
	}
	system, _ = bits.Div64(high, low, all)
	system = min(system, runtime)
	return runtime - system, system
}
