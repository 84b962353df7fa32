package httpresponse

import (
	"errors"
	"testing"
	"time"
)

// Of several addresses the first attempt counts from its start, and one that fails does not end it; of several connections
// the times are added.
func TestPhasesOfSeveralConnectionsAreAdded(t *testing.T) {
	c := newPhaseClock(func() {})
	c.markStart(&c.connecting)
	first := c.connecting
	c.markStart(&c.connecting)
	if c.connecting != first {
		t.Error("the second attempt set the clock")
	}
	c.markEnd(&c.connecting, &c.times.connect, errors.New("refused"))
	if c.readTimes().connect != -1 {
		t.Error("a failed attempt is a time")
	}
	c.connecting = time.Now().Add(-time.Hour)
	c.markEnd(&c.connecting, &c.times.connect, nil)
	c.connecting = time.Now().Add(-time.Hour)
	c.markEnd(&c.connecting, &c.times.connect, nil)
	c.markEnd(&c.connecting, &c.times.connect, nil) // an attempt that lost
	if got := c.readTimes(); got.connect < 2*time.Hour || got.connect > 3*time.Hour || got.dns != -1 {
		t.Errorf("%+v", got)
	}
}
