package sysloginput

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/syslogmsg"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// badStreams are malicious streams and the resulting messages, with a limit of 480 bytes per message. [cut_at] and the error
// follow each message.
var badStreams = map[string]struct {
	text string
	want []string
}{
	"a long line":        {"<13>" + strings.Repeat("x", 70_000) + "\n<13>next\n", []string{strings.Repeat("x", 476) + "[480]", "next"}},
	"long and counted":   {"5004 <13>" + strings.Repeat("x", 5000) + "8 <13>next", []string{strings.Repeat("x", 476) + "[480]", "next"}},
	"NUL":                {"<13>a\x00b\x00\x00\n\x00<13>c\n", []string{"a\x00b", "c"}},
	"not UTF-8":          {"<13>\xff\xfe\xc3\n<13>1 - - - - - - \xc3(\n", []string{"\xff\xfe\xc3", "\xc3("}},
	"priority 999":       {"<999>x\n<192>y\n<-1>z\n<0000>u\n", []string{"<999>x!", "<192>y!", "<-1>z!", "<0000>u!"}},
	"negative count":     {"-5 <13>a\n", []string{"-5 <13>a!"}},
	"too large a count":  {"99999999999999999999 <13>a\n", []string{"99999999999999999999 <13>a!"}},
	"count nothing":      {"0 <13>a\n", []string{"0 <13>a!"}},
	"a count that lies":  {"6 <13>hello\n<13>next\n", []string{"he", "llo!", "next"}},
	"more than there is": {"400 <13>half", []string{"half[8]"}},
	"half":               {"<13>ha", []string{"ha"}},
	"less than half":     {"<1", []string{"<1!"}},
	"escapes":            {"<13>\x1b]0;title\a\x1b[2J\r\b\n", []string{"\x1b]0;title\a\x1b[2J\r\b"}},
	"structured":         {`<13>1 - - - - - [x y="\"\]\\\z"] m` + "\n<13>1 - - - - - [x y=\"\n", []string{"m", `<13>1 - - - - - [x y="!`}},
	"1970":               {"<13>Jan  1 00:00:09 h a: m\n<13>1 1970-01-01T00:00:09Z h a - - - n\n", []string{"m", "n"}},
	"2106":               {"<13>1 2106-02-07T06:28:15Z h a - - - m\n", []string{"m"}},
	"a terminal's line":  {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", []string{"GET / HTTP/1.1!", "Host: x!"}},
	"nothing":            {"\n\n\x00\n  \n", nil},
}

func TestBadStreams(t *testing.T) {
	for name, tc := range badStreams {
		t.Run(name, func(t *testing.T) {
			server, addr := freePort(t, "tcp")
			w := startInput(t, "{server: '"+server+"', max_message_size: 480}")
			conn := dial(t, "tcp", addr)
			send(t, conn, tc.text)
			_ = conn.Close()
			w.waitForCount("the connection is served", func(c *counts) int64 { return c.openedConnections.Load() - c.openConnections.Load() }, 1)
			var got []string
			for _, e := range w.sink.received() {
				got = append(got, formatBadEvent(e))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// formatBadEvent returns the message of an event, followed by cut_at and by its error.
func formatBadEvent(e telemetry.Event) string {
	text := e.Message
	if at := fieldText(e, fieldCut); at != "" {
		text += "[" + at + "]"
	}
	if fieldText(e, syslogmsg.Problem) != "" {
		text += "!"
	}
	return text
}

// Long datagrams are truncated, over UDP and, with lengths beyond the limit of UDP, over a socket file.
func TestLongDatagrams(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			if runtime.GOOS == "windows" && network == "unixgram" {
				t.Skip("no datagrams on socket files on Windows")
			}
			server, addr := freeAddress(t, network)
			w := startInput(t, "server: '"+server+"'")
			conn := dial(t, network, addr)
			lengths := []int{60_000, 1000}
			if network == "unixgram" {
				lengths = []int{65_532, 65_533, 100_000, 1000}
			}
			for _, n := range lengths {
				send(t, conn, "<13>"+strings.Repeat("x", n))
			}
			for i, e := range w.waitFor(len(lengths)) {
				want, cut := lengths[i], ""
				if want > 65_532 {
					want, cut = 65_532, "65536"
				}
				if len(e.Message) != want || fieldText(e, fieldCut) != cut {
					t.Errorf("%d bytes, cut at %q, of %d", len(e.Message), fieldText(e, fieldCut), lengths[i])
				}
			}
		})
	}
}

// A socket file accepts longer datagrams if the limit for messages allows them.
func TestLongerDatagrams(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have other limits")
	}
	server, addr := freeAddress(t, "unixgram")
	w := startInput(t, "{server: '"+server+"', max_message_size: 160000, max_decompression_size: 1MiB}")
	conn := dial(t, "unixgram", addr)
	for _, n := range []int{150_000, 159_996, 159_997} {
		send(t, conn, "<13>"+strings.Repeat("x", n))
	}
	for i, want := range []string{"150000 ", "159996 ", "159996 160000"} {
		if e := w.waitFor(3)[i]; fmt.Sprint(len(e.Message), " ", fieldText(e, fieldCut)) != want {
			t.Errorf("%d bytes, cut at %q, want %s", len(e.Message), fieldText(e, fieldCut), want)
		}
	}
}

// freeAddress returns a free address of a network, which may be a socket file.
func freeAddress(t testing.TB, network string) (server, addr string) {
	if !strings.HasPrefix(network, "unix") {
		return freePort(t, network)
	}
	addr = filepath.Join(t.TempDir(), "s")
	return network + "://" + addr, addr
}

// Misbehaving senders of every kind do not affect a good one: its lines all arrive, once and in order.
func TestBadPeersDoNotAffectOthers(t *testing.T) {
	certs := issue(t)
	for _, network := range []string{"udp", "tcp", "tls", "gzip", "unix", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			if runtime.GOOS == "windows" && network == "unixgram" {
				t.Skip("no datagrams on socket files on Windows")
			}
			kind := network
			if kind == "gzip" {
				kind = "tcp"
			}
			server, addr := freeAddress(t, kind)
			config := "{server: '" + server + "', read_timeout: 10s, max_connections: 64"
			switch network {
			case "tls":
				config += fmt.Sprintf(", tls_cert: '%s', tls_key: '%s'", certs.cert, certs.key)
				kind = "tcp"
			case "gzip":
				config += ", content_encoding: gzip"
			}
			w := startInput(t, config+"}")
			good := wrapConnection(t, network, kind, addr)
			send(t, good, "<13>good 0\n") // connect before the others
			flush(t, good)
			w.waitFor(1)
			var peers sync.WaitGroup
			for name := range badStreams {
				peers.Go(func() { misbehave(network, kind, addr, badStreams[name].text, len(name)) })
			}
			const lines = 300
			for i := 1; i < lines; i++ {
				send(t, good, fmt.Sprintf("<13>good %d\n", i))
				flush(t, good)
				if i%50 == 0 && kind == network && (network == "udp" || network == "unixgram") {
					w.waitForGood(i) // datagrams have no flow control
				}
			}
			w.waitForGood(lines - 1)
			peers.Wait()
			got := slices.DeleteFunc(messageTexts(w.sink.received()), func(m string) bool { return !strings.HasPrefix(m, "good") })
			for i := range lines {
				if got[i] != fmt.Sprintf("good %d", i) {
					t.Fatalf("line %d is %q", i, got[i])
				}
			}
		})
	}
}

