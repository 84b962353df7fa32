package httpresponse

import (
	"errors"
	"testing"
	"time"
)

// With several addresses, the time counts from the first attempt, and a failed attempt does not end it. The times of several
// connections are added.
func TestPhasesOfSeveralConnectionsAreAdded(t *testing.T) {
	c := newPhaseClock(func() {})
	c.markStart(&c.connecting)
	first := c.connecting
	c.markStart(&c.connecting)
	if c.connecting != first {
		t.Error("the second attempt changed the start")
	}
	c.markEnd(&c.connecting, &c.times.connect, errors.New("refused"))
	if c.readTimes().connect != -1 {
		t.Error("a failed attempt has a duration")
	}
	c.connecting = time.Now().Add(-time.Hour)
	c.markEnd(&c.connecting, &c.times.connect, nil)
	c.connecting = time.Now().Add(-time.Hour)
	c.markEnd(&c.connecting, &c.times.connect, nil)
	c.markEnd(&c.connecting, &c.times.connect, nil) // an attempt that another one overtook
	if got := c.readTimes(); got.connect < 2*time.Hour || got.connect > 3*time.Hour || got.dns != -1 {
		t.Errorf("%+v", got)
	}
}
