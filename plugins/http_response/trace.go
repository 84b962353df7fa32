package httpresponse

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"
)

// phaseTimes are the durations of the parts of a request, including redirects. Negative: the request had no such part.
type phaseTimes struct {
	dns, connect, tls, firstByte time.Duration
}

// phaseClock measures the times of one request. It is locked, because net/http may dial several addresses at once and continue after
// the request has ended.
type phaseClock struct {
	mu                                 sync.Mutex
	began, lookup, connecting, shaking time.Time
	times                              phaseTimes
	sent                               func()
}

func newPhaseClock(sent func()) *phaseClock {
	return &phaseClock{sent: sent, began: time.Now(), times: phaseTimes{-1, -1, -1, -1}}
}

func (c *phaseClock) readTimes() phaseTimes {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.times
}

// markStart sets the start of a part. The first of several counts.
func (c *phaseClock) markStart(at *time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.IsZero() {
		*at = time.Now()
	}
}

// markEnd adds the duration of a part that began at a time.
func (c *phaseClock) markEnd(at *time.Time, part *time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || at.IsZero() {
		return
	}
	*part = max(*part, 0) + time.Since(*at)
	*at = time.Time{}
}

func (c *phaseClock) traceHooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { c.markStart(&c.lookup) },
		DNSDone:           func(i httptrace.DNSDoneInfo) { c.markEnd(&c.lookup, &c.times.dns, i.Err) },
		ConnectStart:      func(string, string) { c.markStart(&c.connecting) },
		ConnectDone:       func(_, _ string, err error) { c.markEnd(&c.connecting, &c.times.connect, err) },
		TLSHandshakeStart: func() { c.markStart(&c.shaking) },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { c.markEnd(&c.shaking, &c.times.tls, err) },
		WroteRequest:      func(httptrace.WroteRequestInfo) { c.sent() },
		GotFirstResponseByte: func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.times.firstByte = time.Since(c.began) // of the last answer
		},
	}
}
