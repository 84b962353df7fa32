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

// bad is what somebody sends who must not be able to do harm, and what becomes of it in a stream whose messages may have 480
// bytes: each message, behind it [cut_at] and what is wrong with it.
var bad = map[string]struct {
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
	for name, tc := range bad {
		t.Run(name, func(t *testing.T) {
			server, addr := at(t, "tcp")
			w := start(t, "{server: '"+server+"', max_message_size: 480}")
			conn := dial(t, "tcp", addr)
			send(t, conn, tc.text)
			_ = conn.Close()
			w.untilCount("the connection is served", func(c *counts) int64 { return c.opened.Load() - c.open.Load() }, 1)
			var got []string
			for _, e := range w.sink.take() {
				got = append(got, shortly(e))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// shortly is the message of an event, behind it where it was cut, and whether there is something wrong with it.
func shortly(e telemetry.Event) string {
	text := e.Message
	if at := field(e, fieldCut); at != "" {
		text += "[" + at + "]"
	}
	if field(e, syslogmsg.Problem) != "" {
		text += "!"
	}
	return text
}

// TestLongDatagrams: over UDP, and longer ones than UDP has over a socket file.
func TestLongDatagrams(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			if runtime.GOOS == "windows" && network == "unixgram" {
				t.Skip("no datagrams on socket files on Windows")
			}
			server, addr := place(t, network)
			w := start(t, "server: '"+server+"'")
			conn := dial(t, network, addr)
			lengths := []int{60_000, 1000}
			if network == "unixgram" {
				lengths = []int{65_532, 65_533, 100_000, 1000}
			}
			for _, n := range lengths {
				send(t, conn, "<13>"+strings.Repeat("x", n))
			}
			for i, e := range w.until(len(lengths)) {
				want, cut := lengths[i], ""
				if want > 65_532 {
					want, cut = 65_532, "65536"
				}
				if len(e.Message) != want || field(e, fieldCut) != cut {
					t.Errorf("%d bytes, cut at %q, of %d", len(e.Message), field(e, fieldCut), lengths[i])
				}
			}
		})
	}
}

// TestLongerDatagrams: a socket file takes them whole if messages may be so long.
func TestLongerDatagrams(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other limits on other systems")
	}
	server, addr := place(t, "unixgram")
	w := start(t, "{server: '"+server+"', max_message_size: 160000, max_decompression_size: 1MiB}")
	conn := dial(t, "unixgram", addr)
	for _, n := range []int{150_000, 159_996, 159_997} {
		send(t, conn, "<13>"+strings.Repeat("x", n))
	}
	for i, want := range []string{"150000 ", "159996 ", "159996 160000"} {
		if e := w.until(3)[i]; fmt.Sprint(len(e.Message), " ", field(e, fieldCut)) != want {
			t.Errorf("%d bytes, cut at %q, want %s", len(e.Message), field(e, fieldCut), want)
		}
	}
}

// place is an address: of a socket file, too.
func place(t testing.TB, network string) (server, addr string) {
	if !strings.HasPrefix(network, "unix") {
		return at(t, network)
	}
	addr = filepath.Join(t.TempDir(), "s")
	return network + "://" + addr, addr
}

// TestOneBadPeerDisturbsNobody: beside one of each kind, somebody sends lines, and all of them arrive, once and in order.
func TestOneBadPeerDisturbsNobody(t *testing.T) {
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
			server, addr := place(t, kind)
			config := "{server: '" + server + "', read_timeout: 10s, max_connections: 64"
			switch network {
			case "tls":
				config += fmt.Sprintf(", tls_cert: '%s', tls_key: '%s'", certs.cert, certs.key)
				kind = "tcp"
			case "gzip":
				config += ", content_encoding: gzip"
			}
			w := start(t, config+"}")
			good := wrapped(t, network, kind, addr)
			send(t, good, "<13>good 0\n") // is let in before the others come
			flush(t, good)
			w.until(1)
			var peers sync.WaitGroup
			for name := range bad {
				peers.Go(func() { misbehave(network, kind, addr, bad[name].text, len(name)) })
			}
			const lines = 300
			for i := 1; i < lines; i++ {
				send(t, good, fmt.Sprintf("<13>good %d\n", i))
				flush(t, good)
				if i%50 == 0 && kind == network && (network == "udp" || network == "unixgram") {
					w.good(i) // nothing slows a sender of datagrams down
				}
			}
			w.good(lines - 1)
			peers.Wait()
			got := slices.DeleteFunc(messages(w.sink.take()), func(m string) bool { return !strings.HasPrefix(m, "good") })
			for i := range lines {
				if got[i] != fmt.Sprintf("good %d", i) {
					t.Fatalf("line %d is %q", i, got[i])
				}
			}
		})
	}
}

// good waits for a line of the one who does as one should.
func (w *world) good(n int) {
	w.t.Helper()
	servicetest.Until(w.t, "the lines arrive", func(context.Context) error {
		if !slices.Contains(messages(w.sink.take()), fmt.Sprintf("good %d", n)) {
			return errors.New("not all of them")
		}
		return nil
	})
}

