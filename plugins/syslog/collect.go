package sysloginput

import (
	"context"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/syslogmsg"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	// fieldCut says how many bytes there are of a message that was longer.
	fieldCut = "cut_at"

	// Messages are handed over when no more of them are there, or when there are so many.
	maxBatch      = 1000
	maxBatchBytes = 1 << 20

	// keptFields is for how many fields a collector keeps room in each event.
	keptFields = 16
)

// collector makes batches of events. A goroutine that has messages takes one of its listener's, and gives it back when it
// has handed them over: of what waits for room in a buffer there is no more than they can hold, however many send.
type collector struct {
	l      *listener
	parser *syslogmsg.Parser
	events []telemetry.Event // their fields are reused, too
	fields int
	bytes  int

	peer  string // who sent the last messages
	heard int64  // how many; they are not counted yet
}

func (l *listener) collector() *collector {
	return &collector{l: l, parser: syslogmsg.New(l.config.parsing())}
}

// takeAll takes the messages that are there, hands them over and returns how many there were.
func (l *listener) takeAll(ctx context.Context, f *frames, peer string) (taken int, err error) {
	message, cut, ok, err := f.next()
	if !ok {
		return 0, err
	}
	c, giveBack := l.borrow()
	defer giveBack()
	for now := time.Now(); ok; message, cut, ok, err = f.next() {
		taken++
		c.add(ctx, message, cut, peer, now)
	}
	c.flush(ctx)
	return taken, err
}

// borrow returns a collector, and what gives it back; after a panic that is a new one.
func (l *listener) borrow() (c *collector, giveBack func()) {
	c = <-l.collectors
	return c, func() {
		if len(c.events) > 0 {
			c = l.collector()
		}
		l.collectors <- c
	}
}

// takeRest takes what is left of a connection that has ended.
func (l *listener) takeRest(ctx context.Context, f *frames, peer string) {
	message, cut := f.rest()
	if len(message) == 0 {
		return
	}
	c, giveBack := l.borrow()
	defer giveBack()
	c.add(ctx, message, cut, peer, time.Now())
	c.flush(ctx)
}

// add takes a message of a sender.
func (c *collector) add(ctx context.Context, message []byte, cut bool, peer string, now time.Time) {
	e := c.next()
	n := &c.l.counts
	facility, err := c.parser.Parse(message, now, e)
	if err != nil {
		n.malformed.Add(1)
	}
	if cut {
		n.cut.Add(1)
		e.Fields = append(e.Fields, telemetry.Int(fieldCut, int64(len(message))))
	}
	n.severities[e.Severity].Add(1)
	n.facilities[facility].Add(1)
	if peer != c.peer {
		c.count()
		c.peer = peer
	}
	c.heard++
	if peer != local {
		e.Fields = append(e.Fields, telemetry.Text(eventdoc.RemoteIP, peer))
	}
	if e.Host == "" && peer != local {
		e.Host = peer
	} else if e.Host == "" {
		e.Host = c.l.host
	}
	c.fields += len(e.Fields)
	if c.bytes += len(message); len(c.events) >= maxBatch || c.bytes >= maxBatchBytes {
		c.flush(ctx)
	}
}

// next returns an empty event at the end of the batch.
func (c *collector) next() *telemetry.Event {
	n := len(c.events)
	if n == cap(c.events) {
		c.events = slices.Grow(c.events, 1)
	}
	c.events = c.events[:n+1]
	return &c.events[n]
}

// count counts the messages of the last sender.
func (c *collector) count() {
	if c.heard > 0 {
		c.l.counts.heard(c.peer, c.heard)
		c.heard = 0
	}
}

// flush hands over what there is. It waits where that is wanted, so that the sender has to wait, too.
func (c *collector) flush(ctx context.Context) {
	if len(c.events) == 0 {
		return
	}
	c.count()
	now := time.Now()
	b := telemetry.NewBatch(now, now, 0)
	b.Events = c.take()
	c.l.out.Emit(ctx, b)
}

// take returns the events, which then take no more memory than they need.
func (c *collector) take() []telemetry.Event {
	events, fields := slices.Clone(c.events), make([]telemetry.Field, 0, c.fields)
	for i := range events {
		from, used := len(fields), c.events[i].Fields
		fields = append(fields, used...)
		events[i].Fields = fields[from:len(fields):len(fields)]
		clear(used)
		if cap(used) > keptFields {
			used = nil
		}
		c.events[i] = telemetry.Event{Fields: used[:0]}
	}
	c.events, c.fields, c.bytes = c.events[:0], 0, 0
	return events
}
