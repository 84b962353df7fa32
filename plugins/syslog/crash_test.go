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

// crashing is an emitter that cannot bear one message.
type crashing struct{ *sink }

func (c crashing) Emit(ctx context.Context, b *telemetry.Batch) {
	for i := range b.Events {
		if b.Events[i].Message == "crash" {
			panic("a defect")
		}
	}
	c.sink.Emit(ctx, b)
}

// TestCrash: a defect that a message finds costs its sender the connection, and datagrams a moment; nobody else notices.
func TestCrash(t *testing.T) {
	tcp, tcpAddr := at(t, "tcp")
	udp, udpAddr := at(t, "udp")
	s := &sink{}
	w := startOut(t, "servers: ['"+tcp+"', '"+udp+"']", crashing{s})
	w.sink = s
	good := dial(t, "tcp", tcpAddr)
	send(t, good, "<13>one\n")
	w.until(1)
	for range 3 * cap(w.in.listeners[0].collectors) { // none of them is lost
		bad := dial(t, "tcp", tcpAddr)
		send(t, bad, "<13>crash\n")
		if _, err := bad.Read(make([]byte, 1)); err == nil {
			t.Fatal("the connection stays")
		}
	}
	send(t, good, "<13>two\n")
	w.until(2)
	send(t, dial(t, "udp", udpAddr), "<13>crash")
	n := 2
	servicetest.Until(t, "datagrams are read again", func(context.Context) error {
		if conn, err := net.Dial("udp", udpAddr); err == nil {
			_, _ = io.WriteString(conn, "<13>three")
			_ = conn.Close()
		}
		if len(s.take()) > n {
			return nil
		}
		return errors.New("not yet")
	})
}
