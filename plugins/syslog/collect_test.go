package sysloginput

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// batches is an emitter that keeps the batches of a collector.
type batches struct{ all [][]telemetry.Event }

func (s *batches) Emit(_ context.Context, b *telemetry.Batch) { s.all = append(s.all, b.Events) }

func testListener(out *batches) *listener {
	c := defaults()
	l := newListener(address{network: "tcp", location: ":1"}, &c, "h", plugintest.Env("syslog", "").Log)
	l.out = out
	return l
}

func TestBatchesAreBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		size, n int
		want    string
	}{
		"many":       {10, 2500, "[1000 1000 500]"},
		"large":      {512 << 10, 5, "[2 2 1]"},
		"very large": {2 << 20, 2, "[1 1]"},
	} {
		t.Run(name, func(t *testing.T) {
			out := &batches{}
			c := testListener(out).newCollector()
			for range tc.n {
				c.addMessage(t.Context(), []byte(strings.Repeat("x", tc.size)), false, "192.0.2.1", time.Now())
			}
			c.flush(t.Context())
			var got []int
			for _, b := range out.all {
				got = append(got, len(b))
			}
			if fmt.Sprint(got) != tc.want {
				t.Errorf("%v, want %s", got, tc.want)
			}
		})
	}
}

// A collector neither reuses nor keeps the events that it emitted.
func TestCollectorKeepsNoEmittedEvents(t *testing.T) {
	out := &batches{}
	c := testListener(out).newCollector()
	wide := "<13>1 - - - - - [x"
	for i := range 100 {
		wide += fmt.Sprintf(` k%d="v"`, i)
	}
	for _, text := range []string{wide + "] wide", "<13>one", "<14>two"} {
		c.addMessage(t.Context(), []byte(text), false, "192.0.2.1", time.Now())
	}
	c.flush(t.Context())
	c.addMessage(t.Context(), []byte("<15>three"), true, "192.0.2.2", time.Now())
	c.flush(t.Context())
	first := out.all[0]
	if len(first[0].Fields) != 102 || fmt.Sprint(first[1].Fields, first[2].Fields) != "[facility=1 remote_ip=192.0.2.1] [facility=1 remote_ip=192.0.2.1]" {
		t.Errorf("%v", first)
	}
	_ = append(first[1].Fields, telemetry.Text("added", ""))
	if first[2].Fields[0].Key == "added" {
		t.Error("events share spare capacity of their fields")
	}
	for i, e := range c.events[:3] {
		if cap(e.Fields) > maxKeptFields {
			t.Errorf("%d: capacity for %d fields is kept", i, cap(e.Fields))
		}
		for _, f := range e.Fields[:cap(e.Fields)] {
			if f != (telemetry.Field{}) {
				t.Errorf("%d: %v is kept", i, f)
			}
		}
		if e.Fields = nil; e.Host+e.Message != "" {
			t.Errorf("%d: %v is kept", i, e)
		}
	}
}

// Peers are counted separately, even in one batch.
func TestPeersAreCountedOneByOne(t *testing.T) {
	l := testListener(&batches{})
	c := l.newCollector()
	for i := range 30 {
		c.addMessage(t.Context(), []byte("<13>x"), false, fmt.Sprint("192.0.2.", i%3/2), time.Now())
	}
	c.flush(t.Context())
	got := map[string]int64{}
	l.counts.forEachPeer(func(name string, n int64) { got[name] = n })
	if fmt.Sprint(got) != "map[192.0.2.0:20 192.0.2.1:10]" {
		t.Error(got)
	}
	names := peerNames{}
	for _, ip := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "::ffff:192.0.2.3", "2001:db8::1"} {
		if got, want := names.lookUp(&net.UDPAddr{IP: net.ParseIP(ip)}), strings.TrimPrefix(ip, "::ffff:"); got != want {
			t.Errorf("%s is named %s", ip, got)
		}
	}
	if got := names.lookUp(nil); got != localPeer {
		t.Errorf("a sender without an address is named %s", got)
	}
}

