package httpx

import (
	"context"
	"errors"
	"net"
	"testing"
)

// net/http does not tell the dialer that the request was cancelled.
func TestDialingEndsWithItsRequest(t *testing.T) {
	asker, cancel := context.WithCancel(t.Context())
	cancel()
	s := &session{}
	hang := func(ctx context.Context, _ *Target, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	_, err := s.trackConns(nil, hang)(context.WithValue(t.Context(), requestContextKey{}, asker), "tcp", "")
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLateConnectionIsClosed(t *testing.T) {
	s := &session{}
	near, far := net.Pipe()
	s.conns.close()
	give := func(context.Context, *Target, string, string) (net.Conn, error) { return near, nil }
	if _, err := s.trackConns(nil, give)(t.Context(), "tcp", ""); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := far.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}

// A closed connection is not kept in the list of connections.
func TestClosedConnectionIsForgotten(t *testing.T) {
	var all conns
	near, far := net.Pipe()
	defer far.Close()
	c, err := all.register(near)
	if err != nil || len(all.open) != 1 {
		t.Fatalf("%d, %v", len(all.open), err)
	}
	_ = c.Close()
	if len(all.open) != 0 {
		t.Error("the closed connection is still in the list")
	}
}
