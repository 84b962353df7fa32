package guard_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/guard"
)

// peerSays is a connection on which these pieces arrive, one per read.
type peerSays struct {
	net.Conn
	pieces []string
}

func (p *peerSays) Read(b []byte) (int, error) {
	if len(p.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.pieces[0])
	if p.pieces[0] = p.pieces[0][n:]; p.pieces[0] == "" {
		p.pieces = p.pieces[1:]
	}
	return n, nil
}

func (p *peerSays) Write(b []byte) (int, error) { return len(b), nil }

const limit = 1 << 20

func readAll(pieces ...string) (string, *guard.RESP, error) {
	r := guard.NewRESP(&peerSays{pieces: pieces}, limit)
	got, err := io.ReadAll(r)
	return string(got), r, err
}

// replies are valid replies of a Redis.
var replies = []string{
	"+OK\r\n", "-ERR no\r\n", ":-1\r\n", "$0\r\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(123456789012345678901\r\n",
	"$4\r\n\r\n\r\n\r\n", "!5\r\nERR x\r\n", "=7\r\ntxt:abc\r\n", "*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "~1\r\n+a\r\n", ">2\r\n+message\r\n$3\r\nabc\r\n",
	"%1\r\n+a\r\n*2\r\n:1\r\n:2\r\n", "|1\r\n+ttl\r\n:1\r\n*2\r\n:1\r\n:2\r\n", "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", "%0\r\n",
	"*3\r\n*0\r\n*-1\r\n$-1\r\n", strings.Repeat("*1\r\n", 32) + ":1\r\n",
}

// A reply that the network splits anywhere arrives complete, and so does the next one.
func TestRepliesPassInAnyPieces(t *testing.T) {
	all := strings.Join(replies, "")
	for at := range len(all) {
		if got, _, err := readAll(all[:at], all[at:]); got != all || err != nil {
			t.Fatalf("cut after %q: %q, %v", all[:at], got[max(0, min(len(got), at-20)):], err)
		}
	}
	if got, _, err := readAll(strings.Split(all, "")...); got != all || err != nil {
		t.Errorf("byte by byte: %v", err)
	}
}

func TestLimits(t *testing.T) {
	for text, want := range map[string]string{
		"$999999999999\r\n":               "announces a text of 999999999999 bytes, more than the limit of 1048576",
		"$1048577\r\n":                    "announces a text of 1048577 bytes",
		"$99999999999999999999999999\r\n": "announces a length of 99999999999999999999999999",
		"*2147483647\r\n":                 "announces 2147483647 elements, more than the limit of 16384",
		"*16385\r\n":                      "announces 16385 elements",
		"%8193\r\n":                       "announces 8193 elements, more than the limit of 8192",
		"%9223372036854775807\r\n":        "announces 9223372036854775807 elements",
		"*9000\r\n*9000\r\n":              "sends more than the limit of 1048576 bytes",
		"*2\r\n$600000\r\n" + strings.Repeat("a", 600_000) + "\r\n$600000\r\n": "sends more than the limit of 1048576 bytes",
		strings.Repeat("*1\r\n", 33):              "nests its reply more than 32 deep",
		strings.Repeat("|0\r\n", 17):              "sends more than 16 attributes before a reply",
		strings.Repeat("|1\r\n+a\r\n+b\r\n", 17):  "sends more than 16 attributes before a reply",
		"+" + strings.Repeat("a", 1<<14):          "sends a line of more than 16384 bytes",
		"+" + strings.Repeat("a", 1<<14) + "\r\n": "sends a line of more than 16384 bytes",
	} {
		for _, pieces := range [][]string{{text}, strings.Split(text, "")} {
			got, _, err := readAll(pieces...)
			if err == nil || !strings.Contains(err.Error(), want) || !guard.IsLimit(err) {
				t.Errorf("%.40q: %v, want %q", text, err, want)
			}
			if len(pieces) == 1 && strings.HasSuffix(got, "\r\n") && got == text {
				t.Errorf("%.40q was handed on", text)
			}
		}
	}
}

