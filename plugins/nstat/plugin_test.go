package nstat

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "this machine"},
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18"},
		plugintest.Case{Name: "gateway", Root: "testdata/gateway-5.10", Then: "testdata/gateway-5.10-later"},
		plugintest.Case{Name: "counter wraps", Root: "testdata/server-2.6.32", Then: "testdata/server-2.6.32-later"},
		plugintest.Case{Name: "board without IPv6", Root: "testdata/board-4.19"},
		plugintest.Case{Name: "container with masked files", Root: "testdata/masked-5.15"},
	)
}

func TestGateway(t *testing.T) {
	first, second := plugintest.Twice(t, Plugin, "", "testdata/gateway-5.10", "testdata/gateway-5.10-later")
	plugintest.Expect(t, first, map[string]float64{
		"nstat_ip_Forwarding": 1, "nstat_ip_DefaultTTL": 64, "nstat_tcp_MaxConn": -1, "nstat_tcp_RtoMax": 120000, "nstat_tcp_CurrEstab": 43, "nstat_udplite_InDatagrams": 0,
		"nstat_icmpmsg_InType0": 9, "nstat_icmpmsg_OutType14": 26, "nstat_ipext_InOctets": 1e12, "nstat_icmp6_InMsgs": 4, "nstat_icmp6_InType135": 4,
		"nstat_udp6_InDatagrams": 70, "nstat_udplite6_InDatagrams": 0, "nstat_sctp_CurrEstab": 3, "nstat_sctp_InSCTPPacks": 19,
	})
	// InType9 is new and moves all later kinds by one column, some of them into the next block. Their rates continue.
	plugintest.Expect(t, second, map[string]float64{
		"nstat_icmpmsg_InType0": 19, "nstat_icmpmsg_InType0_rate": 1, "nstat_icmpmsg_InType9": 20, "nstat_icmpmsg_InType3": 21, "nstat_icmpmsg_InType3_rate": 1.1,
		"nstat_icmpmsg_OutType14": 37, "nstat_icmpmsg_OutType14_rate": 1.1, "nstat_ipext_InOctets_rate": 500, "nstat_icmp6_OutType133": 2,
		"nstat_icmp6_InMsgs_rate": 1, "nstat_sctp_InSCTPPacks_rate": 0, "nstat_tcp_CurrEstab": 40,
	})
	for _, key := range []string{"nstat_icmpmsg_InType9_rate", "nstat_tcp_InSegs_rate", "nstat_tcp_CurrEstab_rate", "nstat_tcp_MaxConn_rate", "nstat_ip_DefaultTTL_rate",
		"nstat_sctp_CurrEstab_rate", "nstat_tcpext_TW", "nstat_ip6_Ip6InReceives"} {
		if v, ok := second[key]; ok {
			t.Errorf("%s = %v", key, v)
		}
	}
}

func TestColumnMetric(t *testing.T) {
	for column, want := range map[string]string{
		"Ip InReceives": "nstat_ip_InReceives counter ", "Ip Forwarding": "nstat_ip_Forwarding gauge ", "Ip ReasmTimeout": "nstat_ip_ReasmTimeout counter ",
		"IpExt OutOctets": "nstat_ipext_OutOctets counter bytes", "UdpLite InErrors": "nstat_udplite_InErrors counter ", "Tcp RtoMin": "nstat_tcp_RtoMin gauge milliseconds",
		"MPTcpExt MPCurrEstab": "nstat_mptcpext_MPCurrEstab gauge ", "TcpExt TW": "", " Ip6InReceives": "nstat_ip6_InReceives counter ",
		" Icmp6InType136": "nstat_icmp6_InType136 counter ", " UdpLite6NoPorts": "nstat_udplite6_NoPorts counter ", " Ip6OutMcastOctets": "nstat_ip6_OutMcastOctets counter bytes",
		" SctpCurrEstab": "nstat_sctp_CurrEstab gauge ", " SctpT3Rtx6": "nstat_sctp_T3Rtx6 counter ", " Unknown": "", " Ip6": "", " ": "",
	} {
		title, name, _ := strings.Cut(column, " ")
		m, got := columnMetric(title, name), ""
		if m.Name != "" {
			got = m.Name + " " + m.Kind.String() + " " + string(m.Unit)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", column, got, want)
		}
	}
}

// TestNamesOfThePredecessor checks that all keys that the predecessor wrote on this kernel exist, those of IPv6 under
// their new names.
func TestNamesOfThePredecessor(t *testing.T) {
	got, _ := plugintest.Twice(t, Plugin, "", "testdata/vm-6.18", "testdata/vm-6.18")
	keys := strings.Fields(plugintest.Read(t, "testdata/predecessor.txt"))
	for _, key := range keys {
		for old, now := range map[string]string{"Ip6": "ip6_", "Icmp6": "icmp6_", "Udp6": "udp6_", "UdpLite6": "udplite6_"} {
			if rest, ok := strings.CutPrefix(key, "nstat_ip6_"+old); ok {
				key = "nstat_" + now + rest
			}
		}
		if _, ok := got[key]; !ok && !strings.Contains(key, "Type") { // a message type has a column only after its first message
			t.Errorf("no %s", key)
		}
	}
	if len(keys) != 174 {
		t.Errorf("%d keys", len(keys))
	}
}

func TestMissingAndMaskedFilesAreNoError(t *testing.T) {
	plugintest.Silent(t, Plugin, "proc/1/net/snmp", "proc/1/net/netstat", "proc/1/net/snmp6", "proc/1/net/sctp/snmp", "proc/1/net/sctp")
}

func TestNoise(t *testing.T) {
	plugintest.Noise(t, Plugin, "testdata/gateway-5.10", map[string]string{
		"proc/1/net/snmp": "nstat_ip_InReceives", "proc/1/net/netstat": "nstat_ipext_InOctets", "proc/1/net/snmp6": "nstat_ip6_InReceives",
		"proc/1/net/sctp/snmp": "nstat_sctp_CurrEstab",
	})
}

func FuzzParseName(f *testing.F) {
	for _, path := range plugintest.Glob(f, "testdata/*/proc/1/net/snmp*") {
		for _, word := range strings.Fields(plugintest.Read(f, path)) {
			f.Add("", word)
			f.Add("Tcp", word)
		}
	}
	f.Fuzz(func(t *testing.T, title, name string) {
		m := columnMetric(title, name)
		if m.Name == "" {
			return
		}
		if !strings.HasPrefix(m.Name, "nstat_") || title != "" && !strings.HasSuffix(m.Name, "_"+name) {
			t.Errorf("%q %q is %q", title, name, m.Name)
		}
		if title == "" && len(m.Name) != len("nstat__")+len(name) && len(strings.ToLower(name)) == len(name) {
			t.Errorf("%q is %q", name, m.Name)
		}
		if m.Kind == telemetry.Gauge && strings.Contains(name, "In") {
			t.Errorf("%q %q is a gauge", title, name)
		}
	})
}
