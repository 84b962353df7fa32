package sysloginput

import (
	"context"
	"time"
)

// deadline bounds how long a read waits: for the rest of a message that has begun, and when it is told to stop. A sender
// may be silent for as long as it likes.
type deadline struct {
	ctx     context.Context
	conn    interface{ SetReadDeadline(time.Time) error }
	timeout time.Duration // 0: none
	began   time.Time     // the message that is not complete; zero if there is none
	last    time.Time     // what was set
	stop    time.Time     // when to stop at the latest; zero while nobody wants that
	end     func() bool
}

// newDeadline makes a read that is under way when ctx is done end soon after.
func newDeadline(ctx context.Context, conn interface{ SetReadDeadline(time.Time) error }, timeout time.Duration) *deadline {
	d := &deadline{ctx: ctx, conn: conn, timeout: timeout}
	d.end = context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now().Add(lingering)) })
	return d
}

// set prepares for the next read. Pending is whether a message is incomplete, progress whether others were completed
// since the last call: then the incomplete one is another. An idle time that is not 0 bounds the next read as well.
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
		return // whoever ends it from here on sets the deadline after us
	}
	if d.stop.IsZero() {
		d.stop = now.Add(lingering)
	}
	_ = d.conn.SetReadDeadline(d.stop)
}
