package netstat

import (
	"bytes"
	"strings"

	"github.com/rtcollector/rtcollector/internal/netmib"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// States of a TCP socket, with the kernel's numbers (include/net/tcp_states.h). 0 is not a state.
const (
	established = iota + 1
	synSent
	synRecv
	finWait1
	finWait2
	timeWait
	closed
	closeWait
	lastAck
	listen
	closing
	newSynRecv // a request without a socket; counted as synRecv
	numStates
)

// stateCounts are the numbers of sockets by state.
type stateCounts [numStates]uint64

func stateNames() [numStates]string {
	return [numStates]string{
		established: "established", synSent: "syn_sent", synRecv: "syn_recv", finWait1: "fin_wait1", finWait2: "fin_wait2", timeWait: "time_wait",
		closed: "close", closeWait: "close_wait", lastAck: "last_ack", listen: "listen", closing: "closing",
	}
}

// addSocket counts one socket. It ignores unknown states.
func (s *stateCounts) addSocket(state uint64) {
	switch {
	case state == newSynRecv:
		s[synRecv]++
	case state > 0 && state < numStates:
		s[state]++
	}
}

// parseSocket parses one line of /proc/net/tcp or tcp6 (Documentation/networking/proc_net_tcp.rst): the line number,
// both addresses, and the state in hexadecimal. ok is false for the header and for truncated lines.
func parseSocket(line []byte) (state uint64, ok bool) {
	number, rest := scan.CutField(line)
	number, ok = bytes.CutSuffix(number, []byte{':'})
	if _, isNumber := scan.ParseUint(number); !ok || !isNumber {
		return 0, false
	}
	_, rest = scan.CutField(rest)
	_, rest = scan.CutField(rest)
	field, _ := scan.CutField(rest)
	return scan.ParseHex(field)
}

// isHeader reports whether a line is the first one of /proc/net/tcp.
func isHeader(line []byte) bool {
	field, _ := scan.CutField(line)
	return string(field) == "sl"
}

// columnMetric returns the metric of a column of /proc/net/snmp or /proc/net/netstat: all of the block TcpExt, and the
// block Tcp without its constants, which the input nstat reports.
func columnMetric(title, name string) netmib.Metric {
	m := netmib.Metric{Name: "tcp_" + shortName(name), Kind: telemetry.Counter}
	switch title + " " + name {
	case "Tcp RtoAlgorithm", "Tcp RtoMin", "Tcp RtoMax", "Tcp MaxConn":
		return netmib.Metric{}
	case "Tcp CurrEstab":
		m.Kind = telemetry.Gauge
	case "TcpExt TCPMemoryPressuresChrono": // net/ipv4/tcp.c, tcp_leave_memory_pressure
		m.Unit = telemetry.Milliseconds
	}
	if title != "Tcp" && title != "TcpExt" {
		return netmib.Metric{}
	}
	return m
}

// shortName returns a column's name in snake case, without a leading "TCP", because every metric has the prefix tcp_.
// The exceptions are names that the predecessor used.
func shortName(name string) string {
	switch name {
	case "TW":
		return "time_wait_sockets"
	case "TWRecycled":
		return "time_wait_recycled"
	case "TWKilled":
		return "time_wait_killed"
	case "PAWSEstab":
		return "paws_established"
	case "DelayedACKs": // the plural of an abbreviation is one word
		return "delayed_acks"
	case "TCPSpuriousRTOs":
		return "spurious_rtos"
	}
	if len(name) > 3 && strings.EqualFold(name[:3], "tcp") {
		name = name[3:]
	}
	return scan.ToSnakeCase(name)
}