// Notations that a decoder might interpret differently are rejected.
func TestOtherProtocols(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 400 Bad Request\r\n", "\x15\x03\x01\x00\x02\x02P", "\r\n", "\n", "$+5\r\n", "$-2\r\n", "*1_0\r\n", "*?\r\n", "$?\r\n", "* 1\r\n", "$\r\n", ":1\n", "\x00\x00", "$0x5\r\n", "x",
	} {
		if _, _, err := readAll(text); !errors.Is(err, guard.ErrNotRESP) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The limit applies to all data between two requests: for a pipeline, to all its replies.
func TestLimitIsPerExchange(t *testing.T) {
	reply := "$600000\r\n" + strings.Repeat("a", 600_000) + "\r\n"
	room := make([]byte, len(reply))
	r := guard.NewRESP(&peerSays{pieces: []string{reply, reply, reply}}, limit)
	for range 2 {
		_, _ = r.Write([]byte("GET"))
		if _, err := io.ReadFull(r, room); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadFull(r, room); !guard.IsLimit(err) {
		t.Error(err)
	}
	if _, err := r.Read(room); !guard.IsLimit(err) {
		t.Error("it reads on:", err)
	}
}

func TestRefusal(t *testing.T) {
	for text, want := range map[string]string{
		"-DENIED no\r\n": "DENIED no", "-DENIED no\r\n+OK\r\n": "", "+OK\r\n-ERR x\r\n": "ERR x", "*1\r\n-ERR x\r\n": "", "-ERR x\r\n$1\r\na\r\n": "", "-DENIED": "",
	} {
		if _, r, _ := readAll(text); r.Refusal() != want {
			t.Errorf("%q: %q, want %q", text, r.Refusal(), want)
		}
	}
}

func TestReleased(t *testing.T) {
	r := guard.NewRESP(&peerSays{pieces: []string{"nothing like RESP"}}, limit)
	r.Release()
	if got, err := io.ReadAll(r); string(got) != "nothing like RESP" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// endless is a connection on which the same reply arrives again and again.
type endless struct {
	net.Conn
	reply []byte
}

func (e *endless) Read(b []byte) (int, error)  { return copy(b, e.reply), nil }
func (e *endless) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkRESP reads replies to TS.MADD, of 500 samples each.
func BenchmarkRESP(b *testing.B) {
	reply := []byte("*500\r\n" + strings.Repeat(":1700000000000\r\n", 500))
	for _, guarded := range []bool{false, true} {
		b.Run(fmt.Sprintf("guarded=%v", guarded), func(b *testing.B) {
			var conn net.Conn = &endless{reply: reply}
			if guarded {
				conn = guard.NewRESP(conn, 16<<20)
			}
			room := make([]byte, len(reply))
			b.ReportAllocs()
			b.SetBytes(int64(len(reply)))
			for b.Loop() {
				_, _ = conn.Write(nil)
				if _, err := conn.Read(room); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzRESP checks that splitting the bytes makes no difference, and that no bad header is passed on.
func FuzzRESP(f *testing.F) {
	for _, text := range replies {
		f.Add([]byte(text), uint16(3))
	}
	f.Add([]byte("*3\r\n$999999\r\n"), uint16(5))
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		whole, _, err := readAll(string(data))
		cut := min(int(at), len(data))
		var pieces []string
		for _, piece := range []string{string(data[:cut]), string(data[cut:])} {
			if piece != "" {
				pieces = append(pieces, piece)
			}
		}
		parts, _, errParts := readAll(pieces...)
		if (err == nil) != (errParts == nil) {
			t.Errorf("in one piece %v, in two %v", err, errParts)
		}
		if !bytes.HasPrefix(data, []byte(whole)) || !bytes.HasPrefix(data, []byte(parts)) {
			t.Error("other bytes than those that came")
		}
		if err == nil && whole != string(data) {
			t.Error("not all were handed on")
		}
	})
}
