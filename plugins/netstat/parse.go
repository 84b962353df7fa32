package netstat

import (
	"bytes"
	"strings"

	"github.com/rtcollector/rtcollector/internal/netmib"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// States of a TCP socket, as the kernel numbers them: include/net/tcp_states.h. 0 is none.
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
	newSynRecv // a request that has no socket yet; seen as synRecv
	numStates
)

// states counts sockets by their state.
type states [numStates]uint64

func stateNames() [numStates]string {
	return [numStates]string{
		established: "established", synSent: "syn_sent", synRecv: "syn_recv", finWait1: "fin_wait1", finWait2: "fin_wait2", timeWait: "time_wait",
		closed: "close", closeWait: "close_wait", lastAck: "last_ack", listen: "listen", closing: "closing",
	}
}

// add counts one socket; a state that is not known counts nowhere.
func (s *states) add(state uint64) {
	switch {
	case state == newSynRecv:
		s[synRecv]++
	case state > 0 && state < numStates:
		s[state]++
	}
}

// parseSocket reads one line of /proc/net/tcp or tcp6 (Documentation/networking/proc_net_tcp.rst): its number, both
// addresses, and the state in hexadecimal. The heading, and lines that are cut short, are not ok.
func parseSocket(line []byte) (state uint64, ok bool) {
	number, rest := scan.Field(line)
	number, ok = bytes.CutSuffix(number, []byte{':'})
	if _, isNumber := scan.Uint(number); !ok || !isNumber {
		return 0, false
	}
	_, rest = scan.Field(rest)
	_, rest = scan.Field(rest)
	field, _ := scan.Field(rest)
	return scan.Hex(field)
}

// isHeading says whether a line is the first one of /proc/net/tcp.
func isHeading(line []byte) bool {
	field, _ := scan.Field(line)
	return string(field) == "sl"
}

// metric names the columns that /proc/net/snmp and /proc/net/netstat have about TCP: all of the block TcpExt, and of
// the block Tcp those that say what happened; its constants are reported by the input nstat.
func metric(title, name string) netmib.Metric {
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

// shortName is a column's name in words, without the "TCP" that every metric here begins with. The exceptions are the
// predecessor's.
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
	case "DelayedACKs": // a plural of capitals is one word
		return "delayed_acks"
	case "TCPSpuriousRTOs":
		return "spurious_rtos"
	}
	if len(name) > 3 && strings.EqualFold(name[:3], "tcp") {
		name = name[3:]
	}
	return scan.Snake(name)
}
