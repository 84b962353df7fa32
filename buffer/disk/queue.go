package disk

import (
	"log/slog"
	"math"
	"path/filepath"
	"slices"

	"github.com/rtcollector/rtcollector/buffer"
	"github.com/rtcollector/rtcollector/internal/selfstat"
)

// targetPayload is the size at which a record is closed. A crash cuts off at most what one append wrote.
const targetPayload = 64 << 10

// Codec tells a [Queue] about the data that it holds.
type Codec[T any] struct {
	Kind       Kind
	Count      func(T) int                                           // samples or events in an item
	Weigh      func(T) int                                           // in the unit of [Queue.Take]
	Split      func(item T, weight int) (head, rest T, divided bool) // as for [buffer.New]
	Skip       func(item T, n int) T                                 // the item without its first n samples or events
	MaxWeight  int                                                   // of what is in a record
	NewEncoder func() Encoder[T]                                     // for a new segment
	NewDecoder func() Decoder[T]                                     // for the next segment
}

// Encoder writes the items of one segment.
type Encoder[T any] interface {
	Append(buf []byte, item T) []byte
}

// Decoder reads the records of one segment in order. The payload may be anything: it is an error if it does not have count samples or
// events. The items do not refer to it.
type Decoder[T any] interface {
	Decode(payload []byte, count int) ([]T, error)
}

// Queue is the part of an output's queue that is on the disk. One goroutine appends, another one may take and settle at the same time.
type Queue[T any] struct {
	codec    Codec[T]
	segments *segments

	encoder Encoder[T] // of the active segment; guarded by segments.appending

	decoder Decoder[T] // of the segment that is being read
	ahead   *buffer.Queue[T]
	payload []byte // scratch
}

// NewQueue returns the queue of an output in the store. Nothing is read before [Queue.Open]. OnDrop is called with the number of
// samples or events that are lost, because the oldest segment was removed or one is damaged; it must not call the queue.
func NewQueue[T any](s *Store, output string, codec Codec[T], stats *selfstat.Disk, onDrop func(n int), log *slog.Logger) *Queue[T] {
	q := &Queue[T]{codec: codec, segments: &segments{
		store: s, kind: codec.Kind, folder: filepath.Join(s.path, folderName(output), string(codec.Kind)), log: log, stats: stats, onDrop: onDrop,
	}}
	q.resetAhead()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues = append(s.queues, q.segments)
	return q
}

func (q *Queue[T]) resetAhead() {
	q.ahead = buffer.New(math.MaxInt, math.MaxInt, q.codec.Weigh, q.codec.Split)
	q.decoder = nil
}

// Open opens the queue and finds what an earlier run left in it. It does nothing if that is done.
func (q *Queue[T]) Open() error { return q.segments.open() }

// Close closes the files. What is in the queue stays on the disk. Nothing else may be called afterwards.
func (q *Queue[T]) Close() { q.segments.close() }

// HasBacklog reports whether there is something to take.
func (q *Queue[T]) HasBacklog() bool { return q.segments.backlog.Load() > 0 }

// Append stores items. It returns those that are not stored, and why. The others are synced to the disk.
func (q *Queue[T]) Append(items []T) (rest []T, err error) {
	if err := q.Open(); err != nil {
		return items, err
	}
	s := q.segments
	s.appending.Lock()
	defer s.appending.Unlock()
	s.leaveUnusable()
	w := appendRun[T]{queue: q, items: slices.Clone(items)}
	w.noteSynced()
	if err := w.run(); err != nil {
		s.abandon()
		return w.rest, err
	}
	return nil, nil
}

// appendRun is one call of Append.
type appendRun[T any] struct {
	queue *Queue[T]
	items []T // not encoded yet; the first one may be the rest of an item
	rest  []T // not synced yet; appendRecord does not touch it

	buf            []byte // records that are not written yet
	records, count int    // since the last commit
}

// writeSize is how much is written at once.
const writeSize = 256 << 10

func (w *appendRun[T]) run() error {
	s := w.queue.segments
	for len(w.items) > 0 {
		if s.active == nil {
			if err := s.begin(); err != nil {
				return err
			}
			w.queue.encoder = w.queue.codec.NewEncoder()
		}
		w.appendRecord()
		isFull := s.written+int64(len(w.buf)) >= s.store.segmentSize
		if len(w.buf) >= writeSize || isFull || len(w.items) == 0 {
			if err := s.write(w.buf); err != nil {
				return err
			}
			w.buf = w.buf[:0]
		}
		if isFull || len(w.items) == 0 {
			if err := s.commit(w.records, w.count); err != nil {
				return err
			}
			w.noteSynced()
		}
		if isFull {
			s.finish()
		}
	}
	return nil
}

// noteSynced notes that everything that was encoded is on the disk.
func (w *appendRun[T]) noteSynced() {
	w.rest, w.records, w.count = slices.Clone(w.items), 0, 0
}

// appendRecord encodes items until the record has its size.
func (w *appendRun[T]) appendRecord() {
	c := w.queue.codec
	start, count, weight := len(w.buf), 0, 0
	w.buf = reserveRecord(w.buf)
	for len(w.items) > 0 && weight < c.MaxWeight && len(w.buf)-start < targetPayload {
		head, rest, divided := c.Split(w.items[0], c.MaxWeight-weight)
		w.buf = w.queue.encoder.Append(w.buf, head)
		count += c.Count(head)
		weight += max(1, c.Weigh(head))
		if divided {
			w.items[0] = rest
		} else {
			w.items = w.items[1:]
		}
	}
	sealRecord(w.buf[start:], count)
	w.records++
	w.count += count
}

// Take returns the oldest items up to a weight, splitting the last one if necessary. The lease ends with exactly one call of [Queue.Settle].
// After an error, which is one of the file system, there is no lease, and a later call tries the same again.
func (q *Queue[T]) Take(dst []T, weight int) (buffer.Lease[T], error) {
	for q.ahead.Weight() < weight {
		more, err := q.read()
		if q.ahead.Weight() == 0 && err != nil { // if there is something to return, the next call meets the error again
			return buffer.Lease[T]{}, err
		}
		if !more {
			break
		}
	}
	return q.ahead.Take(dst, weight), nil
}

// read reads one record ahead.
func (q *Queue[T]) read() (more bool, err error) {
	payload, m, isFirst, ok, err := q.segments.readRecord(q.payload)
	q.payload = payload[:0]
	if err != nil || !ok {
		return false, err
	}
	if isFirst || q.decoder == nil {
		q.decoder = q.codec.NewDecoder()
	}
	items, err := q.decoder.Decode(payload, m.left+m.settled)
	if err != nil {
		q.segments.failRecord(m, err)
		return true, nil
	}
	if cap(q.payload) > writeSize {
		q.payload = nil
	}
	if m.left == 0 && m.settled > 0 {
		return true, nil
	}
	skip := m.settled
	for _, item := range items {
		n := q.codec.Count(item)
		switch {
		case skip == 0:
			q.ahead.Push(item)
		case skip < n:
			q.ahead.Push(q.codec.Skip(item, skip))
			skip = 0
		default:
			skip -= n
		}
	}
	return true, nil
}

// Settle ends a lease: the first settled samples or events are delivered and removed from the disk. The items in rest will be taken again.
func (q *Queue[T]) Settle(lease buffer.Lease[T], settled int, rest []T) {
	lease.Settle(rest...)
	q.segments.settle(settled)
}

// Rewind forgets what was read ahead. The next call of Take reads it again. Until then, the oldest segments may be dropped.
func (q *Queue[T]) Rewind() {
	q.segments.rewind()
	q.resetAhead()
}
