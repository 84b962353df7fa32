package sysinfo

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// nameTCPState returns Linux' name of a state. The BSDs and Windows spell some differently.
func nameTCPState(state string) string {
	switch state {
	case "SYN_RCVD", "SYN_RECEIVED":
		return "SYN_RECV"
	case "FIN_WAIT_1":
		return "FIN_WAIT1"
	case "FIN_WAIT_2":
		return "FIN_WAIT2"
	case "CLOSED":
		return "CLOSE"
	}
	return state
}

// TCPStates returns Linux' names of the states of TCP sockets, in the order of FreeBSD's netinet/tcp_fsm.h.
func TCPStates() []string {
	return []string{"CLOSE", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT1", "CLOSING", "LAST_ACK", "FIN_WAIT2", "TIME_WAIT"}
}

// listSockets returns counts in the order of their protocols and states. The key has no count.
func listSockets(counts map[Sockets]int) []Sockets {
	var all []Sockets
	for s, n := range counts {
		s.Count = n
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Sockets) int {
		return cmp.Or(strings.Compare(a.Protocol, b.Protocol), strings.Compare(a.State, b.State))
	})
	return all
}

// parseNetstat parses the output of "netstat -an -p tcp" of macOS: protocol, two queues, two addresses, state.
func parseNetstat(text []byte) ([]Sockets, error) {
	states, counts := TCPStates(), map[Sockets]int{}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 6 || !bytes.HasPrefix(fields[0], []byte("tcp")) {
			continue
		}
		if state := nameTCPState(string(fields[5])); slices.Contains(states, state) {
			counts[Sockets{Protocol: "tcp", State: state}]++
		}
	}
	if len(counts) == 0 && !bytes.Contains(text, []byte("Proto")) {
		return nil, errors.New("parse the output of netstat: no heading")
	}
	return listSockets(counts), nil
}

// parseTCPStates parses FreeBSD's sysctl net.inet.tcp.states: a 64-bit counter for each state of netinet/tcp_fsm.h.
func parseTCPStates(data []byte) ([]Sockets, error) {
	states := TCPStates()
	if len(data) != 8*len(states) {
		return nil, errors.New("parse sysctl net.inet.tcp.states: not 11 numbers")
	}
	var all []Sockets
	for i, state := range states {
		all = append(all, Sockets{Protocol: "tcp", State: state, Count: int(min(binary.NativeEndian.Uint64(data[8*i:]), 1<<31))})
	}
	return all, nil
}

// parsePS parses lines of ps(1): a state, and on FreeBSD the number of threads. Other letters after the first one are flags.
func parsePS(text []byte) (Processes, error) {
	p := Processes{ByState: map[string]int{}}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) == 0 {
			continue
		}
		p.ByState[nameProcessState(fields[0][0])]++
		p.Total++
		if len(fields) > 1 {
			threads, _ := strconv.ParseUint(string(fields[1]), 10, 24)
			p.Threads += int(threads)
		}
	}
	if p.Total == 0 {
		return p, errors.New("parse the output of ps: no processes")
	}
	return p, nil
}

// nameProcessState names the letters of ps(1) of macOS and FreeBSD. I is a process that has slept for 20 seconds.
func nameProcessState(letter byte) string {
	switch letter {
	case 'R':
		return "running"
	case 'S', 'I':
		return "sleeping"
	case 'D', 'U', 'L': // disk, uninterruptible, lock
		return "blocked"
	case 'T':
		return "stopped"
	case 'Z':
		return "zombies"
	case 'W': // FreeBSD: an idle interrupt thread
		return "idle"
	}
	return "unknown"
}

// parseVMStat returns the swap traffic from vm_stat(1) of macOS, in bytes. ok is false if it is not in the output.
func parseVMStat(text []byte) (in, out float64, ok bool) {
	_, after, _ := bytes.Cut(text, []byte("page size of "))
	digits, _, _ := bytes.Cut(after, []byte(" "))
	page, err := strconv.ParseUint(string(digits), 10, 32)
	if err != nil {
		return 0, 0, false
	}
	pages := func(name string) (uint64, bool) {
		_, after, _ := bytes.Cut(text, []byte("\n"+name+":"))
		line, _, _ := bytes.Cut(after, []byte("."))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 10, 64)
		return n, err == nil
	}
	ins, okIn := pages("Swapins")
	outs, okOut := pages("Swapouts")
	return float64(ins) * float64(page), float64(outs) * float64(page), okIn && okOut
}

// diskPerformanceSize is the size of DISK_PERFORMANCE (winioctl.h) in bytes.
const diskPerformanceSize = 88

// parseDiskPerformance parses DISK_PERFORMANCE. Its times are in units of 100 ns. QueryTime is the time of day, so its difference from the
// idle time grows while the disk is busy.
func parseDiskPerformance(data []byte) (Disk, bool) {
	if len(data) < diskPerformanceSize {
		return Disk{}, false
	}
	long := func(offset int) float64 { return float64(int64(binary.LittleEndian.Uint64(data[offset:]))) }
	count := func(offset int) float64 { return float64(binary.LittleEndian.Uint32(data[offset:])) }
	const perMillisecond = 1e4
	return Disk{
		ReadBytes: long(0), WriteBytes: long(8),
		ReadTime: long(16) / perMillisecond, WriteTime: long(24) / perMillisecond,
		BusyTime: float64(int64(binary.LittleEndian.Uint64(data[56:])-binary.LittleEndian.Uint64(data[32:]))) / perMillisecond, HasBusyTime: true,
		Reads: count(40), Writes: count(44),
	}, true
}
