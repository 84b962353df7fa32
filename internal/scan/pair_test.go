package scan

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNextPair(t *testing.T) {
	for text, want := range map[string][]string{
		"Ip: A B\nIp: 1 2\nTcp: C\nTcp: -1\n":                           {"Ip|Ip: A B| 1 2", "Tcp|Tcp: C| -1"},
		"Tcp: C\nTcp: 7":                                                {"Tcp|Tcp: C| 7"}, // no newline at the end
		"Ip: A\nTcp: C\nTcp: 1\n":                                       {"Tcp|Tcp: C| 1"}, // values are missing
		"noise\n: x\n: 1\n\nIp: A\nIp: 1\n":                             {"Ip|Ip: A| 1"},
		"IcmpMsg: InType3\nIcmpMsg: 1\nIcmpMsg: OutType8\nIcmpMsg: 2\n": {"IcmpMsg|IcmpMsg: InType3| 1", "IcmpMsg|IcmpMsg: OutType8| 2"},
		"Ip: A\nIpExt: 1\n":                                             nil, // another word with the same prefix
		"Ip: A B\n":                                                     nil,
		"Ip:\nIp:\n":                                                    {"Ip|Ip:|"},
		"":                                                              nil,
	} {
		var got []string
		for data := []byte(text); ; {
			var header, title, values []byte
			header, title, values, data = NextPair(data)
			if header == nil {
				break
			}
			got = append(got, strings.Join([]string{string(title), string(header), string(values)}, "|"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestNextPairAllocatesNothing(t *testing.T) {
	data := []byte("Ip: A B\nIp: 1 2\nTcp: C\nTcp: -1\n")
	if n := testing.AllocsPerRun(100, func() {
		for rest := data; len(rest) > 0; {
			_, _, _, rest = NextPair(rest)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseHex(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "0A": 10, "0000643b": 0x643b, "ffffffffffffffff": math.MaxUint64, "00000000000000001": 1} {
		if got, ok := ParseHex([]byte(text)); !ok || got != want {
			t.Errorf("ParseHex(%q) = %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "g", "0x1", "-1", " 1", "10000000000000000"} {
		if got, ok := ParseHex([]byte(text)); ok {
			t.Errorf("ParseHex(%q) = %d, want an error", text, got)
		}
	}
}

func FuzzParsePair(f *testing.F) {
	for _, seed := range []string{"Ip: A\nIp: 1\nTcp: B\nTcp: -1\n", "a:\na:", "a:b:\na:b:\n", ":\n:\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for rest := data; ; {
			header, title, values, after := NextPair(rest)
			if header == nil {
				break
			}
			if len(title) == 0 || !bytes.HasPrefix(header, append(bytes.Clone(title), ':')) || bytes.ContainsAny(header, "\n") || bytes.ContainsAny(values, "\n") {
				t.Errorf("title %q, header %q, values %q", title, header, values)
			}
			if len(after) >= len(rest) {
				t.Fatal("does not advance")
			}
			rest = after
		}
		ParseInt(data)
		ParseHex(data)
	})
}
