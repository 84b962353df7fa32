package bom_test

import (
	"errors"
	"testing"

	"github.com/rtcollector/rtcollector/internal/bom"
)

func TestStrip(t *testing.T) {
	for text, want := range map[string]string{
		"\xef\xbb\xbfa 1": "a 1", "a 1": "a 1", "": "", "\xef\xbb\xbf": "", "\xef\xbb": "\xef\xbb", "a\xef\xbb\xbf": "a\xef\xbb\xbf",
		"\xef\xbb\xbf\xef\xbb\xbfa": "\xef\xbb\xbfa",
	} {
		if got, err := bom.Strip([]byte(text)); string(got) != want || err != nil {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"\xff\xfea\x00", "\xfe\xff\x00a", "\xff\xfe\x00\x00a\x00\x00\x00", "\x00\x00\xfe\xff\x00\x00\x00a"} {
		if got, err := bom.Strip([]byte(text)); string(got) != text || !errors.Is(err, bom.ErrUTF16) {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
}

func TestStripAllocatesNothing(t *testing.T) {
	text := []byte("\xef\xbb\xbfa 1")
	if n := testing.AllocsPerRun(100, func() { _, _ = bom.Strip(text) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
