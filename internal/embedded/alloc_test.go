package embedded

import (
	"testing"
)

// TestMADDDoesNotAllocate: the agent's data comes this way for months.
func TestMADDDoesNotAllocate(t *testing.T) {
	s := start(t, Config{})
	c := newConn(s, nil, 1)
	for i := range benchSeries {
		if _, err := s.store.create(s.store.dbs[0], []byte(benchKey(i)), settings{policy: policyLast, retention: 200_000}, nil); err != "" {
			t.Fatal(err)
		}
	}
	ts := int64(1_700_000_000_000)
	src := &repeater{}
	r := newReader(src)
	round := func() {
		ts += 1000
		src.b = appendMADD(src.mem[:0], ts)
		src.mem = src.b
		args, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		c.handle(args)
		if c.out.buf[6] != ':' {
			t.Fatalf("reply %q", c.out.buf[:60])
		}
		c.out.buf = c.out.buf[:0]
	}
	for range 600 { // until retention gives back chunks
		round()
	}
	if n := testing.AllocsPerRun(300, round); n > 1 {
		t.Errorf("%.1f allocations for %d samples, want none", n, benchSeries)
	}
}

// TestFloatsDoNotAllocate: a range reply writes one for every sample.
func TestFloatsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 64)
	for name, appendTo := range map[string]func([]byte, float64) []byte{"RESP2": appendValue2, "RESP3": appendValue3} {
		if n := testing.AllocsPerRun(100, func() { buf = appendTo(buf[:0], 0.7071067811865476) }); n > 0 {
			t.Errorf("%s: %.1f allocations", name, n)
		}
	}
}

// repeater is a connection on which one command after another arrives.
type repeater struct{ b, mem []byte }

func (l *repeater) Read(p []byte) (int, error) {
	n := copy(p, l.b)
	l.b = l.b[n:]
	return n, nil
}
