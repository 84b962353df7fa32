package redisconn

import (
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	buf := AppendCommand([]byte("x"), 12)
	buf = AppendArg(buf, "é")
	buf = AppendArg(buf, []byte(nil))
	buf = AppendInt(buf, -17)
	if got, want := string(buf), "x*12\r\n$2\r\né\r\n$0\r\n\r\n$3\r\n-17\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWrapArg(t *testing.T) {
	for _, n := range []int{0, 1, 5, 9, 10, 99, 100, 1234567} {
		for _, before := range []string{"", "before"} {
			text := strings.Repeat("abcdefg", n/7+1)[:n]
			buf := append([]byte(before), text...)
			want := string(AppendArg([]byte(before), text))
			if got := string(WrapArg(buf, len(before))); got != want {
				t.Errorf("%d bytes: %.40q, want %.40q", n, got, want)
			}
		}
	}
}
