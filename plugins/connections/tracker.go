package connections

import (
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/remotename"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Limits of what the tracker keeps.
const (
	maxTracked = 65_536          // connections at a time; the others are counted as missed
	maxWaiting = 16_384          // connections whose events wait for a name; more get none
	maxEvents  = 32_768          // events that wait for the outputs
	nameWait   = 3 * time.Second // how long an event waits for a name
)

// tracker knows the connections of the watched processes. The sources tell it what they see; it makes the events and counts. All of it is
// guarded by the input's lock.
type tracker struct {
	config    *Config
	watcher   *watcher
	processes *proctable.Table[verdict]
	users     *proctable.Users
	names     remotename.Namer // nil: names are off
	runID     string
	host      string

	last    uint64 // number of the last connection
	open    map[*connection]struct{}
	inodes  map[uint64]*connection // see byInode
	lists   uint64                 // lists of sockets so far
	waiting []*connection          // not announced yet, in the order in which they were opened
	retries retries
	alerts  alerter
	totals  map[totalsKey]*totals
	missed  uint64 // connections beyond maxTracked

	events        []telemetry.Event // that wait to be emitted
	droppedEvents uint64            // because the outputs take too few
}

// begin starts to track a connection. It returns nil if there are too many.
func (t *tracker) begin(c *connection) *connection {
	if len(t.open) >= maxTracked {
		t.missed++
		return nil
	}
	t.last++
	c.number, c.listed = t.last, t.lists
	if p := c.process; p != nil {
		c.comm, c.cmdline, c.ancestry, c.provider = p.Comm, p.Cmdline, p.Ancestry(), p.Info.provider
	}
	t.open[c] = struct{}{}
	if c.direction != connlog.Listen {
		t.count(c).open()
	}
	return c
}

// establish records that a connection exists: from now on it has an event.
func (t *tracker) establish(c *connection, at time.Time) {
	if !c.established.IsZero() {
		return
	}
	c.established = at
	if c.process != nil && c.direction == connlog.Out {
		c.retries = t.retries.count(c, at, t.config.RetryWindow.D())
	}
	t.wait(c)
}

// fail records that a connection could not be made.
func (t *tracker) fail(c *connection, at time.Time, reason string) {
	c.err, c.closed = reason, at
	if c.process != nil {
		c.retries = t.retries.count(c, at, t.config.RetryWindow.D())
	}
	t.wait(c)
}

// end records that a connection has ended.
func (t *tracker) end(c *connection, at time.Time, reason string) {
	if !c.closed.IsZero() {
		return
	}
	c.closed, c.reason = at, reason
	if c.announced {
		t.finish(c)
	}
}

// wait keeps the events of a connection until its name is known.
func (t *tracker) wait(c *connection) {
	if t.names != nil && c.remote.IsValid() && len(t.waiting) < maxWaiting {
		if !t.lookUp(c) {
			t.waiting = append(t.waiting, c)
			return
		}
	}
	t.announce(c)
}

// lookUp asks for the name of a connection's remote end. final is false if it may still change.
func (t *tracker) lookUp(c *connection) (final bool) {
	name, final := t.names.Lookup(c.endpoint())
	if name.Name != "" {
		c.name = name
	}
	return final
}

// announceNamed announces the connections whose names are known by now, or have taken too long.
func (t *tracker) announceNamed(now time.Time) {
	rest := t.waiting[:0]
	for _, c := range t.waiting {
		if t.lookUp(c) || now.Sub(c.connectTime()) >= nameWait {
			t.announce(c)
		} else {
			rest = append(rest, c)
		}
	}
	clear(t.waiting[len(rest):])
	t.waiting = rest
}

// announce makes the connect event of a connection, and its close event if it has ended already.
func (t *tracker) announce(c *connection) {
	c.announced = true
	t.setProvider(c)
	at := c.connectTime()
	e := t.event(connlog.Connect, c, at)
	e.Message = e.Summary()
	t.emit(&e)
	if c.direction != connlog.Listen {
		t.alerts.checkName(t, c, at)
	}
	switch {
	case c.err != "":
		t.count(c).failed++
		t.forget(c)
		return
	case c.direction != connlog.Listen:
		t.count(c).opened++
		t.alerts.checkNumbers(t, c, at)
	}
	if !c.closed.IsZero() {
		t.finish(c)
	}
}

// setProvider decides on the provider of a connection whose process belongs to none: then the remote end counts.
func (t *tracker) setProvider(c *connection) {
	if c.provider != "" || c.name.Name == "" {
		return
	}
	provider := t.watcher.providerOfDomain(&c.name)
	if provider == "" {
		return
	}
	t.count(c).move()
	c.provider = provider
	t.count(c).open()
}

// finish makes the close event of a connection and forgets it.
func (t *tracker) finish(c *connection) {
	e := t.event(connlog.Close, c, c.closed)
	e.Reason = c.reason
	e.Duration, e.HasDuration = c.duration(c.closed)
	e.Message = e.Summary()
	t.emit(&e)
	if c.direction != connlog.Listen {
		t.count(c).closed++
	}
	t.forget(c)
}

func (t *tracker) forget(c *connection) {
	delete(t.open, c)
	if c.direction != connlog.Listen {
		t.count(c).active--
	}
	if t.names != nil && c.remote.IsValid() {
		t.names.Closed(c.endpoint())
	}
}

// setBytes records how many bytes a connection has carried. Numbers that fall are those of another socket.
func (t *tracker) setBytes(c *connection, tx, rx uint64) {
	sum := t.count(c)
	if n := int64(tx); n >= max(c.tx, 0) {
		sum.tx += uint64(n - max(c.tx, 0))
		c.tx = n
	}
	if n := int64(rx); n >= max(c.rx, 0) {
		sum.rx += uint64(n - max(c.rx, 0))
		c.rx = n
	}
}

// shutDown makes the events of everything that is still open.
func (t *tracker) shutDown(now time.Time) {
	for _, c := range t.waiting {
		t.announce(c)
	}
	t.waiting = nil
	for c := range t.open {
		if !c.established.IsZero() {
			t.end(c, now, connlog.ClosedByShutdown)
		}
	}
}

// emit adds an event to those that wait to be emitted. If the outputs make too many wait, it drops the oldest quarter.
func (t *tracker) emit(e *connlog.Event) {
	if len(t.events) >= maxEvents {
		t.events = slices.Delete(t.events, 0, maxEvents/4)
		t.droppedEvents += maxEvents / 4
	}
	t.events = append(t.events, e.Telemetry())
}

// takeEvents returns the events that wait to be emitted.
func (t *tracker) takeEvents() []telemetry.Event {
	events := t.events
	t.events = nil
	return events
}
