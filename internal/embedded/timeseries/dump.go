package timeseries

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
)

// dumpTag identifies series in the payload of DUMP.
const dumpTag = 't'

// TypeTag identifies the type in the payload of DUMP.
func (s *series) TypeTag() byte { return dumpTag }

// Clone returns a series with the same settings, labels and samples. As in
// RedisTimeSeries it has no rules and is the destination of none.
func (s *series) Clone() keyspace.Value {
	clone := &series{home: s.home.module.detached, settings: s.settings}
	clone.detachLabels(s.labelPairs())
	packer := samplePacker{left: s.count}
	for i := range s.chunks {
		for _, smp := range s.chunks[i].live() {
			packer.add(smp)
		}
	}
	clone.setChunks(packer.chunks, s.count)
	return clone
}

// AppendDump writes settings, labels and samples for DUMP.
func (s *series) AppendDump(e *keyspace.Encoder) {
	e.Int(s.settings.retention)
	e.Int(s.settings.chunkSize)
	e.Int(s.settings.ignoreTime)
	e.Float(s.settings.ignoreValue)
	e.Uint(uint64(s.settings.policy))
	e.Uint(uint64(s.settings.encoding))
	e.Uint(uint64(len(s.labels)))
	for _, ref := range s.labels {
		e.String(ref.posting.name)
		e.String(ref.posting.value)
	}
	e.Uint(uint64(s.count))
	previous := int64(0)
	for i := range s.chunks {
		for _, smp := range s.chunks[i].live() {
			e.Uint(uint64(smp.ts - previous))
			e.Float(smp.v)
			previous = smp.ts
		}
	}
}

// load decodes what AppendDump wrote.
func (m *Module) load(d *keyspace.Decoder) keyspace.Value {
	s := &series{home: m.detached}
	s.settings = settings{retention: d.Int(), chunkSize: d.Int(), ignoreTime: d.Int(), ignoreValue: d.Float(), policy: policy(d.Uint()), encoding: encoding(d.Uint())}
	if !s.settings.isValid() {
		d.Reject()
	}
	var pairs [][]byte
	d.LimitElements((m.limits.LabelBytes - m.labelBytes) / labelPlaceBytes)
	for range d.Count(2) {
		name, value := d.Bytes(), d.Bytes()
		if len(name) == 0 || !isLabelValue(value) {
			d.Reject()
		}
		pairs = append(pairs, name, value)
	}
	s.detachLabels(pairs)
	const minSampleBytes = 1 + 8
	d.LimitElements(m.pool.max - m.pool.samples)
	count := d.Count(minSampleBytes)
	packer := samplePacker{left: int64(count)}
	for i, ts := 0, int64(0); i < count; i++ {
		step := d.Uint()
		if step == 0 && i > 0 || step > keyspace.MaxTimestamp || ts+int64(step) > keyspace.MaxTimestamp {
			d.Reject()
			return s
		}
		ts += int64(step)
		packer.add(sample{ts, d.Float()})
	}
	s.setChunks(packer.chunks, int64(count))
	return s
}

// isValid reports whether TS.CREATE could have made these settings.
func (s *settings) isValid() bool {
	return s.retention >= 0 && s.retention <= keyspace.MaxTimestamp && isChunkSize(s.chunkSize) &&
		s.ignoreTime >= 0 && s.ignoreValue >= 0 && s.policy > policyUnset && s.policy <= policySum && s.encoding <= encodingUncompressed
}

// samplePacker puts samples into chunks that have no room left.
type samplePacker struct {
	chunks []chunk
	left   int64 // samples that will come
}

func (p *samplePacker) add(smp sample) {
	if n := len(p.chunks); n == 0 || len(p.chunks[n-1].buf) == cap(p.chunks[n-1].buf) {
		p.chunks = append(p.chunks, chunk{buf: make([]sample, 0, min(chunkFull, max(chunkSmall, p.left)))})
	}
	last := &p.chunks[len(p.chunks)-1]
	last.buf = append(last.buf, smp)
	p.left--
}

func (s *series) setChunks(chunks []chunk, count int64) {
	s.chunks, s.count = slices.Clip(chunks), count
	s.refreshLast()
}

// labelPairs returns the labels as name, value, name, value…
func (s *series) labelPairs() [][]byte {
	if len(s.labels) == 0 {
		return nil
	}
	pairs := make([][]byte, 0, 2*len(s.labels))
	for _, ref := range s.labels {
		pairs = append(pairs, []byte(ref.posting.name), []byte(ref.posting.value))
	}
	return pairs
}

// detachLabels gives labels to a series that is in no index yet.
func (s *series) detachLabels(pairs [][]byte) {
	for i := 0; i+1 < len(pairs); i += 2 {
		s.labels = append(s.labels, labelRef{posting: &posting{name: string(pairs[i]), value: string(pairs[i+1])}})
	}
}
