package nstat

import (
	"os"
	"path/filepath"
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

// gathered lays the second tree over the first, and returns what two gathers 10 seconds apart say.
func gathered(t *testing.T, tree, later string) (first, second map[string]float64) {
	t.Helper()
	dir := t.TempDir()
	plugintest.Lay(t, dir, tree)
	p := plugintest.Start(t, Plugin, "", plugintest.Env("nstat", dir))
	first = p.Gather(0)
	plugintest.Lay(t, dir, later)
	return first, p.Gather(10)
}

func expect(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for key, v := range want {
		if g, ok := got[key]; !ok || g != v {
			t.Errorf("%s is %v (%v), want %v", key, g, ok, v)
		}
	}
}

func TestGateway(t *testing.T) {
	first, second := gathered(t, "testdata/gateway-5.10", "testdata/gateway-5.10-later")
	expect(t, first, map[string]float64{
		"nstat_ip_Forwarding": 1, "nstat_ip_DefaultTTL": 64, "nstat_tcp_MaxConn": -1, "nstat_tcp_RtoMax": 120000, "nstat_tcp_CurrEstab": 43, "nstat_udplite_InDatagrams": 0,
		"nstat_icmpmsg_InType0": 9, "nstat_icmpmsg_OutType14": 26, "nstat_ipext_InOctets": 1e12, "nstat_icmp6_InMsgs": 4, "nstat_icmp6_InType135": 4,
		"nstat_udp6_InDatagrams": 70, "nstat_udplite6_InDatagrams": 0, "nstat_sctp_CurrEstab": 3, "nstat_sctp_InSCTPPacks": 19,
	})
	// InType9 came first today and moves all kinds behind it by one, some of them into the next block: their rates go on.
	expect(t, second, map[string]float64{
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

func TestMetric(t *testing.T) {
	for column, want := range map[string]string{
		"Ip InReceives": "nstat_ip_InReceives counter ", "Ip Forwarding": "nstat_ip_Forwarding gauge ", "Ip ReasmTimeout": "nstat_ip_ReasmTimeout counter ",
		"IpExt OutOctets": "nstat_ipext_OutOctets counter bytes", "UdpLite InErrors": "nstat_udplite_InErrors counter ", "Tcp RtoMin": "nstat_tcp_RtoMin gauge milliseconds",
		"MPTcpExt MPCurrEstab": "nstat_mptcpext_MPCurrEstab gauge ", "TcpExt TW": "", " Ip6InReceives": "nstat_ip6_InReceives counter ",
		" Icmp6InType136": "nstat_icmp6_InType136 counter ", " UdpLite6NoPorts": "nstat_udplite6_NoPorts counter ", " Ip6OutMcastOctets": "nstat_ip6_OutMcastOctets counter bytes",
		" SctpCurrEstab": "nstat_sctp_CurrEstab gauge ", " SctpT3Rtx6": "nstat_sctp_T3Rtx6 counter ", " Unknown": "", " Ip6": "", " ": "",
	} {
		title, name, _ := strings.Cut(column, " ")
		m, got := metric(title, name), ""
		if m.Name != "" {
			got = m.Name + " " + m.Kind.String() + " " + string(m.Unit)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", column, got, want)
		}
	}
}

// TestNamesOfThePredecessor takes the keys that it wrote on this kernel: all are there, those of IPv6 under another name.
func TestNamesOfThePredecessor(t *testing.T) {
	text, err := os.ReadFile("testdata/predecessor.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := gathered(t, "testdata/vm-6.18", "testdata/vm-6.18")
	keys := strings.Fields(string(text))
	for _, key := range keys {
		for old, now := range map[string]string{"Ip6": "ip6_", "Icmp6": "icmp6_", "Udp6": "udp6_", "UdpLite6": "udplite6_"} {
			if rest, ok := strings.CutPrefix(key, "nstat_ip6_"+old); ok {
				key = "nstat_" + now + rest
			}
		}
		if _, ok := got[key]; !ok && !strings.Contains(key, "Type") { // a kind of message has a column once it was seen
			t.Errorf("no %s", key)
		}
	}
	if len(keys) != 174 {
		t.Errorf("%d keys", len(keys))
	}
}

func TestMissingAndMaskedFilesAreSilence(t *testing.T) {
	for _, name := range []string{"none", "snmp", "netstat", "snmp6", "sctp/snmp", "sctp"} {
		dir := plugintest.Files(t, "", map[string]string{"proc/1/net/" + name: ""})
		if got := plugintest.Start(t, Plugin, "", plugintest.Env("nstat", dir)).Gather(0); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Noise in one file is an error that names it, and does not cost what the others say.
func TestNoise(t *testing.T) {
	files := map[string]string{"snmp": "nstat_ip_InReceives", "netstat": "nstat_ipext_InOctets", "snmp6": "nstat_ip6_InReceives", "sctp/snmp": "nstat_sctp_CurrEstab"}
	for name := range files {
		dir := t.TempDir()
		plugintest.Lay(t, dir, "testdata/gateway-5.10")
		plugintest.Files(t, dir, map[string]string{"proc/1/net/" + name: "\x00\xff noise\nmore noise"})
		b, err := plugintest.Start(t, Plugin, "", plugintest.Env("nstat", dir)).Batch(0)
		if err == nil || !strings.Contains(err.Error(), "parse ") || !strings.Contains(err.Error(), "proc/1/net/"+name+":") {
			t.Errorf("noise in %s: %v", name, err)
		}
		got := plugintest.ByKey(b)
		for file, key := range files {
			if _, ok := got[key]; ok == (file == name) {
				t.Errorf("noise in %s: %s is there: %v", name, key, ok)
			}
		}
	}
}

func FuzzParseName(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/proc/1/net/s*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, _ := os.ReadFile(path)
		for _, word := range strings.Fields(string(data)) {
			f.Add("", word)
			f.Add("Tcp", word)
		}
	}
	f.Fuzz(func(t *testing.T, title, name string) {
		m := metric(title, name)
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
