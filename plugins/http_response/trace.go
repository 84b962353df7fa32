package httpresponse

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"
)

// times are the durations of the parts of a request, including redirects. Negative: the request had no such part.
type times struct {
	dns, connect, tls, firstByte time.Duration
}

// clock measures the times of one request. It is locked, because net/http may dial several addresses at once and continue after
// the request has ended.
type clock struct {
	mu                                 sync.Mutex
	began, lookup, connecting, shaking time.Time
	times                              times
	sent                               func()
}

func newClock(sent func()) *clock {
	return &clock{sent: sent, began: time.Now(), times: times{-1, -1, -1, -1}}
}

func (c *clock) read() times {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.times
}

// start sets the start of a part. The first of several counts.
func (c *clock) start(at *time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.IsZero() {
		*at = time.Now()
	}
}

// end adds the duration of a part that began at a time.
func (c *clock) end(at *time.Time, part *time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || at.IsZero() {
		return
	}
	*part = max(*part, 0) + time.Since(*at)
	*at = time.Time{}
}

func (c *clock) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { c.start(&c.lookup) },
		DNSDone:           func(i httptrace.DNSDoneInfo) { c.end(&c.lookup, &c.times.dns, i.Err) },
		ConnectStart:      func(string, string) { c.start(&c.connecting) },
		ConnectDone:       func(_, _ string, err error) { c.end(&c.connecting, &c.times.connect, err) },
		TLSHandshakeStart: func() { c.start(&c.shaking) },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { c.end(&c.shaking, &c.times.tls, err) },
		WroteRequest:      func(httptrace.WroteRequestInfo) { c.sent() },
		GotFirstResponseByte: func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.times.firstByte = time.Since(c.began) // of the last answer
		},
	}
}
