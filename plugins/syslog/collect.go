package sysloginput

import (
	"context"
	"strconv"
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
)

// collector makes batches of events for one goroutine.
type collector struct {
	l      *listener
	parser *syslogmsg.Parser
	events []telemetry.Event
	bytes  int
}

func (l *listener) collector() *collector {
	return &collector{l: l, parser: syslogmsg.New(l.config.parsing())}
}

// takeAll takes the messages that are there, hands them over and returns how many there were.
func (c *collector) takeAll(ctx context.Context, f *frames, peer string) (taken int, err error) {
	for {
		message, cut, ok, err := f.next()
		if !ok || err != nil {
			c.flush(ctx)
			return taken, err
		}
		taken++
		c.add(ctx, message, cut, peer)
	}
}

// add takes a message of a sender.
func (c *collector) add(ctx context.Context, message []byte, cut bool, peer string) {
	c.events = append(c.events, telemetry.Event{})
	e := &c.events[len(c.events)-1]
	n := &c.l.counts
	facility, err := c.parser.Parse(message, time.Now(), e)
	if err != nil {
		n.malformed.Add(1)
	}
	if cut {
		n.cut.Add(1)
		e.Fields = append(e.Fields, telemetry.Label{Key: fieldCut, Value: strconv.Itoa(len(message))})
	}
	n.severities[e.Severity].Add(1)
	n.facilities[facility].Add(1)
	n.heard(peer, 1)
	if peer != local {
		e.Fields = append(e.Fields, telemetry.Label{Key: eventdoc.RemoteIP, Value: peer})
	}
	if e.Host == "" && peer != local {
		e.Host = peer
	} else if e.Host == "" {
		e.Host = c.l.host
	}
	if c.bytes += len(message); len(c.events) >= maxBatch || c.bytes >= maxBatchBytes {
		c.flush(ctx)
	}
}

// flush hands over what there is. It waits where that is wanted, so that the sender has to wait, too.
func (c *collector) flush(ctx context.Context) {
	if len(c.events) == 0 {
		return
	}
	now := time.Now()
	b := telemetry.NewBatch(now, now, 0)
	b.Events = c.events
	c.events, c.bytes = make([]telemetry.Event, 0, len(c.events)), 0
	c.l.out.Emit(ctx, b)
}
