package disk

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// The payload of a record of samples is a list of sections. A series is defined once per segment, before its first sample, and its
// number is that of the definition. The value of a sample is the difference (XOR) to the one before it of the same series in this
// segment: a byte says how many bytes of that are written and how many zero bytes follow; its highest bit is set if the series is not
// the one after that of the sample before.
const (
	sectionSeries = 1 // a definition
	sectionBatch  = 2 // time, samples
	sectionTimed  = 3 // time, samples with times of their own, as differences to the one before
	sectionEnded  = 4 // the numbers of the series that ended with the batch before

	lengthMask = 0x0f // of the byte before a value
	shiftMask  = 0x07 // after shifting it by 4
	jumpBit    = 0x80
)

var errPayload = errors.New("a record does not have the layout of samples")

// SampleCodec returns the codec for batches of samples.
func SampleCodec() Codec[*telemetry.Batch] {
	known := &interner{}
	return Codec[*telemetry.Batch]{
		Kind:  Samples,
		Count: (*telemetry.Batch).Len,
		Weigh: (*telemetry.Batch).Len,
		Split: func(b *telemetry.Batch, weight int) (head, rest *telemetry.Batch, divided bool) {
			if weight = max(weight, 1); b.Len() <= weight {
				return b, nil, false
			}
			return b.Slice(0, weight), b.Slice(weight, b.Len()), true
		},
		Skip:       func(b *telemetry.Batch, n int) *telemetry.Batch { return b.Slice(n, b.Len()) },
		MaxWeight:  4096,
		NewEncoder: func() Encoder[*telemetry.Batch] { return &sampleEncoder{numbers: map[*telemetry.Series]int{}} },
		NewDecoder: func() Decoder[*telemetry.Batch] {
			known.rotate()
			return &sampleDecoder{known: known}
		},
	}
}

// sampleEncoder writes the samples of one segment.
type sampleEncoder struct {
	numbers map[*telemetry.Series]int
	last    []uint64 // value of each series, as bits
	samples []byte   // scratch
}

func (e *sampleEncoder) number(buf []byte, s *telemetry.Series) ([]byte, int) {
	n, known := e.numbers[s]
	if !known {
		n = len(e.last)
		e.numbers[s], e.last = n, append(e.last, 0)
		buf = appendSeries(append(buf, sectionSeries), s.Describe())
	}
	return buf, n
}

// Append implements [Encoder].
func (e *sampleEncoder) Append(buf []byte, b *telemetry.Batch) []byte {
	section := byte(sectionBatch)
	for i := range b.Len() {
		if _, ms, _ := b.Sample(i); ms != b.Time {
			section = sectionTimed
			break
		}
	}
	samples, next, before := e.samples[:0], 0, b.Time
	for i := range b.Len() {
		s, ms, v := b.Sample(i)
		var n int
		buf, n = e.number(buf, s)
		x := math.Float64bits(v) ^ e.last[n]
		e.last[n] ^= x
		zeros := 0
		if x != 0 {
			zeros = bits.TrailingZeros64(x) / 8
			x >>= 8 * zeros
		}
		length := (bits.Len64(x) + 7) / 8
		if n == next {
			samples = append(samples, byte(zeros<<4|length))
		} else {
			samples = append(samples, jumpBit|byte(zeros<<4|length))
			samples = binary.AppendVarint(samples, int64(n-next))
		}
		next = n + 1
		samples = binary.LittleEndian.AppendUint64(samples, x)
		samples = samples[:len(samples)-8+length]
		if section == sectionTimed {
			samples = binary.AppendVarint(samples, ms-before)
			before = ms
		}
	}
	ended := make([]int, 0, len(b.Ended()))
	for _, s := range b.Ended() {
		var n int
		buf, n = e.number(buf, s)
		ended = append(ended, n)
	}
	buf = binary.AppendVarint(append(buf, section), b.Time)
	buf = binary.AppendUvarint(buf, uint64(b.Len()))
	buf = append(buf, samples...)
	if len(ended) > 0 {
		buf = binary.AppendUvarint(append(buf, sectionEnded), uint64(len(ended)))
		for _, n := range ended {
			buf = binary.AppendUvarint(buf, uint64(n))
		}
	}
	e.samples = samples
	return buf
}

