package sysloginput

import (
	"context"
	"time"
)

// readDeadline bounds how long a read waits for the rest of an incomplete message, and how long it continues after ctx is done. A
// sender may be silent between messages for any time.
type readDeadline struct {
	ctx     context.Context
	conn    interface{ SetReadDeadline(time.Time) error }
	timeout time.Duration // 0: none
	began   time.Time     // when the incomplete message began; zero: there is none
	current time.Time     // the deadline that was set by the last call
	stopAt  time.Time     // when to stop at the latest; zero: ctx is not done
	release func() bool
}

// newDeadline returns a deadline that ends a running read soon after ctx is done.
func newDeadline(ctx context.Context, conn interface{ SetReadDeadline(time.Time) error }, timeout time.Duration) *readDeadline {
	d := &readDeadline{ctx: ctx, conn: conn, timeout: timeout}
	d.release = context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now().Add(lingerTime)) })
	return d
}

// setForRead sets the deadline of the next read. Pending means that a message is incomplete. Progress means that messages were
// completed since the last call, so that the incomplete one is new. An idle time that is not 0 bounds the next read too.
func (d *readDeadline) setForRead(pending, progress bool, idle time.Duration) {
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
	if at != d.current {
		_ = d.conn.SetReadDeadline(at)
		d.current = at
	}
	if d.ctx.Err() == nil {
		return // if ctx ends now, the AfterFunc replaces this deadline
	}
	if d.stopAt.IsZero() {
		d.stopAt = now.Add(maxLinger)
	}
	silentUntil := now.Add(lingerTime)
	if silentUntil.After(d.stopAt) {
		silentUntil = d.stopAt
	}
	_ = d.conn.SetReadDeadline(silentUntil)
}
