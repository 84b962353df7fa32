package netstat

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/netmib"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

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