// wrapped is a connection as it should be.
func wrapped(t testing.TB, network, kind, addr string) io.Writer {
	conn := dial(t, kind, addr)
	switch network {
	case "tls":
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // whose it is does not matter here
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

// misbehave sends something in several ways, some of them not the right one, and goes without a word. What becomes of its
// connections is not its business.
func misbehave(network, kind, addr, text string, seed int) {
	noise := make([]byte, 5000)
	random := rand.New(rand.NewPCG(uint64(seed), 7)) //nolint:gosec // the same each time
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
			defer func() { _ = conn.Close() }() // goes on holding it
			continue
		}
		_ = conn.Close()
	}
}

// TestGzipBomb: a small stream that becomes a large one is read piece by piece, and what is too long is cut.
func TestGzipBomb(t *testing.T) {
	server, addr := at(t, "tcp")
	w := start(t, "{server: '"+server+"', content_encoding: gzip, max_message_size: 1KiB, read_timeout: 10m}") // compressing takes a while under the race detector
	z := gzip.NewWriter(dial(t, "tcp", addr))
	piece := strings.Repeat("x", 1<<20)
	send(t, z, "<13>")
	for range 30 {
		send(t, z, piece)
	}
	send(t, z, "\n<13>after\n")
	_ = z.Close()
	events := w.until(2)
	if len(events[0].Message) != 1020 || field(events[0], fieldCut) != "1024" || events[1].Message != "after" {
		t.Errorf("%.20q of %d bytes, cut at %s; %q", events[0].Message, len(events[0].Message), field(events[0], fieldCut), events[1].Message)
	}
}

// TestSilentGzip: a connection that says nothing stays open, also before the first byte of what is compressed.
func TestSilentGzip(t *testing.T) {
	server, addr := at(t, "tcp")
	w := start(t, "{server: '"+server+"', content_encoding: gzip, read_timeout: 1ms}")
	silent := dial(t, "tcp", addr)
	other := gzip.NewWriter(dial(t, "tcp", addr))
	send(t, other, "<13>a\n")
	_ = other.Close()
	w.until(1)
	z := gzip.NewWriter(silent)
	send(t, z, "<13>b\n")
	_ = z.Close()
	w.until(2)
	if n := w.in.listeners[0].counts.timeouts.Load(); n != 0 {
		t.Errorf("%d connections timed out", n)
	}
}

// TestKernelDrops: what a full socket loses is counted, so that nothing is missing without a trace.
func TestKernelDrops(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says what it dropped")
	}
	for _, network := range []string{"udp4", "udp6", "udp"} {
		t.Run(network, func(t *testing.T) {
			host := map[string]string{"udp4": "127.0.0.1", "udp6": "::1", "udp": ""}[network]
			port := servicetest.FreePort(t)
			s := &sink{hold: make(chan struct{})}
			w := startWith(t, fmt.Sprintf("{server: '%s://%s', read_buffer_size: 64KiB}", network, net.JoinHostPort(host, port)), s)
			conn := dial(t, "udp", net.JoinHostPort(map[bool]string{true: "::1", false: "127.0.0.1"}[network == "udp6"], port))
			const sent = 5000
			for i := range sent {
				send(t, conn, fmt.Sprintf("<13>%d %s", i, strings.Repeat("x", 200)))
			}
			close(s.hold)
			l := w.in.listeners[0]
			servicetest.Until(t, "all are accounted for", func(context.Context) error {
				drops, ok := l.kernelDrops()
				if got := len(w.sink.take()); !ok || uint64(got)+drops != sent || drops == 0 || got == 0 {
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

// TestManyConnections: each of them sends a message, and goes, or stays.
func TestManyConnections(t *testing.T) {
	const n = 500
	server, addr := at(t, "tcp")
	w := start(t, "{server: '"+server+"', max_connections: 0}")
	for i := range n {
		conn := dial(t, "tcp", addr)
		send(t, conn, fmt.Sprintf("<13>%d\n", i))
		if i%2 == 0 {
			_ = conn.Close()
		}
	}
	got := messages(w.until(n))
	slices.Sort(got)
	if len(slices.Compact(got)) != n {
		t.Errorf("%d different messages", len(slices.Compact(got)))
	}
	w.untilCount("those that stayed are open", func(c *counts) int64 { return c.open.Load() }, n/2)
}

// TestNothingIsLeftBehind: of connections and their buffers.
func TestNothingIsLeftBehind(t *testing.T) {
	server, addr := at(t, "tcp")
	w := start(t, "server: '"+server+"'")
	servicetest.CheckNoLeaks(t, 20, func(round int) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		send(t, conn, fmt.Sprintf("<13>%s\n<13>half", strings.Repeat("x", 100*round)))
		_ = conn.Close()
		w.until(2 * (round + 1))
		w.untilCount("it is gone", func(c *counts) int64 { return c.open.Load() }, 0)
	})
}
