package sysloginput

import (
	"context"
	"time"
)

// deadline bounds how long a read waits for the rest of an incomplete message, and how long it continues after ctx is done. A
// sender may be silent between messages for any time.
type deadline struct {
	ctx     context.Context
	conn    interface{ SetReadDeadline(time.Time) error }
	timeout time.Duration // 0: none
	began   time.Time     // when the incomplete message began; zero: there is none
	last    time.Time     // the deadline that was set last
	stop    time.Time     // when to stop at the latest; zero: ctx is not done
	end     func() bool
}

// newDeadline returns a deadline that ends a running read soon after ctx is done.
func newDeadline(ctx context.Context, conn interface{ SetReadDeadline(time.Time) error }, timeout time.Duration) *deadline {
	d := &deadline{ctx: ctx, conn: conn, timeout: timeout}
	d.end = context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now().Add(lingering)) })
	return d
}

// set prepares for the next read. Pending reports whether a message is incomplete. Progress reports whether messages were completed
// since the last call, so that the incomplete one is new. An idle time that is not 0 bounds the next read as well.
func (d *deadline) set(pending, progress bool, idle time.Duration) {
	now := time.Now()
	if !pending {
		d.began = time.Time{}
	} else if d.began.IsZero() || progress {
		d.began = now
	}
	var at time.Time
	if d.timeout > 0 && !d.began.IsZero() {
		at = d.began.Add(d.timeout)
	}
	if soon := now.Add(idle); idle > 0 && (at.IsZero() || soon.Before(at)) {
		at = soon
	}
	if at != d.last {
		_ = d.conn.SetReadDeadline(at)
		d.last = at
	}
	if d.ctx.Err() == nil {
		return // if ctx ends now, its function sets the deadline after us
	}
	if d.stop.IsZero() {
		d.stop = now.Add(lingering)
	}
	_ = d.conn.SetReadDeadline(d.stop)
}
