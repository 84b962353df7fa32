package nstat

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/netmib"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// metric names a column: nstat_<protocol>_<the kernel's name>. The title is that of its block in /proc/net/snmp or
// /proc/net/netstat, or "" in /proc/net/snmp6 and /proc/net/sctp/snmp, where the name begins with the protocol. The block
// TcpExt is left to the input netstat.
func metric(title, name string) netmib.Metric {
	if title == "" {
		title, name = splitName(name)
	}
	if title == "" || name == "" || title == "TcpExt" {
		return netmib.Metric{}
	}
	return netmib.Metric{Name: "nstat_" + strings.ToLower(title) + "_" + name, Unit: unit(title, name), Kind: kind(title, name)}
}

// splitName divides a name such as "Icmp6InMsgs" or "SctpCurrEstab" behind its protocol. What has none is not ok.
func splitName(name string) (protocol, rest string) {
	const sctp = "Sctp"
	if rest, ok := strings.CutPrefix(name, sctp); ok {
		return sctp, rest
	}
	end := strings.IndexByte(name, '6') + 1 // Ip6, Icmp6, Udp6, UdpLite6
	return name[:end], name[end:]
}

// kind says which columns are no counters: settings and numbers of connections (RFC 4293, RFC 4022, RFC 3873).
func kind(title, name string) telemetry.Kind {
	switch title + " " + name {
	case "Ip Forwarding", "Ip DefaultTTL",
		"Tcp RtoAlgorithm", "Tcp RtoMin", "Tcp RtoMax", "Tcp MaxConn", "Tcp CurrEstab",
		"MPTcpExt MPCurrEstab", "Sctp CurrEstab":
		return telemetry.Gauge
	}
	return telemetry.Counter
}

func unit(title, name string) telemetry.Unit {
	switch {
	case strings.HasSuffix(name, "Octets"):
		return telemetry.Bytes
	case title == "Tcp" && (name == "RtoMin" || name == "RtoMax"):
		return telemetry.Milliseconds
	}
	return telemetry.None
}
