package embedded

import (
	"math"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errWaitFormat = "ERR timeout is not a float or out of range"
	errWaitRange  = "ERR timeout is out of range"
	errWaitSign   = "ERR timeout is negative"
	maxWaitMillis = math.MaxInt32 * 1000
)

// parseTimeout reads seconds; 0 waits for ever.
func parseTimeout(word []byte) (time.Duration, resp.Error) {
	v, ok := resp.ParseDouble(word)
	switch {
	case !ok || math.IsNaN(v):
		return 0, errWaitFormat
	case v < 0:
		return 0, errWaitSign
	case v*1000 > maxWaitMillis:
		return 0, errWaitRange
	}
	return time.Duration(math.Ceil(v*1000)) * time.Millisecond, ""
}

// block runs try until it returns true, after every write to an ordinary key.
// It returns false when the time is up, the client is gone or a transaction,
// which does not wait, runs it. A wait of 0 has no end.
func (c *conn) block(wait time.Duration, try func() bool) bool {
	if c.inExec {
		return try()
	}
	attempt := func() (done bool, written <-chan struct{}) {
		c.srv.serial.RLock()
		defer c.srv.serial.RUnlock()
		written = c.srv.store.nextWrite() // before looking, so that no write is missed
		return try(), written
	}
	done, written := attempt()
	if done {
		return true
	}
	c.flush() // replies to earlier commands need not wait with it
	var timeout <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timeout = t.C
	}
	gone, stop := c.watchDisconnect()
	defer stop()
	for !done {
		select {
		case <-written:
			done, written = attempt()
		case <-timeout:
			return false
		case <-gone:
			return false
		}
	}
	return true
}

// watchDisconnect reads ahead while a command blocks, to notice that the client
// is gone. Call stop when the command is done.
func (c *conn) watchDisconnect() (gone <-chan struct{}, stop func()) {
	closed, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for more := true; more; {
			var err error
			more, err = c.in.ReadAhead()
			if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
				return
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

// nextWrite returns a channel that is closed by the next write to an ordinary
// key.
func (st *store) nextWrite() <-chan struct{} {
	st.waiting.Lock()
	defer st.waiting.Unlock()
	if st.written == nil {
		st.written = make(chan struct{})
	}
	return st.written
}

// wake lets blocked clients look again.
func (st *store) wake() {
	st.waiting.Lock()
	defer st.waiting.Unlock()
	if st.written != nil {
		close(st.written)
		st.written = nil
	}
}