// waitForGood waits for a line of the good sender.
func (w *runningInput) waitForGood(n int) {
	w.t.Helper()
	servicetest.Until(w.t, "the lines arrive", func(context.Context) error {
		if !slices.Contains(messageTexts(w.sink.received()), fmt.Sprintf("good %d", n)) {
			return errors.New("not all of them")
		}
		return nil
	})
}

// wrapConnection returns a writer of a correct connection: with TLS or compression if the kind needs it.
func wrapConnection(t testing.TB, network, kind, addr string) io.Writer {
	conn := dial(t, kind, addr)
	switch network {
	case "tls":
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test does not verify the server
	case "gzip":
		return gzip.NewWriter(conn)
	}
	return conn
}

func flush(t testing.TB, w io.Writer) {
	if z, ok := w.(*gzip.Writer); ok {
		if err := z.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

// misbehave sends a text in several ways, some of them wrong, and disconnects. It ignores errors of its connections.
func misbehave(network, kind, addr, text string, seed int) {
	noise := make([]byte, 5000)
	random := rand.New(rand.NewPCG(uint64(seed), 7)) //nolint:gosec // reproducible
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for i, data := range []string{text, string(noise), "\x16\x03\x01\x40\x00" + string(noise), "\x1f\x8b\x08\x00" + text, text[:len(text)/2]} {
		conn, err := net.Dial(kind, addr)
		if err != nil {
			continue
		}
		var w io.Writer = conn
		if network == "tls" && i < 2 {
			w = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // as above
		} else if network == "gzip" && i < 2 {
			z := gzip.NewWriter(conn)
			defer func() { _ = z.Close() }()
			w = z
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(w, data[:min(len(data), 60_000)])
		if tcp, ok := conn.(*net.TCPConn); ok && i%2 == 1 {
			_ = tcp.SetLinger(0) // a reset
		}
		if i == 4 {
			defer func() { _ = conn.Close() }() // keep the connection open
			continue
		}
		_ = conn.Close()
	}
}

// A small stream that decompresses to a large one is read in pieces, and messages that are too long are truncated.
func TestGzipBomb(t *testing.T) {
	server, addr := freePort(t, "tcp")
	w := startInput(t, "{server: '"+server+"', content_encoding: gzip, max_message_size: 1KiB, read_timeout: 10m}") // compressing takes a while under the race detector
	z := gzip.NewWriter(dial(t, "tcp", addr))
	piece := strings.Repeat("x", 1<<20)
	send(t, z, "<13>")
	for range 30 {
		send(t, z, piece)
	}
	send(t, z, "\n<13>after\n")
	_ = z.Close()
	events := w.waitFor(2)
	if len(events[0].Message) != 1020 || fieldText(events[0], fieldCut) != "1024" || events[1].Message != "after" {
		t.Errorf("%.20q of %d bytes, cut at %s; %q", events[0].Message, len(events[0].Message), fieldText(events[0], fieldCut), events[1].Message)
	}
}

// A silent connection stays open, even before the first compressed byte.
func TestSilentGzip(t *testing.T) {
	server, addr := freePort(t, "tcp")
	w := startInput(t, "{server: '"+server+"', content_encoding: gzip, read_timeout: 1ms}")
	silent := dial(t, "tcp", addr)
	other := gzip.NewWriter(dial(t, "tcp", addr))
	send(t, other, "<13>a\n")
	_ = other.Close()
	w.waitFor(1)
	z := gzip.NewWriter(silent)
	send(t, z, "<13>b\n")
	_ = z.Close()
	w.waitFor(2)
	if n := w.in.listeners[0].counts.timeouts.Load(); n != 0 {
		t.Errorf("%d connections timed out", n)
	}
}

// Datagrams that a full socket loses are counted.
func TestKernelDrops(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux reports drops")
	}
	for _, network := range []string{"udp4", "udp6", "udp"} {
		t.Run(network, func(t *testing.T) {
			host := map[string]string{"udp4": "127.0.0.1", "udp6": "::1", "udp": ""}[network]
			port := servicetest.FreePort(t)
			s := &sink{hold: make(chan struct{})}
			w := startInputWithSink(t, fmt.Sprintf("{server: '%s://%s', read_buffer_size: 64KiB}", network, net.JoinHostPort(host, port)), s)
			conn := dial(t, "udp", net.JoinHostPort(map[bool]string{true: "::1", false: "127.0.0.1"}[network == "udp6"], port))
			const sent = 5000
			for i := range sent {
				send(t, conn, fmt.Sprintf("<13>%d %s", i, strings.Repeat("x", 200)))
			}
			close(s.hold)
			l := w.in.listeners[0]
			servicetest.Until(t, "all are accounted for", func(context.Context) error {
				drops, ok := l.kernelDrops()
				if got := len(w.sink.received()); !ok || uint64(got)+drops != sent || drops == 0 || got == 0 {
					return fmt.Errorf("%d came, %d were dropped, of %d", got, drops, sent)
				}
				return nil
			})
			b := telemetry.NewBatch(time.Now(), time.Now(), 0)
			_ = w.in.Gather(t.Context(), b)
			drops := uint64(0)
			for i := range b.Len() {
				if s, _, v := b.Sample(i); strings.HasPrefix(s.BareKey(), "syslog_kernel_drops") {
					drops = uint64(v)
				}
			}
			if want, _ := l.kernelDrops(); drops != want {
				t.Errorf("%d are reported, of %d", drops, want)
			}
		})
	}
}

// Many connections each send a message and are then closed or stay open.
func TestManyConnections(t *testing.T) {
	const n = 500
	server, addr := freePort(t, "tcp")
	w := startInput(t, "{server: '"+server+"', max_connections: 0}")
	for i := range n {
		conn := dial(t, "tcp", addr)
		send(t, conn, fmt.Sprintf("<13>%d\n", i))
		if i%2 == 0 {
			_ = conn.Close()
		}
	}
	got := messageTexts(w.waitFor(n))
	slices.Sort(got)
	if len(slices.Compact(got)) != n {
		t.Errorf("%d different messages", len(slices.Compact(got)))
	}
	w.waitForCount("those that stayed are open", func(c *counts) int64 { return c.openConnections.Load() }, n/2)
}

// Connections and their buffers do not leak.
func TestNothingLeaks(t *testing.T) {
	server, addr := freePort(t, "tcp")
	w := startInput(t, "server: '"+server+"'")
	servicetest.CheckNoLeaks(t, 20, func(round int) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		send(t, conn, fmt.Sprintf("<13>%s\n<13>half", strings.Repeat("x", 100*round)))
		_ = conn.Close()
		w.waitFor(2 * (round + 1))
		w.waitForCount("it is gone", func(c *counts) int64 { return c.openConnections.Load() }, 0)
	})
}
