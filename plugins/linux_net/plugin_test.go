package linuxnet

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18"},
		plugintest.Case{Name: "docker host", Root: "testdata/docker-5.10", Then: "testdata/docker-5.10-later"},
		plugintest.Case{Name: "counter wraps", Root: "testdata/server-2.6.32", Then: "testdata/server-2.6.32-later"},
		plugintest.Case{Name: "everything", Root: "testdata/docker-5.10", Config: "exclude_patterns: []"},
		plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later"},
		plugintest.Case{Name: "older macOS", Host: "macos-14"},
		plugintest.Case{Name: "macOS on Intel", Host: "macos-13"},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later"},
		plugintest.Case{Name: "Windows", Host: "windows-2022", Then: "windows-2022-later"},
	)
}

func TestGather(t *testing.T) {
	first, second := plugintest.Twice(t, Plugin, "exclude_interfaces: [lo, 'eth0:1']", "testdata/server-2.6.32", "testdata/server-2.6.32-later")
	want := map[string]float64{
		"net_interface_eth0": 1,
		"net_rx_bytes_eth0":  4294960000, "net_rx_packets_eth0": 8001122, "net_rx_errs_eth0": 0, "net_rx_drop_eth0": 12,
		"net_tx_bytes_eth0": 3204567890, "net_tx_packets_eth0": 7001122, "net_tx_errs_eth0": 0, "net_tx_drop_eth0": 0,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	maps.Copy(want, map[string]float64{
		"net_rx_bytes_eth0": 1000, "net_rx_packets_eth0": 8001222, "net_tx_bytes_eth0": 3204568890, "net_tx_packets_eth0": 7001222,
		// net_rx_bytes wrapped at 32 bits, so it has no rates.
		"net_rx_packets_rate_eth0": 10, "net_rx_errs_rate_eth0": 0, "net_rx_drop_rate_eth0": 0,
		"net_tx_bytes_rate_eth0": 100, "net_tx_packets_rate_eth0": 10, "net_tx_errs_rate_eth0": 0, "net_tx_drop_rate_eth0": 0,
		"net_tx_bytes_bits_rate_eth0": 800,
	})
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
}

// An interface that comes back is a new one: its counters started again, whatever their values.
func TestRemovedInterfaceIsForgotten(t *testing.T) {
	const lo, eth = "lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n", "eth0: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n"
	got := plugintest.ComesBack(t, Plugin, "proc/1/net/dev", lo+eth, lo, lo+eth)
	plugintest.Expect(t, got, map[string]float64{"net_rx_bytes_eth0": 9, "net_rx_bytes_rate_eth0": math.NaN()})
}

func TestLink(t *testing.T) {
	const dev = "lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\neth0: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
	dir := plugintest.Files(t, "", map[string]string{
		"proc/1/net/dev": dev, "sys/class/net/lo/carrier": "1\n", "sys/class/net/lo/speed": "-1\n",
		"sys/class/net/eth0/carrier": "1\n", "sys/class/net/eth0/carrier_changes": "3\n", "sys/class/net/eth0/speed": "1000\n",
	})
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_net", dir))
	links := func(second float64) map[string]float64 {
		got := p.Gather(second)
		maps.DeleteFunc(got, func(key string, _ float64) bool {
			return !strings.HasPrefix(key, "net_carrier") && !strings.HasPrefix(key, "net_speed")
		})
		return got
	}
	up := map[string]float64{"net_carrier_lo": 1, "net_carrier_eth0": 1, "net_carrier_changes_eth0": 3, "net_speed_eth0": 1e9}
	if diff := cmp.Diff(up, links(0)); diff != "" {
		t.Error(diff)
	}
	// The speed is read again only after a carrier change.
	plugintest.Files(t, dir, map[string]string{"sys/class/net/eth0/speed": "100\n"})
	if got := links(1)["net_speed_eth0"]; got != 1e9 {
		t.Errorf("without a change of the carrier the speed is %v", got)
	}
	plugintest.Files(t, dir, map[string]string{"sys/class/net/eth0/carrier_changes": "5\n"})
	if got := links(2); got["net_speed_eth0"] != 1e8 || got["net_carrier_changes_rate_eth0"] != 2 {
		t.Errorf("after a change of the carrier: %v", got)
	}
	plugintest.Files(t, dir, map[string]string{"sys/class/net/eth0/carrier": "0\n"})
	got := links(3)
	if _, ok := got["net_speed_eth0"]; ok || got["net_carrier_eth0"] != 0 {
		t.Errorf("a link that is down: %v", got)
	}
}

// A renamed interface gets new series, which start without a rate. The old series do not continue.
func TestRenamedInterface(t *testing.T) {
	const line = ": 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n"
	dir := plugintest.Files(t, "", map[string]string{"proc/1/net/dev": "eth0" + line})
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_net", dir))
	p.Gather(0)
	plugintest.Files(t, dir, map[string]string{"proc/1/net/dev": "lan (0)" + line + "lan[0]" + line})
	for second, rates := range []bool{false, true} {
		got := p.Gather(float64(1 + second))
		_, old := got["net_rx_bytes_eth0"]
		_, rated := got["net_rx_bytes_rate_lan[0]"]
		if old || rated != rates || got["net_rx_bytes_lan[0]"] != 9 {
			t.Errorf("after the change: %v", got)
		}
	}
}

func TestLabels(t *testing.T) {
	b, err := plugintest.Start(t, Plugin, "", plugintest.Env("linux_net", "testdata/vm-6.18")).Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.HasSeries(t, b,
		`net_interface{environment="test",host="testhost",interface="eth0",source="linux_net"}`,
		`net_rx_bytes{environment="test",host="testhost",iface="eth0",source="linux_net",unit="bytes"}`,
	)
}

func TestFilter(t *testing.T) {
	all := []string{"lo", "eth0", "docker0", "br-1f", "xbr-1", "veth1", "myveth", "wlan0"}
	for config, want := range map[string][]string{
		"":                              {"lo", "eth0", "xbr-1", "wlan0"},
		"exclude_patterns: []":          all,
		"exclude_interfaces: [lo]":      {"eth0", "xbr-1", "wlan0"},
		"include_interfaces: [docker0]": {"lo", "eth0", "docker0", "xbr-1", "wlan0"},
		"include_patterns: [^veth]":     {"lo", "eth0", "xbr-1", "veth1", "wlan0"},
		"{exclude_patterns: ['.'], include_patterns: [^eth], include_interfaces: [lo]}": {"lo", "eth0"},
		"exclude_interfaces: ['*eth?', ~0$]":                                            {"lo", "xbr-1"},
		"{exclude_interfaces: ['*'], include_interfaces: ['eth*', lo]}":                 {"lo", "eth0"},
		"{exclude_interfaces: [lo], include_patterns: [lo]}":                            {"lo", "eth0", "xbr-1", "wlan0"},
		"{exclude_interfaces: [lo], include_interfaces: [lo]}":                          {"lo", "eth0", "xbr-1", "wlan0"},
	} {
		var file strings.Builder
		for _, name := range all {
			file.WriteString(name + ": 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n")
		}
		dir := plugintest.Files(t, "", map[string]string{"proc/1/net/dev": file.String()})
		got := plugintest.Start(t, Plugin, config, plugintest.Env("linux_net", dir)).Gather(0)
		var names []string
		for _, name := range all {
			_, discovered := got["net_interface_"+name]
			_, counted := got["net_rx_bytes_"+name]
			if discovered != counted {
				t.Errorf("%q: %s is discovered: %v, counted: %v", config, name, discovered, counted)
			}
			if discovered {
				names = append(names, name)
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("%q selects %v, want %v", config, names, want)
		}
	}
}

func TestBadPatternIsAConfigError(t *testing.T) {
	_, problems := plugintest.Decode(t, Plugin, "exclude_patterns: ['[a', ok]\ninclude_patterns: ['(?!x)']")
	want := `1:20: linux_net.exclude_patterns[0]: must be a regular expression (missing closing ] at [a), not "[a"
2:20: linux_net.include_patterns[0]: must be a regular expression (invalid or unsupported Perl syntax at (?!), not "(?!x)"`
	got := strings.ReplaceAll("\n"+problems.Error(), "\n:", "\n")[1:]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseInterfaceOddLines(t *testing.T) {
	for line, want := range map[string]string{
		"eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16":       "eth0",
		"eth0:1 2 3 4 5 6 7 8 9 10 11 12":                    "eth0", // no blank, fewer columns
		"a[b](c): 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17": "a[b](c)",
		"eth0:1:1 2 3 4 5 6 7 8 9 10 11 12":                  "eth0:1",
		"eth0: 1 2 3 4 5 6 7 8 9 10 11":                      "", // truncated
		"eth0: 1 2 3 4 5 6 7 8 9 10 11 x":                    "",
		" face |bytes    packets errs drop":                  "",
		": 1 2 3 4 5 6 7 8 9 10 11 12":                       "",
		"":                                                   "",
	} {
		name, c, ok := parseInterface([]byte(line))
		if ok != (want != "") || ok && (string(name) != want || c != (counterValues{1, 2, 3, 4, 9, 10, 11, 12})) {
			t.Errorf("%q is %q %v %v, want %q", line, name, c, ok, want)
		}
	}
}

func TestMissingFileIsAnError(t *testing.T) {
	if _, err := plugintest.Start(t, Plugin, "", plugintest.Env("linux_net", t.TempDir())).Batch(0); err == nil {
		t.Error("no error")
	}
}

const devHeader = "Inter-|   Receive\n face |bytes    packets errs\n"

// TestUnknownSpeed covers drivers that report an unknown speed as -1, also as an unsigned number of 16 or 32 bits.
func TestUnknownSpeed(t *testing.T) {
	files := map[string]string{}
	dev := devHeader
	for name, speed := range map[string]string{"eth0": "4294967295", "eth1": "65535", "eth2": "1000", "eth3": "-1", "eth4": "0", "eth5": "18446744073709551615", "eth6": "x"} {
		dev += name + ": 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n"
		files["sys/class/net/"+name+"/speed"], files["sys/class/net/"+name+"/carrier"] = speed+"\n", "1\n"
	}
	files["proc/1/net/dev"] = dev
	got := plugintest.Start(t, Plugin, "", plugintest.Env("linux_net", plugintest.Files(t, "", files))).Gather(0)
	maps.DeleteFunc(got, func(key string, _ float64) bool { return !strings.HasPrefix(key, "net_speed") })
	if diff := cmp.Diff(map[string]float64{"net_speed_eth2": 1e9}, got); diff != "" {
		t.Error(diff)
	}
}

// gatherTraffic gathers once a second while eth0, a link with this speed in Mbit/s, has received these bytes. It returns
// the rates in bits; -1 means that there is none.
func gatherTraffic(t *testing.T, dir, speed string, received ...string) (rates []float64) {
	t.Helper()
	plugintest.Files(t, dir, map[string]string{"sys/class/net/eth0/carrier": "1\n", "sys/class/net/eth0/speed": speed + "\n"})
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_net", dir))
	for i, bytes := range received {
		plugintest.Files(t, dir, map[string]string{"proc/1/net/dev": devHeader + "eth0: " + bytes + " 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n"})
		got := p.Gather(float64(i))
		bits, ok := got["net_rx_bytes_bits_rate_eth0"]
		if rate, hasRate := got["net_rx_bytes_rate_eth0"]; hasRate != ok || ok && 8*rate != bits {
			t.Errorf("gather %d: %v", i, got)
		}
		if !ok {
			bits = -1
		}
		rates = append(rates, bits)
	}
	return rates
}

// TestCounterReadsZeroOnce checks that 50 GB do not become a rate of 400 Gbit/s.
func TestCounterReadsZeroOnce(t *testing.T) {
	got := gatherTraffic(t, t.TempDir(), "-1", "50000000000", "50000000100", "0", "50000000300", "50000000400")
	if diff := cmp.Diff([]float64{-1, 800, -1, -1, 800}, got); diff != "" {
		t.Error(diff)
	}
}

// TestMoreThanTheLinkPasses checks that a counter that jumps by more than the link can transfer has no rate. This
// applies to hardware only; the speed of a virtual interface is only nominal.
func TestMoreThanTheLinkPasses(t *testing.T) {
	jump := []string{"0", "125000000", "50125000000", "50125000000"} // 1 Gbit/s, then 400
	if diff := cmp.Diff([]float64{-1, 1e9, -1, 0}, gatherTraffic(t, t.TempDir(), "1000", jump...)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{-1, 1e9, 400e9, 0}, gatherTraffic(t, t.TempDir(), "100000", jump...)); diff != "" {
		t.Errorf("a faster link: %s", diff)
	}
	dir := plugintest.Files(t, "", map[string]string{"sys/devices/virtual/net/eth0/carrier": "1\n", "sys/class/net/none": ""})
	if err := os.Symlink("../../devices/virtual/net/eth0", filepath.Join(dir, "sys/class/net/eth0")); err != nil {
		t.Skip(err)
	}
	if diff := cmp.Diff([]float64{-1, 1e9, 400e9, 0}, gatherTraffic(t, dir, "10", jump...)); diff != "" {
		t.Errorf("a tap device: %s", diff)
	}
}

func FuzzParseInterface(f *testing.F) {
	plugintest.SeedLines(f, "testdata/*/proc/1/net/dev")
	f.Fuzz(func(t *testing.T, line []byte) {
		if name, _, ok := parseInterface(line); ok && len(name) == 0 {
			t.Error("an interface without a name")
		}
	})
}
