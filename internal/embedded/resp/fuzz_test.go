package resp

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzParseCommand reads the same bytes in two ways. The Reader must return the
// same commands or its own errors.
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
	r := NewReader(src)
	for {
		args, err := r.Next()
		if err != nil {
			var bad ProtocolError
			if !errors.As(err, &bad) && !errors.Is(err, io.EOF) && !errors.Is(err, ErrHTTP) {
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

func FuzzParseSampleValue(f *testing.F) {
	for _, s := range []string{"1", "-0.5e-3", "1e999", ".5", "NaN", "12345678901234567890"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := ParseSampleValue([]byte(s))
		if !ok {
			return
		}
		for name, text := range map[string][]byte{"RESP2": AppendSampleValue(nil, v), "RESP3": AppendDouble(nil, v)} {
			back, ok := ParseSampleValue(text)
			if !ok || math.Float64bits(back) != math.Float64bits(v) {
				t.Errorf("%s wrote %v as %s", name, v, text)
			}
		}
	})
}
