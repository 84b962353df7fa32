package embedded

import (
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// TestMADDDoesNotAllocate covers the path of the agent's data, which runs for
// months.
func TestMADDDoesNotAllocate(t *testing.T) {
	s := start(t, Config{})
	c := newConn(s, nil, 1)
	for i := range benchSeries {
		c.handle([][]byte{[]byte("TS.CREATE"), []byte(benchKey(i)), []byte("DUPLICATE_POLICY"), []byte("LAST"), []byte("RETENTION"), []byte("200000")})
	}
	c.Out.Reset()
	ts := int64(1_700_000_000_000)
	src := &repeater{}
	r := resp.NewReader(src)
	round := func() {
		ts += 1000
		src.b = appendMADD(src.mem[:0], ts)
		src.mem = src.b
		args, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		c.handle(args)
		if c.Out.Bytes()[6] != ':' {
			t.Fatalf("reply %q", c.Out.Bytes()[:60])
		}
		c.Out.Reset()
	}
	for range 600 { // until retention frees chunks for reuse
		round()
	}
	if n := testing.AllocsPerRun(300, round); n > 1 {
		t.Errorf("%.1f allocations for %d samples, want none", n, benchSeries)
	}
}

// repeater is a connection on which one command arrives after another.
type repeater struct{ b, mem []byte }

func (l *repeater) Read(p []byte) (int, error) {
	n := copy(p, l.b)
	l.b = l.b[n:]
	return n, nil
}
