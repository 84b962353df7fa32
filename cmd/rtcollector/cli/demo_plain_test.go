package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

func TestPlainLine(t *testing.T) {
	values := hostValues{
		"cpu_usage_active": {"cpu-total": 54.6, "cpu0": 96}, "mem_used": {"": 3 << 30}, "mem_used_percent": {"": 75}, "system_load1": {"": 1.5},
		"net_rx_bytes_rate": {"eth0": 2048, "eth1": 2048, "lo": 7 << 20}, "net_tx_bytes_rate": {"eth0": 512, "lo": 7 << 20},
	}
	const line = "cpu 55 %  mem 75 % (3 GiB)  load 1.5  net in 4.1 kB/s out 512 B/s  |  240 series, 99 samples/s"
	if diff := cmp.Diff(line, formatPlainLine(values, embedded.Stats{Series: 240}, 99)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	// A value that does not exist yet is a dash, not 0.
	const empty = "cpu –  mem – (–)  load –  net in – out –  |  0 series, 0 samples/s"
	if diff := cmp.Diff(empty, formatPlainLine(hostValues{}, embedded.Stats{}, 0)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{"": "''", "atila:mem_used": "atila:mem_used", "a b": "'a b'", "$(x)'y": `'$(x)'\''y'`, "ä": "'ä'"} {
		if got := quoteShellWord(text); got != want {
			t.Errorf("%q became %s, want %s", text, got, want)
		}
	}
}

func TestRedisCLI(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:1": "redis-cli -p 1", "0.0.0.0:2": "redis-cli -p 2", "[::]:3": "redis-cli -p 3", ":4": "redis-cli -p 4",
		"192.0.2.1:5": "redis-cli -h 192.0.2.1 -p 5", "nonsense": "redis-cli",
	} {
		if got := redisCLICommand(addr); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}
