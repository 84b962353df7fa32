package redistimeseries

import (
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

type state uint8

const (
	unknown  state = iota // not looked at yet, or gone
	ready                 // is in Redis with its labels
	refused               // cannot be written, such as a key of another type
	doubtful              // could not be created, for a reason that may concern the server and not the series
)

// entry is what the output keeps of a series, in the series itself.
type entry struct {
	owner *Writer // a slot may have belonged to an output that no longer exists
	arg   []byte  // the key as an argument: "$3\r\nkey\r\n"
	round uint64  // of the ensure that last collected it
	epoch uint64  // in which it was refused
	hash  uint16  // the key's slot in a cluster
	state state
	said  bool   // that it was refused
	moves uint32 // slots that had moved when it was looked at last

	lacksTiers bool // since that epoch: compactions could not be created
}

func (e *entry) setKey(key string, slot int) {
	e.arg = redisconn.AppendArg(make([]byte, 0, len(key)+8), key)
	e.hash = uint16(slot)
}

// entryOf returns what is kept of a series, or nil.
func (w *Writer) entryOf(s *telemetry.Series) *entry {
	e, ok := s.Memo(w.slot).(*entry)
	if !ok || e.owner != w {
		return nil
	}
	return e
}

// candidate is a series that must be found or made in Redis.
type candidate struct {
	entry  *entry // nil for a compacted series, which nothing is written to
	series *telemetry.Series
	shape  *shape
	labels []telemetry.Label
	key    string // that it got in the end

	identity []telemetry.Label // known when somebody else may have the key; see identify
	id       string            // its canonical form
}

func (w *Writer) candidate(s *telemetry.Series, e *entry) *candidate {
	c := &candidate{entry: e, series: s, shape: w.shapeOf(s)}
	if s == w.alive {
		c.labels = tskey.LivenessLabels(w.host)
		c.identity, c.id = c.labels, tskey.Canonical(c.labels)
	} else if c.shape.Labels {
		c.labels = tskey.Labels(s)
	}
	return c
}

// identify works out what the series is apart from its key: only needed where keys meet.
func (c *candidate) identify() {
	if c.identity == nil {
		c.identity = tskey.Identity(c.series)
		c.id = tskey.Canonical(c.identity)
	}
}

func (w *Writer) keyOf(s *telemetry.Series) string {
	if s == w.alive {
		return w.naming.Liveness(w.host)
	}
	return w.naming.Key(s)
}
