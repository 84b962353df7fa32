package sysloginput

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// crashingEmitter is an emitter that panics at one message.
type crashingEmitter struct{ *sink }

func (c crashingEmitter) Emit(ctx context.Context, b *telemetry.Batch) {
	for i := range b.Events {
		if b.Events[i].Message == "crash" {
			panic("a defect")
		}
	}
	c.sink.Emit(ctx, b)
}

// A message that causes a panic ends the connection of its sender, and interrupts datagrams for a moment. Other senders are
// not affected.
func TestCrash(t *testing.T) {
	tcp, tcpAddr := freePort(t, "tcp")
	udp, udpAddr := freePort(t, "udp")
	s := &sink{}
	w := startInputWithEmitter(t, "servers: ['"+tcp+"', '"+udp+"']", crashingEmitter{s})
	w.sink = s
	good := dial(t, "tcp", tcpAddr)
	send(t, good, "<13>one\n")
	w.waitFor(1)
	for range 3 * cap(w.in.listeners[0].collectors) { // none of them is lost
		bad := dial(t, "tcp", tcpAddr)
		send(t, bad, "<13>crash\n")
		if _, err := bad.Read(make([]byte, 1)); err == nil {
			t.Fatal("the connection stays")
		}
	}
	send(t, good, "<13>two\n")
	w.waitFor(2)
	send(t, dial(t, "udp", udpAddr), "<13>crash")
	n := 2
	servicetest.Until(t, "datagrams are read again", func(context.Context) error {
		if conn, err := net.Dial("udp", udpAddr); err == nil {
			_, _ = io.WriteString(conn, "<13>three")
			_ = conn.Close()
		}
		if len(s.received()) > n {
			return nil
		}
		return errors.New("not yet")
	})
}
