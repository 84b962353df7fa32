package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// httpServer is a server of an agent, before it serves.
type httpServer interface {
	Serve(ctx context.Context, l net.Listener) error // until ctx is done; closes the server
	Close() error                                    // instead of Serve
	URL(l net.Listener) string
}

// serverSlot is the place of one server of a running agent: the web server or the one for health checks. The server can be replaced by
// one with other settings, which continues with the listener if it has the same address.
type serverSlot struct {
	key  string          // of its settings in the configuration, for errors
	what string          // for the log
	ctx  context.Context // the servers stop when it is done
	log  *slog.Logger

	settings string // stands for everything that the server depends on; "": no server runs
	address  string
	listener net.Listener
	stop     func() // stops the server that runs, and waits for it; nil: none runs
}

// wantedServer describes the server that a configuration wants.
type wantedServer struct {
	settings string // "": none
	address  string
	build    func() (httpServer, error)
}

// change is a prepared change of a serverSlot: either commit or discard is called.
type change struct{ commit, discard func() }

// prepare builds what is wanted and opens its listener. Nothing changes before the change is committed. It returns nil if nothing is to
// be changed.
func (s *serverSlot) prepare(w wantedServer) (*change, error) {
	switch w.settings {
	case s.settings:
		return nil, nil
	case "":
		return &change{commit: s.end, discard: func() {}}, nil
	}
	server, err := w.build()
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	listener := s.listener
	isKept := listener != nil && s.address == w.address
	if !isKept {
		if listener, err = net.Listen("tcp", w.address); err != nil {
			return nil, errors.Join(runtimeFailure(fmt.Errorf("%s: %w; choose another address with %s.listen, such as 127.0.0.1:0", s.key, err, s.key)), server.Close())
		}
	}
	return &change{
		commit: func() {
			if isKept {
				s.stopServer()
			} else {
				s.end()
			}
			s.settings, s.address, s.listener = w.settings, w.address, listener
			s.start(server)
		},
		discard: func() {
			_ = server.Close() // it has no connections yet
			if !isKept {
				_ = listener.Close()
			}
		},
	}, nil
}

func (s *serverSlot) start(server httpServer) {
	s.log.Info(s.what, "url", server.URL(s.listener))
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	lent := lendListener(s.listener)
	go func() {
		defer close(done)
		if err := server.Serve(ctx, lent); err != nil {
			s.log.Error("the server of "+s.key+": ended", "error", err)
		}
	}()
	s.stop = func() {
		cancel()
		<-done
	}
}

func (s *serverSlot) stopServer() {
	if s.stop != nil {
		s.stop()
	}
	s.stop = nil
}

// end stops the server and closes its listener.
func (s *serverSlot) end() {
	s.stopServer()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	s.settings, s.address, s.listener = "", "", nil
}

// lentListener is a listener that its user can close, while the listener itself stays open for the next one.
type lentListener struct {
	net.Listener
	closed atomic.Bool
	once   sync.Once
}

// deadliner is what the listeners of TCP have.
type deadliner interface{ SetDeadline(time.Time) error }

func lendListener(l net.Listener) *lentListener {
	if d, ok := l.(deadliner); ok {
		_ = d.SetDeadline(time.Time{}) // ends the wait of the user before
	}
	return &lentListener{Listener: l}
}

// Accept implements net.Listener.
func (l *lentListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil && l.closed.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, net.ErrClosed
	}
	return c, err
}

// Close implements net.Listener: Accept returns. Clients that connect wait for the next user.
func (l *lentListener) Close() error {
	l.once.Do(func() {
		l.closed.Store(true)
		if d, ok := l.Listener.(deadliner); ok {
			_ = d.SetDeadline(time.Unix(1, 0))
		}
	})
	return nil
}
