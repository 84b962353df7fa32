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

// WriteMetrics implements [outputs.MetricWriter]. It appends one entry per sample. A sample that is appended again has the same id.
func (w *MetricWriter) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	head := w.commandHead(w.config.MetricsStream)
	n := 0
	for _, b := range batches {
		n += b.Len()
	}
	c := sampleCursor{batches: batches}
	return w.appendEntries(ctx, w.config.MetricsStream, n, func(buf []byte, i int) []byte {
		s, ms, v := c.sampleAt(i)
		return w.appendSample(buf, head, s, ms, v)
	})
}

// sampleCursor finds the i-th sample of several batches. It is fast if the samples are requested in order.
type sampleCursor struct {
	batches []*telemetry.Batch
	batch   int
	before  int // samples in the batches before this one
}

func (c *sampleCursor) sampleAt(i int) (*telemetry.Series, int64, float64) {
	if i < c.before { // a redirection makes us send it again
		c.batch, c.before = 0, 0
	}
	for i-c.before >= c.batches[c.batch].Len() {
		c.before += c.batches[c.batch].Len()
		c.batch++
	}
	return c.batches[c.batch].Sample(i - c.before)
}

// entryTemplate holds the parts that all entries of a series have in common. It is cached in the memo slot of the series.
type entryTemplate struct {
	names    int    // number of names in args
	idSuffix string // "-" and a hash of the name and all labels; the id of an entry is "<ms>-<hash>"
	args     []byte // names and values as encoded arguments
}

func (w *Writer) templateOf(s *telemetry.Series) *entryTemplate {
	if e, ok := s.Memo(w.slot).(*entryTemplate); ok {
		return e
	}
	e := &entryTemplate{}
	h := fnv.New64a()
	_, _ = h.Write([]byte(tskey.Canonical(append([]telemetry.Label{{Key: "__name__", Value: s.Name()}}, s.Labels()...))))
	e.idSuffix = fmt.Sprintf("-%016x", h.Sum64())
	source := ""
	labels := []byte{'{'}
	for _, l := range s.Labels() {
		switch l.Key {
		case "host", "unit": // have names of their own in the entry
		case "source":
			source = l.Value
		default:
			if len(labels) > 1 {
				labels = append(labels, ',')
			}
			labels, _ = eventdoc.AppendString(labels, l.Key) // invalid UTF-8 becomes U+FFFD
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

// appendSample appends the command that stores a sample.
func (w *Writer) appendSample(buf, head []byte, s *telemetry.Series, ms int64, v float64) []byte {
	e := w.templateOf(s)
	buf = w.appendCommand(buf, head, e.names+3)
	buf = redisconn.AppendArg(buf, nameID)
	start := len(buf)
	buf = redisconn.WrapArg(append(telemetry.AppendStamp(buf, ms), e.idSuffix...), start)
	buf = append(buf, e.args...)
	buf = redisconn.AppendInt(redisconn.AppendArg(buf, "timestamp"), ms)
	var digits [32]byte
	return redisconn.AppendArg(redisconn.AppendArg(buf, "value"), strconv.AppendFloat(digits[:0], v, 'f', -1, 64))
}
