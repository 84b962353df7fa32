package redisstreams

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// WriteMetrics implements [outputs.MetricWriter]: one entry per sample. A sample that is appended again has the same
// ID.
func (w *MetricWriter) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	head := w.head(w.config.MetricsStream)
	n := 0
	for _, b := range batches {
		n += b.Len()
	}
	c := cursor{batches: batches}
	return w.append(ctx, w.config.MetricsStream, n, func(buf []byte, i int) []byte {
		s, ms, v := c.sample(i)
		return w.appendSample(buf, head, s, ms, v)
	})
}

// cursor finds the i-th sample of several batches; cheap when they are asked for in their order.
type cursor struct {
	batches []*telemetry.Batch
	batch   int
	before  int // samples in the batches before this one
}

func (c *cursor) sample(i int) (*telemetry.Series, int64, float64) {
	if i < c.before { // sent again after a redirection
		c.batch, c.before = 0, 0
	}
	for i-c.before >= c.batches[c.batch].Len() {
		c.before += c.batches[c.batch].Len()
		c.batch++
	}
	return c.batches[c.batch].Sample(i - c.before)
}

// entry is what stays the same in all entries of a series, kept in the series itself. It depends on nothing else.
type entry struct {
	names int    // how many the entries have
	hash  string // "-" and the second half of the ID
	args  []byte // names and values as arguments
}

func (w *Writer) entryOf(s *telemetry.Series) *entry {
	if e, ok := s.Memo(w.slot).(*entry); ok {
		return e
	}
	e := &entry{}
	h := fnv.New64a()
	_, _ = h.Write([]byte(tskey.Canonical(append([]telemetry.Label{{Key: "__name__", Value: s.Name()}}, s.Labels()...))))
	e.hash = fmt.Sprintf("-%016x", h.Sum64())
	source := ""
	labels := []byte{'{'}
	for _, l := range s.Labels() {
		switch l.Key {
		case "host", "unit":
		case "source":
			source = l.Value
		default:
			if len(labels) > 1 {
				labels = append(labels, ',')
			}
			labels, _ = eventdoc.AppendString(labels, l.Key)
			labels, _ = eventdoc.AppendString(append(labels, ':'), l.Value)
		}
	}
	labels = append(labels, '}')
	for _, pair := range [][2]string{
		{"name", s.Name()}, {"host", s.Host()}, {"source", source}, {"unit", string(s.Unit())}, {"labels", string(labels)},
	} {
		if pair[1] != "" {
			e.args = redisconn.AppendArg(redisconn.AppendArg(e.args, pair[0]), pair[1])
			e.names++
		}
	}
	s.SetMemo(w.slot, e)
	return e
}

// appendSample appends the command for a sample.
func (w *Writer) appendSample(buf, head []byte, s *telemetry.Series, ms int64, v float64) []byte {
	e := w.entryOf(s)
	buf = w.appendCommand(buf, head, e.names+3)
	buf = redisconn.AppendArg(buf, nameID)
	start := len(buf)
	buf = redisconn.WrapArg(append(telemetry.AppendStamp(buf, ms), e.hash...), start)
	buf = append(buf, e.args...)
	buf = redisconn.AppendInt(redisconn.AppendArg(buf, "timestamp"), ms)
	var digits [32]byte
	return redisconn.AppendArg(redisconn.AppendArg(buf, "value"), strconv.AppendFloat(digits[:0], v, 'f', -1, 64))
}