func appendSeries(buf []byte, d telemetry.Description) []byte {
	buf = appendString(appendString(appendString(buf, d.Name), string(d.Unit)), d.Host)
	buf = binary.AppendVarint(append(buf, byte(d.Kind)), int64(d.Interval))
	buf = binary.AppendVarint(buf, int64(d.TTL))
	return appendLabels(appendLabels(buf, d.Labels), d.Instance)
}

func appendLabels(buf []byte, labels []telemetry.Label) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(labels)))
	for _, l := range labels {
		buf = appendString(appendString(buf, l.Key), l.Value)
	}
	return buf
}

func (s *scanner) labels() []telemetry.Label {
	labels := make([]telemetry.Label, s.count(2))
	for i := range labels {
		labels[i] = telemetry.Label{Key: s.string(), Value: s.string()}
	}
	return labels
}

func (s *scanner) series() telemetry.Description {
	d := telemetry.Description{Name: s.string(), Unit: telemetry.Unit(s.string()), Host: s.string(), Kind: telemetry.Kind(s.byte())}
	d.Interval, d.TTL = time.Duration(s.varint()), time.Duration(s.varint())
	d.Labels, d.Instance = s.labels(), s.labels()
	if d.Kind > telemetry.Counter || d.Name == "" {
		s.fail()
	}
	return d
}

// interner finds the handle of a series that an earlier segment defined, too, so that outputs look it up once. It knows the series of
// two segments, which bounds its memory.
type interner struct{ before, current map[string]*telemetry.Series }

func (i *interner) rotate() { i.before, i.current = i.current, map[string]*telemetry.Series{} }

// find returns the series that a definition describes.
func (i *interner) find(definition []byte, d telemetry.Description) *telemetry.Series {
	s := i.current[string(definition)]
	if s == nil {
		if s = i.before[string(definition)]; s == nil {
			s = telemetry.NewSeries(d)
		}
		i.current[string(definition)] = s
	}
	return s
}

// sampleDecoder reads the samples of one segment.
type sampleDecoder struct {
	known  *interner
	series []*telemetry.Series
	last   []uint64
}

// Decode implements [Decoder].
func (d *sampleDecoder) Decode(payload []byte, count int) (batches []*telemetry.Batch, err error) {
	s := newScanner(payload, false)
	for len(s.data) > 0 && !s.failed {
		switch section := s.byte(); section {
		case sectionSeries:
			from := s.data
			description := s.series()
			if !s.failed {
				d.series = append(d.series, d.known.find(from[:len(from)-len(s.data)], description))
				d.last = append(d.last, 0)
			}
		case sectionBatch, sectionTimed:
			b := d.batch(&s, section == sectionTimed)
			count -= b.Len()
			batches = append(batches, b)
		case sectionEnded:
			if len(batches) == 0 {
				return nil, errPayload
			}
			for range s.count(1) {
				n := s.uvarint()
				if n >= uint64(len(d.series)) {
					return nil, errPayload
				}
				batches[len(batches)-1].CopyEnd(d.series[n])
			}
		default:
			return nil, errPayload
		}
	}
	if s.failed || count != 0 {
		return nil, errPayload
	}
	return batches, nil
}

func (d *sampleDecoder) batch(s *scanner, isTimed bool) *telemetry.Batch {
	at := time.UnixMilli(s.varint())
	n := s.count(1)
	b := telemetry.NewBatch(at, at, n)
	next, ms := int64(0), b.Time
	for range n {
		head := s.byte()
		if head&jumpBit != 0 {
			next += s.varint()
		}
		length, zeros := int(head&lengthMask), int(head>>4&shiftMask)
		if next < 0 || next >= int64(len(d.series)) || length > len(s.data) || length+zeros > 8 {
			s.fail()
			return b
		}
		var x uint64
		for i := range length {
			x |= uint64(s.data[i]) << (8 * i)
		}
		s.data = s.data[length:]
		d.last[next] ^= x << (8 * zeros)
		if isTimed {
			ms += s.varint()
		}
		b.Copy(d.series[next], math.Float64frombits(d.last[next]), ms)
		next++
	}
	return b
}
