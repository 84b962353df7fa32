package remotename

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// tcpCase is the start of a connection in segments with sequence numbers.
type tcpCase struct {
	Segments []struct {
		Seq uint32
		Hex string
	}
	SNI string
}

func tcpCases(t testing.TB) (cases map[string]tcpCase) {
	t.Helper()
	readJSON(t, "tcp.json", &cases)
	return cases
}

func TestTCPCases(t *testing.T) {
	cases := tcpCases(t)
	if len(cases) != 4 {
		t.Fatalf("%d cases", len(cases))
	}
	for name, c := range cases {
		first := c.Segments[0].Seq
		if name == "20-out-of-order" {
			first = 1000
		}
		r := new(helloReader)
		f := newFlow(time.Time{}, first, r)
		p := wantMore
		for _, s := range c.Segments {
			p = f.add(s.Seq, unhex(t, s.Hex))
		}
		if r.result.name != c.SNI || (p == complete) != (c.SNI != "") {
			t.Errorf("%s: %q, %d", name, r.result.name, p)
		}
	}
}

// collector keeps what it is fed.
type collector struct{ data []byte }

func (c *collector) feed(data []byte) progress { c.data = append(c.data, data...); return wantMore }
func (c *collector) held() int                 { return 0 }

// Segments in random order, cut anywhere, some sent twice, give the stream in order, also where sequence numbers wrap.
func TestSegmentsInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	stream := []byte(strings.Repeat("0123456789abcdef", 60))
	for range 500 {
		var c collector
		start := -uint32(random.IntN(1200))
		f := newFlow(time.Time{}, start, &c)
		var pieces [][2]int
		for at := 0; at < len(stream); {
			end := min(len(stream), at+30+random.IntN(200))
			pieces = append(pieces, [2]int{at, end}, [2]int{max(0, at-random.IntN(50)), min(len(stream), end+random.IntN(50))})
			at = end
		}
		random.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		for _, piece := range pieces {
			f.add(start+uint32(piece[0]), stream[piece[0]:piece[1]])
		}
		if string(c.data) != string(stream) {
			t.Fatalf("start %d: %d of %d bytes, %q", start, len(c.data), len(stream), c.data)
		}
		if len(f.pending) > 0 && slices.ContainsFunc(f.pending, func(s segment) bool { return int32(s.seq-f.next) <= 0 }) {
			t.Fatalf("kept: %v", f.pending)
		}
	}
}

func TestSegmentsAreBounded(t *testing.T) {
	var c collector
	f := newFlow(time.Time{}, 0, &c)
	for i := range uint32(100_000) {
		f.add(1+i*100, make([]byte, 1000))
	}
	if held := f.held(); held > flowCost+maxPending*1000 || len(c.data) > 0 {
		t.Errorf("%d bytes held", held)
	}
	f.add(1, make([]byte, 64<<10))
	if held := f.held(); held > flowCost+maxPending*1000+maxAhead {
		t.Errorf("%d bytes held", held)
	}
}

func TestDNSStream(t *testing.T) {
	var got []string
	messages := []string{strings.Repeat("a", 12), strings.Repeat("b", 600), strings.Repeat("c", 13)}
	var stream []byte
	for _, m := range messages {
		stream = append(append(stream, byte(len(m)>>8), byte(len(m))), m...)
	}
	for size := 1; size <= len(stream); size += 7 {
		got = nil
		s := dnsStream{handle: func(message []byte) { got = append(got, string(message)) }}
		for piece := range slices.Chunk(stream, size) {
			if p := s.feed(piece); p != wantMore {
				t.Fatalf("pieces of %d: %d", size, p)
			}
		}
		if !slices.Equal(got, messages) || s.held() != 0 {
			t.Errorf("pieces of %d: %q", size, got)
		}
	}
	for _, bad := range [][]byte{{0, 11, 0}, {0xff, 0xff, 0}} {
		if s := (&dnsStream{}); s.feed(bad) != malformed {
			t.Errorf("%x was taken", bad)
		}
	}
}

// FuzzSegments reads lengths and sequence numbers from the data.
func FuzzSegments(f *testing.F) {
	f.Add(uint32(0), []byte{3, 0, 1, 2, 3, 3, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, start uint32, data []byte) {
		r := new(helloReader)
		fl := newFlow(time.Time{}, start, r)
		for len(data) > 2 {
			size, seq := int(data[0]), uint32(int8(data[1]))
			data = data[2:]
			size = min(size, len(data))
			if fl.add(start+seq, data[:size]) != wantMore {
				return
			}
			data = data[size:]
			if fl.held() > flowCost+maxPending*256+4*maxHello {
				t.Fatalf("%d bytes held", fl.held())
			}
		}
	})
}
