package embedded

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzParseCommand: whatever the bytes and however they arrive, the reader
// returns the same commands, or an error of its own.
func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{"*1\r\n$4\r\nPING\r\n", "*0\r\n*-1\r\n", "*1\r\n$-1\r\n", "PING 'a b' \"\\x41\"\n", "*2\r\n$1\r\na\r\n$0\r\n\r\n", "*9999999\r\n", "POST x\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := parseAll(t, bytes.NewReader(data))
		bytewise := parseAll(t, iotest.OneByteReader(bytes.NewReader(data)))
		if whole != bytewise {
			t.Errorf("read at once:\n%s\nbyte by byte:\n%s", whole, bytewise)
		}
	})
}

func parseAll(t *testing.T, src io.Reader) string {
	var b strings.Builder
	r := newReader(src)
	for {
		args, err := r.next()
		if err != nil {
			var bad protocolError
			if !errors.As(err, &bad) && !errors.Is(err, io.EOF) && !errors.Is(err, errCrossProtocol) {
				t.Fatalf("unexpected error %v", err)
			}
			b.WriteString(err.Error())
			return b.String()
		}
		if len(args) == 0 {
			t.Fatal("no arguments")
		}
		b.Write(bytes.Join(args, []byte{0}))
		b.WriteByte('\n')
	}
}

// FuzzParseQuery runs whatever parses as range options over a small series:
// it must end, in bounds.
func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		"- +", "0 100 COUNT 3", "- + AGGREGATION avg 10 EMPTY", "5 90 ALIGN end AGGREGATION twa 7 BUCKETTIMESTAMP mid EMPTY",
		"- + FILTER_BY_TS 1 2 3 FILTER_BY_VALUE -1 1e9 LATEST", "- + FILTER a=b c!=(d,e) GROUPBY a REDUCE sum", "- + SELECTED_LABELS a b WITHLABELS",
		"0 9223372036854775807 ALIGN 1152921504606846976 AGGREGATION last 1 EMPTY",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var args [][]byte
		for _, w := range strings.Split(text, " ") {
			args = append(args, []byte(w))
		}
		if len(args) < 2 {
			return
		}
		s, p := &series{set: settings{policy: policyLast}}, &pool{max: 100}
		for _, ts := range []int64{0, 3, 10, 11, 50, 99, 500, maxTimestamp} {
			s.add(p, sample{ts, float64(ts)}, policyLast)
		}
		for _, reverse := range []bool{false, true} {
			q, err := parseQuery(args, reverse)
			if err == "" {
				runQuery(t, q, s)
			}
		}
	})
}

func runQuery(t *testing.T, q *query, s *series) {
	out, err := q.selectFrom(s, nil)
	if err != "" {
		return
	}
	if q.count >= 0 && int64(len(out)) > q.count {
		t.Errorf("%d samples, COUNT %d", len(out), q.count)
	}
	for i, smp := range out {
		if smp.ts < 0 || smp.ts > 2*maxTimestamp {
			t.Errorf("time %d", smp.ts)
		}
		if i > 0 && (out[i-1].ts > smp.ts) != q.reverse && out[i-1].ts != smp.ts {
			t.Errorf("samples out of order: %d, %d", out[i-1].ts, smp.ts)
		}
	}
	q.matches(s)
}

func (q *query) matches(s *series) bool { return matchesAll(s, q.matchers) }

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"a=b", "a!=b", "a=", "a!=", "a=(b,c)", `a=("b,c",d)`, "=", "!=", "a=(", "a=()", "a=(,)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := parseMatcher([]byte(s))
		if ok && (m.name == "" || !strings.Contains(s, m.name)) { // "=a" asks for label a, as it does on Redis
			t.Errorf("%q parsed as %+v", s, m)
		}
		m.matches(&series{})
	})
}

func FuzzParseOptions(f *testing.F) {
	for _, s := range []string{"RETENTION 5 LABELS a b", "IGNORE 1 2", "CHUNK_SIZE 48 ENCODING COMPRESSED", "LABELS a b IGNORE 1 0.5", "ON_DUPLICATE sum", "LABELS"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var args [][]byte
		for _, w := range strings.Split(text, " ") {
			args = append(args, []byte(w))
		}
		o, err := parseOptions(args)
		if err == "" && (o.set.retention < 0 || o.set.chunkSize%8 != 0 || len(o.labels)%2 != 0) {
			t.Errorf("%q parsed as %+v", text, o)
		}
	})
}

func FuzzParseValue(f *testing.F) {
	for _, s := range []string{"1", "-0.5e-3", "1e999", ".5", "NaN", "12345678901234567890"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := parseValue([]byte(s))
		if !ok {
			return
		}
		for name, text := range map[string][]byte{"RESP2": appendValue2(nil, v), "RESP3": appendValue3(nil, v)} {
			back, ok := parseValue(text)
			if !ok || math.Float64bits(back) != math.Float64bits(v) {
				t.Errorf("%s wrote %v as %s", name, v, text)
			}
		}
	})
}
