package remotename

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func dnsMessages(t testing.TB) map[string][]byte {
	t.Helper()
	var messages map[string]string
	readJSON(t, "dns-messages.json", &messages)
	all := map[string][]byte{}
	for name, text := range messages {
		all[name] = unhex(t, text)
	}
	return all
}

func parseDNS(data []byte) (*dnsMessage, error) { return new(dnsParser).parse(data) }

func addrsText(m *dnsMessage) (text []string) {
	for _, a := range m.addrs {
		text = append(text, a.String())
	}
	return text
}

// TestDNSCases compares with the expectations of the field. Where they leave a choice, the comment says which we take.
func TestDNSCases(t *testing.T) {
	var expected map[string]struct {
		Addresses any
		Name      string
		CNAMEs    []string
		TTL       any
		Malformed any
		Records   int `json:"malformed_records"`
	}
	readJSON(t, "dns-expected.json", &expected)
	choices := map[string][]string{
		"03-tc-bit":                 {"203.0.113.9"}, // taken: its records are whole
		"04-cut-in-the-middle":      nil,             // nothing of a message that is cut
		"15-cname-loop":             {"203.0.113.19"},
		"17-https-record-with-hint": nil, // type 65 is not read
		"20-two-questions":          nil,
	}
	messages := dnsMessages(t)
	if len(messages) != 20 || len(expected) != 20 {
		t.Fatalf("%d messages, %d expectations", len(messages), len(expected))
	}
	for name, data := range messages {
		want := expected[name]
		addrs, isChoice := choices[name]
		if !isChoice {
			for _, a := range want.Addresses.([]any) {
				addrs = append(addrs, a.(string))
			}
		}
		m, err := parseDNS(data)
		if isBad := want.Malformed != nil || name == "04-cut-in-the-middle"; (err != nil) != isBad {
			t.Errorf("%s: error %v", name, err)
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff(addrs, addrsText(m)); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
		if want.Name != "" && !strings.Contains(want.Name, " ") && m.question != want.Name || len(want.CNAMEs) > 0 && !slices.Equal(m.cnames, want.CNAMEs) {
			t.Errorf("%s: %s by %s", name, m.question, m.cnames)
		}
		if ttl, ok := want.TTL.(float64); ok && m.ttl != time.Duration(ttl)*time.Second {
			t.Errorf("%s: TTL %v", name, m.ttl)
		}
		if m.badRecords != want.Records || m.isResponse != (name != "14-a-query-not-a-response") {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestDNSNamesAreEscaped(t *testing.T) {
	m, err := parseDNS(dnsMessages(t)["13-label-with-dot-escape-newline"])
	if err != nil || m.question != `a\.b\027\0912j\010\059\044\034.example` {
		t.Errorf("%v, %v", m, err)
	}
	for _, name := range []string{"10-ttl-0", "11-ttl-top-bit"} {
		if m, err := parseDNS(dnsMessages(t)[name]); err != nil || m.ttl != 0 {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

// message builds an answer: the question, then records.
func buildAnswer(question string, kind uint16, records ...[]byte) []byte {
	data := []byte{0, 1, 0x81, 0x80, 0, 1, 0, byte(len(records)), 0, 0, 0, 0}
	data = append(data, wire(question)...)
	data = binary.BigEndian.AppendUint16(data, kind)
	data = append(data, 0, 1)
	return append(data, slices.Concat(records...)...)
}

func wire(name string) (data []byte) {
	for label := range strings.SplitSeq(name, ".") {
		data = append(append(data, byte(len(label))), label...)
	}
	return append(data, 0)
}

func record(owner string, kind uint16, ttl uint32, value []byte) []byte {
	data := binary.BigEndian.AppendUint16(wire(owner), kind)
	data = binary.BigEndian.AppendUint32(append(data, 0, 1), ttl)
	return append(binary.BigEndian.AppendUint16(data, uint16(len(value))), value...)
}

// Every cut of a message ends with an error or with what was asked.
func TestDNSCutAnywhere(t *testing.T) {
	whole := buildAnswer("www.example", typeA, record("www.example", typeCNAME, 60, wire("cdn.example")), record("cdn.example", typeA, 20, []byte{203, 0, 113, 7}))
	if m, err := parseDNS(whole); err != nil || len(m.addrs) != 1 || m.ttl != 20*time.Second {
		t.Fatalf("%v, %v", m, err)
	}
	for i := range whole {
		if m, err := parseDNS(whole[:i]); err == nil {
			t.Errorf("%d bytes: %v", i, m)
		}
	}
}

// The worst message that we could think of stays cheap: many records of one owner, each a CNAME or an address.
func TestDNSAllocations(t *testing.T) {
	worst := worstMessage()
	p := new(dnsParser)
	if _, err := p.parse(worst); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = p.parse(worst) }); n > 3*maxChain {
		t.Errorf("%v allocations", n)
	}
}

func worstMessage() []byte {
	long := strings.Repeat("a.", 119) + "example"
	var records [][]byte
	for i := range 200 {
		if i%8 == 0 {
			records = append(records, record(long, typeCNAME, 60, wire(long)))
		}
		records = append(records, record(long, typeA, 60, []byte{203, 0, byte(i), 7}))
	}
	return buildAnswer(long, typeA, records...)
}

func BenchmarkDNS(b *testing.B) {
	for name, data := range map[string][]byte{"worst": worstMessage(), "chain": dnsMessages(b)["01-cname-chain"]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p := new(dnsParser)
			for b.Loop() {
				if _, err := p.parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzDNS(f *testing.F) {
	for _, data := range dnsMessages(f) {
		f.Add(data)
	}
	p := new(dnsParser)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := p.parse(data)
		if err != nil {
			return
		}
		for _, name := range append(slices.Clone(m.cnames), m.question) {
			if len(name) > 4*maxWireName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"',;`, r) }) {
				t.Errorf("name %q", name)
			}
		}
		if len(m.cnames) > maxChain || len(m.addrs) > maxRecords || m.ttl < 0 || m.ttl > 1<<31*time.Second {
			t.Errorf("%+v", m)
		}
		if slices.ContainsFunc(m.addrs, netip.Addr.Is4In6) {
			t.Errorf("%v", m.addrs)
		}
	})
}