// A peer that sends from time to time is not forgotten.
func TestPeerIsKept(t *testing.T) {
	var c counts
	for i := range 3 * maxIdleReports {
		if i%(maxIdleReports/2) == 0 {
			c.countMessages("192.0.2.1", 1)
		}
		c.forEachPeer(func(string, int64) {})
	}
	c.forEachPeer(func(_ string, n int64) {
		if n != 6 {
			t.Errorf("%d messages", n)
		}
	})
	if len(c.peers) != 1 {
		t.Error("the peer is forgotten")
	}
}

// blockingEmitter blocks all batches and counts those that wait.
type blockingEmitter struct {
	now, most atomic.Int64
	open      chan struct{}
}

func (w *blockingEmitter) Emit(context.Context, *telemetry.Batch) {
	n := w.now.Add(1)
	for most := w.most.Load(); n > most && !w.most.CompareAndSwap(most, n); most = w.most.Load() {
	}
	<-w.open
	w.now.Add(-1)
}

// While emitting blocks, the messages of most connections stay in their buffers.
func TestFewBatchesWait(t *testing.T) {
	server, addr := freePort(t, "tcp")
	out := &blockingEmitter{open: make(chan struct{})}
	w := startInputWithEmitter(t, "server: '"+server+"'", out)
	for range 100 {
		send(t, dial(t, "tcp", addr), "<13>x\n")
	}
	l := w.in.listeners[0]
	servicetest.Until(t, "all have been read", func(context.Context) error {
		if l.counts.bytes.Load() != 600 {
			return errors.New("not yet")
		}
		return nil
	})
	close(out.open)
	w.waitForCount("all are taken", func(c *counts) int64 { return c.severities[telemetry.Notice].Load() }, 100)
	if most := out.most.Load(); most == 0 || most > int64(2*runtime.GOMAXPROCS(0)) {
		t.Errorf("%d batches waited", most)
	}
}

// A client that sends nothing cannot hold a TLS connection open.
func TestSlowHandshake(t *testing.T) {
	certs := issue(t)
	secure, err := (&tlsx.Server{Cert: certs.cert, Key: certs.key}).Config()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer func() { _ = client.Close() }()
		began := time.Now()
		_, err := testListener(&batches{}).openReader(t.Context(), server, secure)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != handshakeTimeout {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// The same warning is logged once an hour, and not for every peer.
func TestWarnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := 0
		c := defaults()
		l := newListener(address{network: "tcp", location: ":1"}, &c, "h", slogTo(func(string) { lines++ }))
		say := func(peer, message string, want int) {
			t.Helper()
			lines = 0
			l.warnOnce(peer, message, errors.New("x"))
			if lines != want {
				t.Errorf("%s, %s: %d lines, want %d", peer, message, lines, want)
			}
		}
		say("a", "is bad", 1)
		say("a", "is bad", 0)
		say("a", "is worse", 1)
		say("b", "is bad", 1)
		time.Sleep(time.Hour - time.Second)
		say("a", "is bad", 0)
		time.Sleep(time.Second)
		say("a", "is bad", 1)
		for i := range 2000 {
			l.warnOnce(fmt.Sprint(i), "is bad", nil)
		}
		if lines != 1000 {
			t.Errorf("%d lines", lines)
		}
		say("c", "is bad", 0)
	})
}

// deadlineRecorder keeps the last deadline that was set.
type deadlineRecorder struct{ at time.Time }

