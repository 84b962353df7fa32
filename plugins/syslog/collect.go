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
	// fieldCut is the field of a truncated message. Its value is the number of bytes that were kept.
	fieldCut = "cut_at"

	// Messages are emitted when no more are waiting, or when a batch reaches these limits.
	maxBatch      = 1000
	maxBatchBytes = 1 << 20

	// maxKeptFields bounds the memory for fields that a collector keeps in each event.
	maxKeptFields = 16
)

// collector makes batches of events. A goroutine with messages borrows one from its listener and returns it after the batch was
// emitted. This bounds the memory of events that wait for buffer space, independent of the number of senders.
type collector struct {
	listener   *listener
	parser     *syslogmsg.Parser
	events     []telemetry.Event // their fields are reused as well
	fieldCount int
	byteCount  int

	peer      string // the sender of the last messages
	uncounted int64  // messages of peer that are not counted yet
}

func (l *listener) newCollector() *collector {
	return &collector{listener: l, parser: syslogmsg.New(l.config.parserSettings())}
}

// emitComplete emits the messages that are complete and returns how many there were.
func (l *listener) emitComplete(ctx context.Context, f *frames, peer string) (taken int, err error) {
	message, cut, ok, err := f.nextMessage()
	if !ok {
		return 0, err
	}
	c, returnCollector := l.borrowCollector()
	defer returnCollector()
	for now := time.Now(); ok; message, cut, ok, err = f.nextMessage() {
		taken++
		c.addMessage(ctx, message, cut, peer, now)
	}
	c.flush(ctx)
	return taken, err
}

// borrowCollector returns a collector and a function that returns it. If it panicked with events left, a new collector replaces it.
func (l *listener) borrowCollector() (c *collector, returnCollector func()) {
	c = <-l.collectors
	return c, func() {
		if len(c.events) > 0 {
			c = l.newCollector()
		}
		l.collectors <- c
	}
}

// emitRest emits what is left of a connection that has ended.
func (l *listener) emitRest(ctx context.Context, f *frames, peer string) {
	message, cut := f.takeRest()
	if len(message) == 0 {
		return
	}
	c, returnCollector := l.borrowCollector()
	defer returnCollector()
	c.addMessage(ctx, message, cut, peer, time.Now())
	c.flush(ctx)
}

// addMessage adds a message of a sender.
func (c *collector) addMessage(ctx context.Context, message []byte, cut bool, peer string, now time.Time) {
	e := c.nextEvent()
	n := &c.listener.counts
	facility, err := c.parser.Parse(message, now, e)
	if err != nil {
		n.malformed.Add(1)
	}
	if cut {
		n.truncated.Add(1)
		e.Fields = append(e.Fields, telemetry.Int(fieldCut, int64(len(message))))
	}
	n.severities[e.Severity].Add(1)
	n.facilities[facility].Add(1)
	if peer != c.peer {
		c.countMessages()
		c.peer = peer
	}
	c.uncounted++
	if peer != localPeer {
		e.Fields = append(e.Fields, telemetry.Text(eventdoc.RemoteIP, peer))
	}
	if e.Host == "" && peer != localPeer {
		e.Host = peer
	} else if e.Host == "" {
		e.Host = c.listener.host
	}
	c.fieldCount += len(e.Fields)
	if c.byteCount += len(message); len(c.events) >= maxBatch || c.byteCount >= maxBatchBytes {
		c.flush(ctx)
	}
}

// nextEvent returns an empty event at the end of the batch.
func (c *collector) nextEvent() *telemetry.Event {
	n := len(c.events)
	if n == cap(c.events) {
		c.events = slices.Grow(c.events, 1)
	}
	c.events = c.events[:n+1]
	return &c.events[n]
}

// countMessages counts the messages of the last sender.
func (c *collector) countMessages() {
	if c.uncounted > 0 {
		c.listener.counts.countMessages(c.peer, c.uncounted)
		c.uncounted = 0
	}
}

// flush emits the events. It waits for buffer space if so configured, which slows down the sender.
func (c *collector) flush(ctx context.Context) {
	if len(c.events) == 0 {
		return
	}
	c.countMessages()
	now := time.Now()
	b := telemetry.NewBatch(now, now, 0)
	b.Events = c.takeEvents()
	c.listener.out.Emit(ctx, b)
}

// takeEvents returns a copy of the events that uses no more memory than needed.
func (c *collector) takeEvents() []telemetry.Event {
	events, fields := slices.Clone(c.events), make([]telemetry.Field, 0, c.fieldCount)
	for i := range events {
		from, used := len(fields), c.events[i].Fields
		fields = append(fields, used...)
		events[i].Fields = fields[from:len(fields):len(fields)]
		clear(used)
		if cap(used) > maxKeptFields {
			used = nil
		}
		c.events[i] = telemetry.Event{Fields: used[:0]}
	}
	c.events, c.fieldCount, c.byteCount = c.events[:0], 0, 0
	return events
}
