package proctable

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// Stat is what /proc/PID/stat says about a process (proc(5)).
type Stat struct {
	PID     int
	Comm    []byte // any bytes, at most 15, or none
	State   byte   // a letter
	Parent  int
	Flags   uint64 // PF_… of include/linux/sched.h
	User    uint64 // CPU time in clock ticks
	System  uint64
	Threads uint64
	Start   uint64 // clock ticks since the system started

	MinorFaults, MajorFaults uint64 // of all threads, also of those that have ended
	RSS                      uint64 // resident memory, in pages
}

// IsKernelThread reports whether the process is part of the kernel. Its name says nothing about that.
func (s *Stat) IsKernelThread() bool { return s.Flags&0x200000 != 0 } // PF_KTHREAD

// Positions of fields, counted from the first one after the state.
const (
	parentField  = 0
	flagsField   = 5
	minorField   = 6
	majorField   = 8
	userField    = 10
	systemField  = 11
	threadsField = 16
	startField   = 18
	rssField     = 20
	statFields   = rssField + 1

	requiredFields = startField + 1
)

// ParseStat parses /proc/PID/stat, or its beginning. The name may contain anything, including blanks, line feeds and
// parentheses. It ends at the last closing parenthesis, because no later field contains one. Comm refers to data.
func ParseStat(data []byte) (s Stat, ok bool) {
	begin, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if begin < 0 || end < begin {
		return Stat{}, false
	}
	pid, rest := scan.CutField(data[:begin])
	number, ok := scan.ParseUint(pid)
	if !ok || len(bytes.TrimSpace(rest)) > 0 || number > maxPID {
		return Stat{}, false
	}
	state, rest := scan.CutField(data[end+1:])
	var fields [statFields]uint64
	if len(state) != 1 || state[0] < 'A' || state[0] > 'z' || scan.ParseUints(rest, fields[:]) < requiredFields || fields[parentField] > maxPID {
		return Stat{}, false
	}
	return Stat{
		PID: int(number), Comm: data[begin+1 : end], State: state[0], Parent: int(fields[parentField]), Flags: fields[flagsField],
		User: fields[userField], System: fields[systemField], Threads: fields[threadsField], Start: fields[startField],
		MinorFaults: fields[minorField], MajorFaults: fields[majorField], RSS: fields[rssField],
	}, true
}

const maxPID = 1 << 22 // PID_MAX_LIMIT, include/linux/threads.h

// IsPID reports whether an entry of /proc is a process.
func IsPID(name []byte) bool {
	for _, c := range name {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(name) > 0
}