func (d *deadlineRecorder) SetReadDeadline(at time.Time) error {
	d.at = at
	return nil
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		conn := &deadlineRecorder{}
		d := newDeadline(ctx, conn, 30*time.Second)
		defer d.release()
		const none = -1
		set := func(pending, progress bool, want time.Duration) {
			t.Helper()
			d.setForRead(pending, progress, 0)
			if got := time.Until(conn.at); want == none && !conn.at.IsZero() || want != none && got != want {
				t.Errorf("pending %t, progress %t: %v left, want %v", pending, progress, got, want)
			}
			time.Sleep(10 * time.Second)
		}
		set(false, false, none)
		set(true, false, 30*time.Second)
		set(true, false, 20*time.Second)
		set(true, true, 30*time.Second)
		set(false, true, none)
		set(true, true, 30*time.Second)
		set(true, false, 20*time.Second)
		stop()
		synctest.Wait()
		if left := time.Until(conn.at); left != lingerTime {
			t.Errorf("%v left after the end", left)
		}
		set(true, true, lingerTime)
		set(false, true, maxLinger-10*time.Second)
	})
}

// Datagrams are truncated to the limits for messages and for decompression.
func TestDatagramIsCut(t *testing.T) {
	for name, tc := range map[string]struct{ size, message, unpacked, want int }{
		"short":             {600, 700, 800, 600},
		"as long as it may": {700, 700, 700, 700},
		"a byte too long":   {701, 700, 800, -700},
		"too long for both": {701, 700, 700, -700},
		"much too long":     {10_000, 700, 900, -700},
	} {
		t.Run(name, func(t *testing.T) {
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			send(t, z, strings.Repeat("x", tc.size))
			_ = z.Close()
			l := testListener(&batches{})
			l.config.MaxMessage, l.config.MaxDecompression, l.config.Encoding = conf.Size(tc.message), conf.Size(tc.unpacked), encodingGzip
			for _, data := range [][]byte{packed.Bytes(), bytes.Repeat([]byte("x"), tc.size)} { // one may be plain
				message, cut := l.unpackDatagram(&unzipper{limit: tc.unpacked}, data, "192.0.2.1")
				if got := len(message); got != max(tc.want, -tc.want) || cut != (tc.want < 0) {
					t.Errorf("%d bytes, cut %t, want %d", got, cut, tc.want)
				}
			}
		})
	}
}

// A NUL ends a message if nothing follows soon, and the connection stays open.
func TestMessageThatMayBeComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		l := testListener(nil)
		l.out = out
		server, client := net.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- l.readMessages(t.Context(), server, "192.0.2.1", nil) }()
		for _, step := range []struct {
			text  string
			pause time.Duration
			want  []string
		}{
			{"<11>first\x00", 100 * time.Millisecond, nil},
			{"", time.Second, []string{"first"}},
			{"", time.Hour, []string{"first"}},
			{"<14>second\x00", 0, []string{"first", "second"}},
			{"<14>third\x00<14>fourth\x00", time.Hour, []string{"first", "second", "third", "fourth"}},
		} {
			if step.text != "" {
				send(t, client, step.text)
			}
			time.Sleep(step.pause)
			synctest.Wait()
			if got := messageTexts(out.received()); !slices.Equal(got, step.want) {
				t.Errorf("%q and %v later: %q, want %q", step.text, step.pause, got, step.want)
			}
		}
		_ = client.Close()
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

// The read timeout applies to one message. A sender that always sends the beginning of the next message is not disconnected.
func TestReadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &batches{}
		l := testListener(out)
		server, client := net.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- l.readMessages(t.Context(), server, "192.0.2.1", nil) }()
		send(t, client, "<13>ha")
		for range 20 {
			time.Sleep(20 * time.Second)
			send(t, client, "lf\n<13>whole\n<13>ha")
		}
		send(t, client, "lf\n")
		time.Sleep(time.Hour) // silence
		began := time.Now()
		send(t, client, "<13>ne")
		time.Sleep(20 * time.Second)
		send(t, client, "ve")
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		var got []telemetry.Event
		for _, b := range out.all {
			got = append(got, b...)
		}
		if len(got) != 42 || got[2].Message != "half" || got[41].Message != "neve" {
			t.Errorf("%q", messageTexts(got))
		}
	})
}
