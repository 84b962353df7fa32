package nstat

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/netmib"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// columnMetric returns the metric of a column: nstat_<protocol>_<the kernel's name>. title is the block in
// /proc/net/snmp or /proc/net/netstat. It is "" in /proc/net/snmp6 and /proc/net/sctp/snmp, where the name starts with
// the protocol. The input netstat reports the block TcpExt.
func columnMetric(title, name string) netmib.Metric {
	if title == "" {
		title, name = splitName(name)
	}
	if title == "" || name == "" || title == "TcpExt" {
		return netmib.Metric{}
	}
	return netmib.Metric{Name: "nstat_" + strings.ToLower(title) + "_" + name, Unit: columnUnit(title, name), Kind: columnKind(title, name)}
}

// splitName splits a name such as "Icmp6InMsgs" or "SctpCurrEstab" after its protocol. The protocol is "" if there is
// none.
func splitName(name string) (protocol, rest string) {
	const sctp = "Sctp"
	if rest, ok := strings.CutPrefix(name, sctp); ok {
		return sctp, rest
	}
	end := strings.IndexByte(name, '6') + 1 // Ip6, Icmp6, Udp6, UdpLite6
	return name[:end], name[end:]
}

// columnKind returns Gauge for settings and numbers of connections (RFC 4293, RFC 4022, RFC 3873), otherwise Counter.
func columnKind(title, name string) telemetry.Kind {
	switch title + " " + name {
	case "Ip Forwarding", "Ip DefaultTTL",
		"Tcp RtoAlgorithm", "Tcp RtoMin", "Tcp RtoMax", "Tcp MaxConn", "Tcp CurrEstab",
		"MPTcpExt MPCurrEstab", "Sctp CurrEstab":
		return telemetry.Gauge
	}
	return telemetry.Counter
}

func columnUnit(title, name string) telemetry.Unit {
	switch {
	case strings.HasSuffix(name, "Octets"):
		return telemetry.Bytes
	case title == "Tcp" && (name == "RtoMin" || name == "RtoMax"):
		return telemetry.Milliseconds
	}
	return telemetry.None
}
