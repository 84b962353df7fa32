package sysloginput

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	udp, udpAddr := freeAddress(t, "udp")
	tcp, tcpAddr := freeAddress(t, "tcp")
	plugintest.Run(t, Plugin, plugintest.Case{
		Name: "datagrams and connections", Config: "{server: '" + udp + "', servers: ['" + tcp + "']}", Allocs: 10,
		Feed: func(t *testing.T, out *plugintest.Emitted) {
			sendText(t, dialListener(t, tcpAddr), "<13>hello\n")
			out.WaitEvents(t, 1)
			servicetest.Until(t, "a datagram has arrived", func(context.Context) error { // datagrams before the socket was open are lost
				sendText(t, dialServer(t, "udp", udpAddr), "<13>hello")
				if out.Events() < 2 {
					return errors.New("none has")
				}
				return nil
			})
		},
	})
}

// dialListener connects to a listener as soon as it listens.
func dialListener(t *testing.T, addr string) (conn net.Conn) {
	t.Helper()
	servicetest.Until(t, "the listener is there", func(context.Context) (err error) {
		conn, err = net.Dial("tcp", addr)
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestTransports sends a message over each transport.
func TestTransports(t *testing.T) {
	dir := t.TempDir()
	for _, network := range []string{"udp", "tcp", "unix", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.HasPrefix(network, "unix") {
				t.Skip("Windows has no datagrams on socket files, and other permissions")
			}
			server, addr := freeAddress(t, network)
			if strings.HasPrefix(network, "unix") {
				addr = filepath.Join(dir, network)
				server = network + "://" + addr
			}
			w := startInput(t, "{server: '"+server+"', socket_mode: '0621'}")
			if info, err := os.Stat(addr); strings.HasPrefix(network, "unix") && (err != nil || info.Mode().Perm() != 0o621) {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			sendText(t, dialServer(t, network, addr), "<13>1 2026-11-05T19:14:15Z - a 7 - [x k=\"v\"] hello\n")
			e := w.waitEvents(1)[0]
			ip, host := "127.0.0.1", "127.0.0.1"
			if strings.HasPrefix(network, "unix") {
				ip, host = "", "testhost"
			}
			if e.Message != "hello" || e.App != "a" || e.Proc != "7" || e.Host != host || fieldText(e, "x_k") != "v" || fieldText(e, "remote_ip") != ip ||
				fieldText(e, "facility") != "1" || e.Severity != telemetry.Notice {
				t.Errorf("%+v", e)
			}
			w.stop()
			if _, err := os.Stat(addr); err == nil {
				t.Error("the socket file was not removed")
			}
		})
	}
}

func TestIPv6AndSeveralListeners(t *testing.T) {
	port := servicetest.FreePort(t)
	probe, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	_ = probe.Close()
	w := startInput(t, fmt.Sprintf("{server: 'udp://[::1]:%s', servers: ['tcp6://[::1]:%s', 'udp4://127.0.0.1:%s']}", port, port, port))
	addr := fmt.Sprintf("[::1]:%s", port)
	sendText(t, dialServer(t, "udp", addr), "<13>one")
	sendText(t, dialServer(t, "tcp", addr), "<13>two\n")
	sendText(t, dialServer(t, "udp", fmt.Sprintf("127.0.0.1:%s", port)), "<13>three")
	got := map[string]string{}
	for _, e := range w.waitEvents(3) {
		got[e.Message] = fieldText(e, "remote_ip")
	}
	if got["one"] != "::1" || got["two"] != "::1" || got["three"] != "127.0.0.1" {
		t.Error(got)
	}
}

// A connection may mix both framings. An incomplete last message is used as well.
func TestConnectionMayMixFramings(t *testing.T) {
	server, addr := freeAddress(t, "tcp")
	w := startInput(t, "server: "+server)
	conn := dialServer(t, "tcp", addr)
	sendText(t, conn, "<13>a\n7 <13>b\nb<13>c\n20 <13>half")
	w.waitEvents(3)
	_ = conn.Close()
	events := w.waitEvents(4)
	if got := messageTexts(events); !slices.Equal(got, []string{"a", "b\nb", "c", "half"}) || fieldText(events[3], fieldCut) != "8" || fieldText(events[2], fieldCut) != "" {
		t.Errorf("%q, %v", got, events[3].Fields)
	}
}

func TestTLS(t *testing.T) {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	clientCert, clientKey := a.Issue(t, tlstest.Cert{})
	pair, err := tls.LoadX509KeyPair(clientCert, clientKey)
	if err != nil {
		t.Fatal(err)
	}
	server, addr := freeAddress(t, "tls")
	w := startInput(t, fmt.Sprintf("{server: '%s', tls_cert: '%s', tls_key: '%s', tls_client_ca: '%s'}", server, cert, key, a.File))
	trusted := &tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1", Certificates: []tls.Certificate{pair}}
	conn, err := tls.Dial("tcp", addr, trusted)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	sendText(t, conn, "<13>secret\n")
	w.waitEvents(1)

	stranger := &tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1"}
	if conn, err := tls.Dial("tcp", addr, stranger); err == nil {
		_, err = conn.Read(make([]byte, 1)) // with TLS 1.3 the client learns of a refusal only now
		_ = conn.Close()
		if err == nil {
			t.Error("a client without a certificate is accepted")
		}
	}
	w.waitCount("the refusal is counted", func(c *counts) int64 { return c.failed.Load() }, 1)

	plain := dialServer(t, "tcp", addr) // no TLS, and sends nothing
	_ = plain
	sendText(t, conn, "<13>still there\n") // a slow handshake does not block others
	if got := messageTexts(w.waitEvents(2)); !slices.Equal(got, []string{"secret", "still there"}) {
		t.Errorf("%q", got)
	}
}

// The next connection uses a renewed certificate.
func TestRenewedCertificateIsUsed(t *testing.T) {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	server, addr := freeAddress(t, "tls")
	startInput(t, fmt.Sprintf("{server: '%s', tls_cert: '%s', tls_key: '%s'}", server, cert, key))
	serial := func() string {
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return string(conn.ConnectionState().PeerCertificates[0].Raw)
	}
	first := serial()
	a.IssueTo(t, tlstest.Cert{}, cert, key)
	if serial() == first {
		t.Error("the server still uses the old certificate")
	}
}

func TestGzip(t *testing.T) {
	packed := func(text string) string {
		var b strings.Builder
		z := gzip.NewWriter(&b)
		sendText(t, z, text)
		_ = z.Close()
		return b.String()
	}
	t.Run("datagrams", func(t *testing.T) {
		server, addr := freeAddress(t, "udp")
		w := startInput(t, "{server: '"+server+"', content_encoding: gzip, max_message_size: 1000, max_decompression_size: 2000}")
		conn := dialServer(t, "udp", addr)
		sendText(t, conn, packed("<13>hello"))
		sendText(t, conn, "<13>plain")
		sendText(t, conn, packed("<13>"+strings.Repeat("\x00x", 5_000_000))) // a bomb: 10 kB that decompress to 10 MB
		sendText(t, conn, packed("<13>broken")[:20])
		events := w.waitEvents(4)
		if got := messageTexts(events); !slices.Equal(got[:2], []string{"hello", "plain"}) || fieldText(events[2], fieldCut) != "1000" || len(got[2]) > 1000 {
			t.Errorf("%.100q, %v", got, events[2].Fields)
		}
		w.waitCount("what is broken is counted", func(c *counts) int64 { return c.broken.Load() }, 1)
	})
	t.Run("stream", func(t *testing.T) {
		server, addr := freeAddress(t, "tcp")
		w := startInput(t, "{server: '"+server+"', content_encoding: GZIP, max_message_size: 1000}")
		conn := dialServer(t, "tcp", addr)
		z := gzip.NewWriter(conn)
		sendText(t, z, "<13>one\n6 <13>tw")
		_ = z.Flush()
		w.waitEvents(2) // the stream is still open
		sendText(t, z, "<13>"+strings.Repeat("x", 1<<20)+"\n<13>last\n")
		_ = z.Close()
		if got := messageTexts(w.waitEvents(4)); got[0] != "one" || got[1] != "tw" || len(got[2]) != 996 || got[3] != "last" {
			t.Errorf("%.40q", got)
		}
		sendText(t, dialServer(t, "tcp", addr), "this is no gzip\n")
		w.waitCount("what is no gzip is counted", func(c *counts) int64 { return c.failed.Load() }, 1)
	})
}

// A message that never completes ends its connection. Silence does not. Other connections are not affected.
func TestSlowMessageEndsItsConnection(t *testing.T) {
	server, addr := freeAddress(t, "tcp")
	w := startInput(t, "{server: '"+server+"', read_timeout: 300ms}")
	silent, slow := dialServer(t, "tcp", addr), dialServer(t, "tcp", addr)
	sendText(t, silent, "<13>first\n")
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for range 1000 { // occasional bytes do not extend the timeout
			if _, err := slow.Write([]byte("x")); err != nil {
				return
			}
			_ = slow.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if _, err := slow.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
		}
		t.Error("the connection is still open")
	}()
	<-closed
	w.waitCount("it is counted", func(c *counts) int64 { return c.timeouts.Load() }, 1)
	sendText(t, silent, "<13>second\n")
	got := messageTexts(w.waitEvents(3))
	if got[0] != "first" || !strings.HasPrefix(got[1], "x") || got[2] != "second" {
		t.Errorf("%q", got)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	server, addr := freeAddress(t, "tcp")
	w := startInput(t, "{server: '"+server+"', max_connections: 2}")
	first, second := dialServer(t, "tcp", addr), dialServer(t, "tcp", addr)
	sendText(t, first, "<13>a\n")
	sendText(t, second, "<13>b\n")
	w.waitEvents(2)
	third := dialServer(t, "tcp", addr)
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("the third connection is accepted")
	}
	w.waitCount("it is counted", func(c *counts) int64 { return c.refused.Load() }, 1)
	_ = first.Close()
	w.waitCount("the first is gone", func(c *counts) int64 { return c.open.Load() }, 1)
	sendText(t, dialServer(t, "tcp", addr), "<13>c\n")
	w.waitEvents(3)
}

// While the emitter blocks, a sender over TCP can only fill the buffers, and loses nothing.
func TestBackpressureReachesTheSender(t *testing.T) {
	s := &collectingEmitter{hold: make(chan struct{})}
	server, addr := freeAddress(t, "tcp")
	w := startCollecting(t, "{server: '"+server+"', read_buffer_size: 64KiB}", s)
	conn := dialServer(t, "tcp", addr)
	line := "<13>" + strings.Repeat("x", 995) + "\n"
	sent := 0
	for {
		_ = conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := io.WriteString(conn, line)
		sent += n
		if err != nil {
			break
		}
		if sent > 256<<20 {
			t.Fatal("nothing stops the sender")
		}
	}
	close(s.hold)
	_ = conn.SetWriteDeadline(time.Time{})
	sendText(t, conn, line[sent%len(line):])
	sent += len(line) - sent%len(line)
	for _, e := range w.waitEvents(sent / len(line)) {
		if len(e.Message) != 995 {
			t.Fatalf("%q", e.Message)
		}
	}
}

// At stop, the input reads what was sent before, and ends although the sender continues.
func TestStopReadsWhatWasSent(t *testing.T) {
	server, addr := freeAddress(t, "tcp")
	w := startInput(t, "server: "+server)
	conn := dialServer(t, "tcp", addr)
	sendText(t, conn, "<13>a\n")
	w.waitEvents(1)
	gone := make(chan int)
	go func() {
		n := 1
		for ; ; n++ {
			if _, err := io.WriteString(conn, "<13>b\n"); err != nil {
				break
			}
		}
		gone <- n
	}()
	w.waitEvents(1000)
	w.stop()
	<-gone
}

// At stop, the data that the kernel holds was already sent, so the input reads it.
func TestStopReadsWhatTheKernelHolds(t *testing.T) {
	for network, lines := range map[string]int{"tcp": 2000, "udp": 200} { // more than one read returns
		s := &collectingEmitter{hold: make(chan struct{})} // the input does not read while Emit waits
		server, addr := freeAddress(t, network)
		w := startCollecting(t, "server: "+server, s)
		conn := dialServer(t, network, addr)
		for i := range lines {
			sendText(t, conn, fmt.Sprintf("<13>line %d\n", i))
		}
		if network == "tcp" {
			w.waitCount("it is accepted", func(c *counts) int64 { return c.open.Load() }, 1)
		}
		w.stop()
		if n := len(s.takeEvents()); n != lines {
			t.Errorf("%s: %d of %d", network, n, lines)
		}
	}
}
