package sysloginput

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// splitFrames returns the messages of a stream. Those that were cut have a mark.
func splitFrames(f *frames, r io.Reader) (messages []string, err error) {
	show := func(message []byte, cut bool) {
		if cut {
			messages = append(messages, string(message)+"…")
		} else {
			messages = append(messages, string(message))
		}
	}
	for {
		message, cut, ok, err := f.next()
		if err != nil {
			return messages, err
		}
		if ok {
			show(message, cut)
			continue
		}
		if err := f.fill(r); err != nil {
			if message, cut := f.rest(); len(message) > 0 {
				show(message, cut)
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return messages, err
		}
	}
}

func TestFrames(t *testing.T) {
	for name, tc := range map[string]struct {
		framing Framing
		trailer byte
		in      string
		want    []string
		err     error
	}{
		"lines":                    {AutoFraming, '\n', "<1>a\n<2>b\n", []string{"<1>a", "<2>b"}, nil},
		"last line open":           {AutoFraming, '\n', "<1>a\n<2>b", []string{"<1>a", "<2>b"}, nil},
		"empty lines":              {AutoFraming, '\n', "\n\r\n<1>a\r\n\n\n", []string{"<1>a\r"}, nil},
		"counted":                  {AutoFraming, '\n', "4 <1>a6 <2>b\nc", []string{"<1>a", "<2>b\nc"}, nil},
		"counted, newlines behind": {AutoFraming, '\n', "4 <1>a\n4 <1>b\n", []string{"<1>a", "<1>b"}, nil},
		"both":                     {AutoFraming, '\n', "4 <1>a<2>b\n4 <1>c<3>d\n", []string{"<1>a", "<2>b", "<1>c", "<3>d"}, nil},
		"a line with a number":     {AutoFraming, '\n', "12 monkeys\n99\n123456789012 <1>x\n", []string{"12 monkeys", "99", "123456789012 <1>x"}, nil},
		"a length that lies":       {AutoFraming, '\n', "3 <1>abc\n<2>b\n", []string{"<1>", "abc", "<2>b"}, nil},
		"a length beyond the end":  {AutoFraming, '\n', "50 <1>abc", []string{"<1>abc…"}, nil},
		"negative":                 {AutoFraming, '\n', "-4 <1>a\n<2>b\n", []string{"-4 <1>a", "<2>b"}, nil},
		"a length and no more":     {AutoFraming, '\n', "50", []string{"50"}, nil},
		"too long, counted":        {AutoFraming, '\n', "25 <1>" + strings.Repeat("x", 22) + "4 <2>b", []string{"<1>" + strings.Repeat("x", 17) + "…", "<2>b"}, nil},
		"too long, a line":         {AutoFraming, '\n', "<1>" + strings.Repeat("x", 100) + "\n<2>b\n", []string{"<1>" + strings.Repeat("x", 17) + "…", "<2>b"}, nil},
		"as long as it may be":     {AutoFraming, '\n', "<1>" + strings.Repeat("x", 17) + "\n20 <1>" + strings.Repeat("y", 17), []string{"<1>" + strings.Repeat("x", 17), "<1>" + strings.Repeat("y", 17)}, nil},
		"too long and open":        {AutoFraming, '\n', "<1>" + strings.Repeat("x", 100), []string{"<1>" + strings.Repeat("x", 17) + "…"}, nil},
		"a huge length":            {AutoFraming, '\n', "999999999 <1>" + strings.Repeat("x", 100), []string{"<1>" + strings.Repeat("x", 17) + "…"}, nil},
		"beyond 32 bits":           {AutoFraming, '\n', "4294967296 <1>" + strings.Repeat("x", 100) + "\n<2>b\n", []string{"4294967296 <1>xxxxxx…", "<2>b"}, nil},
		"beyond 32 bits, counted":  {OctetCounting, '\n', "4294967296 <1>x", nil, errFraming},
		"NUL":                      {AutoFraming, 0, "<1>a\nb\x00<2>c\x00", []string{"<1>a\nb", "<2>c"}, nil},
		"NUL, auto":                {AutoFraming, '\n', "<1>a\x00<2>b\x00<3>c\n<4>d\x00\n<5>e\x00", []string{"<1>a", "<2>b", "<3>c", "<4>d", "<5>e"}, nil},
		"NUL in a line":            {AutoFraming, '\n', "<1>a\x00b\x00<x>\x00\n<2>c\x00\n", []string{"<1>a\x00b\x00<x>\x00", "<2>c\x00"}, nil},
		"NUL, as long as may be":   {AutoFraming, '\n', "<1>" + strings.Repeat("x", 17) + "\x00<2>b\x00", []string{"<1>" + strings.Repeat("x", 17), "<2>b"}, nil},
		"NUL, one longer":          {AutoFraming, '\n', "<1>" + strings.Repeat("x", 18) + "\x00<2>b\x00", []string{"<1>" + strings.Repeat("x", 17) + "…", "<2>b"}, nil},
		"NUL in a counted one":     {AutoFraming, '\n', "6 <1>a\x00b<2>c\x00", []string{"<1>a\x00b", "<2>c\x00"}, nil},
		"NUL, too long":            {AutoFraming, '\n', "<1>" + strings.Repeat("x", 100) + "\x00<2>b\x00", []string{"<1>" + strings.Repeat("x", 17) + "…", "<2>b"}, nil},
		"NUL, lines only":          {NonTransparent, '\n', "<1>a\x00<2>b\n", []string{"<1>a\x00<2>b"}, nil},
		"a mark":                   {AutoFraming, '\n', "\ufeff<1>a\n\ufeff<2>b\n", []string{"<1>a", "<2>b"}, nil},
		"a mark, counted":          {OctetCounting, '\n', "\ufeff4 <1>a4 <1>b", []string{"<1>a", "<1>b"}, nil},
		"half a mark":              {AutoFraming, '\n', "<1>a\n\xef\xbb", []string{"<1>a", "\xef\xbb"}, nil},
		"counted only":             {OctetCounting, '\n', "4 <1>a3 abc", []string{"<1>a", "abc"}, nil},
		"counted only, a line":     {OctetCounting, '\n', "4 <1>a<2>b\n", []string{"<1>a"}, errFraming},
		"counted only, no blank":   {OctetCounting, '\n', "4x<1>a", nil, errFraming},
		"lines only":               {NonTransparent, '\n', "4 <1>a\n", []string{"4 <1>a"}, nil},
		"nothing":                  {AutoFraming, '\n', "", nil, nil},
		"blanks":                   {AutoFraming, '\n', "  \n\n", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once":      strings.NewReader(tc.in),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tc.in)),
				"in halves":    iotest.HalfReader(strings.NewReader(tc.in)),
			} {
				got, err := splitFrames(&frames{framing: tc.framing, trailer: tc.trailer, max: 20}, r)
				if !slices.Equal(got, tc.want) || !errors.Is(err, tc.err) {
					t.Errorf("%s: %q, %v, want %q, %v", how, got, err, tc.want, tc.err)
				}
			}
		})
	}
}

