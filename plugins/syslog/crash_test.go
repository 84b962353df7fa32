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

// panickingEmitter is an emitter that panics at one message.
type panickingEmitter struct{ *collectingEmitter }

func (c panickingEmitter) Emit(ctx context.Context, b *telemetry.Batch) {
	for i := range b.Events {
		if b.Events[i].Message == "crash" {
			panic("a defect")
		}
	}
	c.collectingEmitter.Emit(ctx, b)
}

// A panic while a message is processed closes the connection of its sender, and interrupts datagrams for a moment. Other peers are not
// affected.
func TestPanicCostsOnlyTheSender(t *testing.T) {
	tcp, tcpAddr := freeAddress(t, "tcp")
	udp, udpAddr := freeAddress(t, "udp")
	s := &collectingEmitter{}
	w := startEmitting(t, "servers: ['"+tcp+"', '"+udp+"']", panickingEmitter{s})
	w.sink = s
	good := dialServer(t, "tcp", tcpAddr)
	sendText(t, good, "<13>one\n")
	w.waitEvents(1)
	for range 3 * cap(w.in.listeners[0].collectors) { // no collector is lost
		bad := dialServer(t, "tcp", tcpAddr)
		sendText(t, bad, "<13>crash\n")
		if _, err := bad.Read(make([]byte, 1)); err == nil {
			t.Fatal("the connection stays open")
		}
	}
	sendText(t, good, "<13>two\n")
	w.waitEvents(2)
	sendText(t, dialServer(t, "udp", udpAddr), "<13>crash")
	n := 2
	servicetest.Until(t, "datagrams are read again", func(context.Context) error {
		if conn, err := net.Dial("udp", udpAddr); err == nil {
			_, _ = io.WriteString(conn, "<13>three")
			_ = conn.Close()
		}
		if len(s.takeEvents()) > n {
			return nil
		}
		return errors.New("not yet")
	})
}
