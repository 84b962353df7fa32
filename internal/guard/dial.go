package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// ErrBusy means that the server of a Unix socket is too busy to accept a connection. Its text completes a sentence that begins with the
// name of the server.
var ErrBusy = errors.New("is too busy to accept connections: its queue of new connections is full")

// maxBusy is the longest wait for a busy server if the context has no deadline.
const maxBusy = 30 * time.Second

// Dial is like [net.Dialer.DialContext], but waits for a busy server. On Linux, connect(2) to a Unix socket immediately fails with EAGAIN
// if the server's backlog is full; connect(2) over TCP waits.
func Dial(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error) {
	if !isUnixSocket(network) {
		return d.DialContext(ctx, network, addr)
	}
	limited, cancel := context.WithTimeout(ctx, busyTimeout(ctx))
	defer cancel()
	pause := 5 * time.Millisecond
	for {
		conn, err := d.DialContext(ctx, network, addr)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause = min(2*pause, 100*time.Millisecond)
		case <-limited.Done():
			timer.Stop()
			return nil, busyError{err}
		}
	}
}

// busyTimeout returns how long Dial waits for a busy server: less than the caller waits, so that the caller sees the reason and not only
// that its time is over.
func busyTimeout(ctx context.Context) time.Duration {
	end, limited := ctx.Deadline()
	if !limited {
		return maxBusy
	}
	left := time.Until(end)
	return min(maxBusy, left-min(left/4, 250*time.Millisecond))
}

func isUnixSocket(network string) bool { return network == "unix" || network == "unixpacket" }

// busyError does not unwrap to EAGAIN, which counts as a timeout.
type busyError struct{ cause error }

func (e busyError) Error() string { return fmt.Sprintf("%v: %v", ErrBusy, e.cause) }
func (e busyError) Unwrap() error { return ErrBusy }
