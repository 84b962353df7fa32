package embedded

import "time"

// waitForWrite is Session.WaitFor.
func (c *conn) waitForWrite(timeout time.Duration, try func() bool) bool {
	if c.inExec {
		return try()
	}
	attempt := func() (done bool, written <-chan struct{}) {
		c.server.serial.RLock()
		defer c.server.serial.RUnlock()
		written = c.Store.NextWrite() // before the attempt, so that no write is missed
		return try(), written
	}
	done, written := attempt()
	if done {
		return true
	}
	c.flush() // replies to earlier commands must not wait
	var expired <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	gone, stop := c.watchDisconnect()
	defer stop()
	for !done {
		select {
		case <-written:
			done, written = attempt()
		case <-expired:
			return false
		case <-gone:
			return false
		}
	}
	return true
}

// watchDisconnect reads ahead while a command blocks and closes the channel when
// the client is gone. The caller must call stop before it reads again.
func (c *conn) watchDisconnect() (gone <-chan struct{}, stop func()) {
	closed, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for more := true; more; {
			var err error
			more, err = c.in.ReadAhead()
			if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
				return // stop was called
			}
			if err != nil {
				close(closed)
				return
			}
		}
	}()
	return closed, func() {
		_ = c.net.SetReadDeadline(time.Unix(1, 0))
		<-ended
		_ = c.net.SetReadDeadline(time.Time{})
	}
}
