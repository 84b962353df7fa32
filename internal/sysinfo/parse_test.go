package sysinfo

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNetstat(t *testing.T) {
	const text = `Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp4       0      0  192.168.1.20.53012     17.57.146.20.5223      ESTABLISHED
tcp6       0      0  fe80::1.53013          fe80::2.443            ESTABLISHED
tcp4       0      0  127.0.0.1.631          *.*                    LISTEN
tcp4       0      0  192.168.1.20.53014     17.57.146.20.443       FIN_WAIT_1
tcp4       0      0  192.168.1.20.53015     17.57.146.20.443       SYN_RCVD
tcp46      0      0  *.5000                 *.*                    LISTEN
udp4       0      0  *.5353                 *.*
`
	got, err := parseNetstat([]byte(text))
	want := []Sockets{{"tcp", "ESTABLISHED", 2}, {"tcp", "FIN_WAIT1", 1}, {"tcp", "LISTEN", 2}, {"tcp", "SYN_RECV", 1}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if _, err := parseNetstat([]byte("netstat: sysctl failed\n")); err == nil {
		t.Error("no heading is not an error")
	}
}

func TestParseTCPStates(t *testing.T) {
	var data []byte
	for n := range uint64(11) {
		data = binary.NativeEndian.AppendUint64(data, n)
	}
	got, err := parseTCPStates(data)
	if err != nil || got[1] != (Sockets{"tcp", "LISTEN", 1}) || got[10] != (Sockets{"tcp", "TIME_WAIT", 10}) {
		t.Error(got, err)
	}
	if _, err := parseTCPStates(data[8:]); err == nil {
		t.Error("ten numbers are accepted")
	}
}

func TestParsePS(t *testing.T) {
	for text, want := range map[string]Processes{
		"Ss  \nR+\nS<\nU\nI\nT\nZ\n?\n":         {map[string]int{"sleeping": 3, "running": 1, "blocked": 1, "stopped": 1, "zombies": 1, "unknown": 1}, 8, 0},
		"DLs    35\nWL     17\nIs      1\nR+ 1": {map[string]int{"blocked": 1, "idle": 1, "sleeping": 1, "running": 1}, 4, 54},
		"S 99999999999999999\n":                 {map[string]int{"sleeping": 1}, 1, 1<<24 - 1},
	} {
		got, err := parsePS([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
	}
	if _, err := parsePS([]byte("\n")); err == nil {
		t.Error("no process is not an error")
	}
}

func TestParseVMStat(t *testing.T) {
	const text = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:                               12345.\nSwapins:                                   10.\nSwapouts:                                 300.\n"
	if in, out, ok := parseVMStat([]byte(text)); !ok || in != 163840 || out != 4915200 {
		t.Error(in, out, ok)
	}
	for _, wrong := range []string{"", strings.Replace(text, "16384", "x", 1), strings.Replace(text, "Swapins", "Swap", 1), strings.Replace(text, "300.", "-3.", 1)} {
		if _, _, ok := parseVMStat([]byte(wrong)); ok {
			t.Errorf("accepted: %s", wrong)
		}
	}
}

func TestParseDiskPerformance(t *testing.T) {
	data := make([]byte, diskPerformanceSize)
	for offset, v := range map[int]uint64{0: 4096, 8: 8192, 16: 50_000, 24: 60_000, 32: 133_000_000_000_000_000, 56: 133_000_000_000_500_000} {
		binary.LittleEndian.PutUint64(data[offset:], v)
	}
	binary.LittleEndian.PutUint32(data[40:], 7)
	binary.LittleEndian.PutUint32(data[44:], 8)
	got, ok := parseDiskPerformance(data)
	want := Disk{Reads: 7, Writes: 8, ReadBytes: 4096, WriteBytes: 8192, ReadTime: 5, WriteTime: 6, BusyTime: 50, HasBusyTime: true}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(ok, diff)
	}
	if _, ok := parseDiskPerformance(data[:80]); ok {
		t.Error("too few bytes are accepted")
	}
}

func FuzzParsers(f *testing.F) {
	f.Add([]byte("Proto\ntcp4 0 0 a b ESTABLISHED\nSwapins: 1.\nSwapouts: 2. page size of 1 b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte) ([]Sockets, error){parseNetstat, parseTCPStates} {
			sockets, err := parse(data)
			for _, s := range sockets {
				if err != nil || !slices.Contains(TCPStates(), s.State) || s.Count < 0 {
					t.Errorf("%v, %v", s, err)
				}
			}
		}
		if p, err := parsePS(data); err == nil && (p.Total <= 0 || p.Threads < 0) {
			t.Error(p)
		}
		if in, out, ok := parseVMStat(data); ok && (in < 0 || out < 0) {
			t.Error(in, out)
		}
		parseDiskPerformance(data)
	})
}
