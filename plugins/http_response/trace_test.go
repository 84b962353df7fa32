package httpresponse

import (
	"errors"
	"testing"
	"time"
)

// Of several addresses the first attempt counts from its start, and one that fails does not end it; of several connections
// the times are added.
func TestClock(t *testing.T) {
	c := newClock(func() {})
	c.start(&c.connecting)
	first := c.connecting
	c.start(&c.connecting)
	if c.connecting != first {
		t.Error("the second attempt set the clock")
	}
	c.end(&c.connecting, &c.times.connect, errors.New("refused"))
	if c.read().connect != -1 {
		t.Error("a failed attempt is a time")
	}
	c.connecting = time.Now().Add(-time.Hour)
	c.end(&c.connecting, &c.times.connect, nil)
	c.connecting = time.Now().Add(-time.Hour)
	c.end(&c.connecting, &c.times.connect, nil)
	c.end(&c.connecting, &c.times.connect, nil) // an attempt that lost
	if got := c.read(); got.connect < 2*time.Hour || got.connect > 3*time.Hour || got.dns != -1 {
		t.Errorf("%+v", got)
	}
}
