package redisconn_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

func TestReaderText(t *testing.T) {
	for reply, want := range map[string]string{
		"$5\r\nhello\r\n": "hello", "$0\r\n\r\n": "", "+OK\r\n": "OK", ":-12\r\n": "-12", "$4\r\na\r\nb\r\n": "a\r\nb",
		"$65534\r\n" + strings.Repeat("x", 65534) + "\r\n": strings.Repeat("x", 65534),
	} {
		got, err := redisconn.NewReader(strings.NewReader(reply)).Text()
		if string(got) != want || got == nil || err != nil {
			t.Errorf("%.40q: %.40q, %v", reply, got, err)
		}
	}
	if got, err := redisconn.NewReader(strings.NewReader("$-1\r\n")).Text(); got != nil || err != nil {
		t.Errorf("null: %q, %v", got, err)
	}
	var refusal redisconn.ServerError
	if _, err := redisconn.NewReader(strings.NewReader("-ERR no\r\n")).Text(); !errors.As(err, &refusal) || refusal != "ERR no" {
		t.Error(err)
	}
	for _, bad := range []string{
		"*1\r\n:1\r\n", "$x\r\n", "$-2\r\n", "$65535\r\n" + strings.Repeat("x", 65537), "$3\r\nabcd\r\n", "$3\r\nab", "$3\r\n", "", "\r\n", "$\r\n", "%1\r\n",
	} {
		if got, err := redisconn.NewReader(strings.NewReader(bad)).Text(); err == nil || errors.As(err, &refusal) {
			t.Errorf("%.40q: %.40q, %v", bad, got, err)
		}
	}
}

func TestReaderInt(t *testing.T) {
	for reply, want := range map[string]int64{":7\r\n": 7, "$2\r\n-7\r\n": -7} {
		if got, err := redisconn.NewReader(strings.NewReader(reply)).Int(); got != want || err != nil {
			t.Errorf("%q: %d, %v", reply, got, err)
		}
	}
	if _, err := redisconn.NewReader(strings.NewReader("+x\r\n")).Int(); err == nil {
		t.Error("no error")
	}
}

// What follows a skipped reply is read correctly.
func TestReaderSkip(t *testing.T) {
	for _, skipped := range []string{
		":1\r\n", "$-1\r\n", "$3\r\na\r\n\r\n", "*0\r\n", "*2\r\n*1\r\n$1\r\na\r\n:2\r\n", "-ERR x\r\n", "*2\r\n-ERR x\r\n:1\r\n", strings.Repeat("*1\r\n", 8) + ":1\r\n",
	} {
		r := redisconn.NewReader(strings.NewReader(skipped + "+next\r\n"))
		err := r.Skip()
		if got, next := r.Text(); string(got) != "next" || err != nil || next != nil {
			t.Errorf("%q: %v, then %q, %v", skipped, err, got, next)
		}
	}
	for _, bad := range []string{"", "*2\r\n:1\r\n", "*-1\r\n", "*99999999\r\n", strings.Repeat("*1\r\n", 9) + ":1\r\n", "?\r\n"} {
		if err := redisconn.NewReader(strings.NewReader(bad)).Skip(); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	if err := redisconn.NewReader(strings.NewReader("*2\r\n")).Skip(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func FuzzReaderSkip(f *testing.F) {
	for _, seed := range []string{"*2\r\n$1\r\na\r\n:1\r\n", "-ERR x\r\n", "$-1\r\n", "+OK\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, reply string) {
		r := redisconn.NewReader(strings.NewReader(reply))
		for range len(reply) {
			if r.Skip() != nil {
				return
			}
		}
	})
}