// The rest of a message that was cut is pending, too.
func TestCutMessageIsPending(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "<1>a\n": false, "\n\n": false, "<1>a": true, "4": true, "400 <1>a": true, "4 <1>a": false,
		"<1>a\x00": true, "<1>a\x00<2>b\x00": false, "<1>a\x00<": true,
		"<1>" + strings.Repeat("x", 100): true, "90 <1>" + strings.Repeat("x", 50): true, "<1>" + strings.Repeat("x", 100) + "\n": false,
	} {
		f := &frames{framing: AutoFraming, trailer: '\n', max: 20}
		if err := f.fill(strings.NewReader(text)); err != nil && text != "" {
			t.Fatal(err)
		}
		for ok := true; ok; _, _, ok, _ = f.next() {
		}
		if f.pending() != want {
			t.Errorf("%q: pending %t", text, !want)
		}
	}
}

// The buffer of a stream grows with the received data, up to the size of one message, and shrinks again.
func TestStreamBufferGrowsAndShrinks(t *testing.T) {
	f := &frames{framing: AutoFraming, trailer: '\n', max: 100_000}
	pour := func(text string) {
		t.Helper()
		if _, err := splitFrames(f, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	pour("<1>a\n")
	if len(f.buf) != smallBuffer {
		t.Errorf("%d bytes for a short line", len(f.buf))
	}
	pour("<1>" + strings.Repeat("x", 1<<20) + "\n")
	if len(f.buf) < 100_000 || len(f.buf) > 100_000+20 {
		t.Errorf("%d bytes for a message of a megabyte with a limit of 100,000", len(f.buf))
	}
	for range 3 {
		pour("<1>a\n")
	}
	if len(f.buf) != smallBuffer {
		t.Errorf("%d bytes are kept", len(f.buf))
	}
}

// FuzzFrames checks that a stream has the same messages however it arrives, that none exceeds the limit, and that they contain what was
// sent.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{"<1>a\n<2>b", "4 <1>a<2>b\n", "3 <1>abc\n", "99999999999 <1>a", "-1 <1>\n", "25 <1>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "\x00\n \r4 <", "<1>a\x00<2>b\x00\x00\ufeff4 <1>a\xef\xbb"} {
		f.Add(s, byte('\n'), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, trailer byte, kind uint8) {
		framing := []Framing{AutoFraming, OctetCounting, NonTransparent}[kind%3]
		parse := func(r io.Reader) string {
			const most = 40
			fr := &frames{framing: framing, trailer: trailer, max: most}
			messages, err := splitFrames(fr, r)
			for _, m := range messages {
				if len(strings.TrimSuffix(m, "…")) > most {
					t.Errorf("%d bytes", len(m))
				}
			}
			return fmt.Sprintf("%q %v", messages, err)
		}
		whole, single := parse(strings.NewReader(text)), parse(iotest.OneByteReader(strings.NewReader(text)))
		if whole != single {
			t.Errorf("at once %s, byte by byte %s", whole, single)
		}
	})
}
