package timeseries

import (
	"math"
	"sort"
)

// A series stores its samples in chunks, in the order of time. Chunks grow in
// steps, so ten thousand series with one sample take little memory. A full
// chunk is never copied.
const (
	chunkSmall  = 4
	chunkMedium = 32
	chunkFull   = 128
)

type sample struct {
	ts int64 // Unix ms, never negative
	v  float64
}

// chunk is a buffer of samples. The first head samples were dropped by
// retention or by the limit.
type chunk struct {
	buf  []sample
	head int
}

func (c *chunk) live() []sample { return c.buf[c.head:] }

type policy uint8

const (
	policyUnset policy = iota
	policyBlock
	policyFirst
	policyLast
	policyMin
	policyMax
	policySum
)

type encoding uint8

const (
	encodingCompressed encoding = iota
	encodingUncompressed
)

// settings are what TS.CREATE and TS.ALTER set. TS.INFO returns chunkSize and
// encoding; they have no other effect.
type settings struct {
	retention   int64 // ms; 0 is unlimited
	chunkSize   int64 // bytes
	ignoreTime  int64 // ms
	ignoreValue float64
	policy      policy
	encoding    encoding
}

type series struct {
	key      string
	home     *home
	settings settings
	labels   []labelRef
	chunks   []chunk
	count    int64
	lastTS   int64
	lastV    float64
	rules    []*rule // rules with this series as their source
	source   *series // source of the rule with this series as its destination
}

// addResult is what happened to a sample.
type addResult uint8

const (
	added addResult = iota
	updated
	kept    // the policy FIRST kept the older value
	skipped // by IGNORE
	tooOld
	blocked
	full
)

// oldestAllowed returns the earliest time that retention allows.
func (s *series) oldestAllowed() int64 {
	if s.settings.retention == 0 || s.count == 0 {
		return 0
	}
	return max(0, s.lastTS-s.settings.retention)
}

// add stores a sample according to the retention and a duplicate policy.
func (s *series) add(p *chunkPool, smp sample, on policy) addResult {
	if s.count > 0 && smp.ts <= s.lastTS {
		return s.addLate(p, smp, on)
	}
	if s.ignores(smp, on) {
		return skipped
	}
	if !s.makeRoom(p) {
		return full
	}
	s.push(p, smp)
	s.lastTS, s.lastV = smp.ts, smp.v
	if s.settings.retention > 0 {
		s.trim(p, s.oldestAllowed())
	}
	return added
}

// ignores reports whether IGNORE drops a sample because it hardly differs from
// the last one.
func (s *series) ignores(smp sample, on policy) bool {
	set := &s.settings
	return (set.policy == policyLast || on == policyLast) && s.source == nil && s.count > 0 &&
		(set.ignoreTime > 0 || set.ignoreValue > 0) &&
		smp.ts >= s.lastTS && smp.ts-s.lastTS <= set.ignoreTime &&
		math.Abs(smp.v-s.lastV) <= set.ignoreValue
}

// makeRoom enforces the limit on samples. At the limit the series drops its own
// oldest sample. It returns false if the series has none.
func (s *series) makeRoom(p *chunkPool) bool {
	if p.samples < p.max {
		return true
	}
	if s.count == 0 {
		return false
	}
	s.dropFront(p, 1)
	return true
}

// push appends a sample.
func (s *series) push(p *chunkPool, smp sample) {
	if n := len(s.chunks); n == 0 || len(s.chunks[n-1].buf) == chunkFull {
		s.chunks = append(s.chunks, chunk{buf: p.newBuffer(n == 0)})
	}
	c := &s.chunks[len(s.chunks)-1]
	if len(c.buf) == cap(c.buf) {
		p.grow(c)
	}
	c.buf = append(c.buf, smp)
	s.count++
	p.samples++
}

// addLate adds a sample that is not newer than the last one.
func (s *series) addLate(p *chunkPool, smp sample, on policy) addResult {
	if smp.ts < s.oldestAllowed() {
		return tooOld
	}
	if s.ignores(smp, on) {
		return skipped
	}
	ci, i, found := s.find(smp.ts)
	if found {
		return s.merge(&s.chunks[ci].live()[i], smp, on)
	}
	if !s.makeRoom(p) {
		return full
	}
	if s.count == 0 { // the limit took the only sample
		s.push(p, smp)
		s.refreshLast()
		return added
	}
	ci, i, _ = s.find(smp.ts)
	s.insert(p, ci, i, smp)
	return added
}

// merge applies a duplicate policy to a sample at the time of an existing one.
func (s *series) merge(old *sample, smp sample, on policy) addResult {
	switch on {
	case policyFirst:
		return kept
	case policyLast:
		old.v = smp.v
	case policyMin:
		old.v = min(old.v, smp.v)
	case policyMax:
		old.v = max(old.v, smp.v)
	case policySum:
		old.v += smp.v
	default:
		return blocked
	}
	if old.ts == s.lastTS {
		s.lastV = old.v
	}
	return updated
}

// find returns where the sample at ts is, or where to insert it: the chunk, and
// the index in its live samples.
func (s *series) find(ts int64) (ci, i int, found bool) {
	ci = sort.Search(len(s.chunks), func(k int) bool {
		b := s.chunks[k].buf
		return b[len(b)-1].ts >= ts
	})
	if ci == len(s.chunks) {
		return ci, 0, false
	}
	live := s.chunks[ci].live()
	i = sort.Search(len(live), func(k int) bool { return live[k].ts >= ts })
	return ci, i, live[i].ts == ts
}

// insert inserts a sample into a chunk, at an index of its live samples.
func (s *series) insert(p *chunkPool, ci, i int, smp sample) {
	c := &s.chunks[ci]
	if len(c.buf) == cap(c.buf) {
		if c.head > 0 {
			c.dropHead()
		} else if cap(c.buf) < chunkFull {
			p.grow(c)
		} else {
			ci, i = s.split(p, ci, i)
			c = &s.chunks[ci]
		}
	}
	c.buf = append(c.buf, sample{})
	live := c.live()
	copy(live[i+1:], live[i:])
	live[i] = smp
	s.count++
	p.samples++
}

// dropHead frees the space of the dropped samples.
func (c *chunk) dropHead() {
	n := copy(c.buf, c.live())
	c.buf, c.head = c.buf[:n], 0
}

// split moves half of a full chunk to a new one. It returns where index i is
// afterwards.
func (s *series) split(p *chunkPool, ci, i int) (int, int) {
	old := &s.chunks[ci]
	half := len(old.buf) / 2
	right := chunk{buf: append(p.fullBuffer(), old.buf[half:]...)}
	old.buf = old.buf[:half]
	s.chunks = append(s.chunks, chunk{})
	copy(s.chunks[ci+2:], s.chunks[ci+1:])
	s.chunks[ci+1] = right
	if i > half {
		return ci + 1, i - half
	}
	return ci, i
}

// trim drops the samples before ts.
func (s *series) trim(p *chunkPool, ts int64) {
	for len(s.chunks) > 0 {
		live := s.chunks[0].live()
		if live[0].ts >= ts {
			return
		}
		n := sort.Search(len(live), func(k int) bool { return live[k].ts >= ts })
		s.dropFront(p, n)
	}
}

// dropFront drops the n oldest samples of the first chunk.
func (s *series) dropFront(p *chunkPool, n int) {
	c := &s.chunks[0]
	c.head += n
	s.count -= int64(n)
	p.samples -= int64(n)
	if c.head == len(c.buf) {
		p.put(c.buf)
		copy(s.chunks, s.chunks[1:])
		s.chunks[len(s.chunks)-1] = chunk{}
		s.chunks = s.chunks[:len(s.chunks)-1]
	}
}

// remove deletes the samples in [from, to] and returns how many it deleted.
func (s *series) remove(p *chunkPool, from, to int64) int64 {
	var n int64
	kept := s.chunks[:0]
	for _, c := range s.chunks {
		live := c.live()
		lo := sort.Search(len(live), func(k int) bool { return live[k].ts >= from })
		hi := max(lo, sort.Search(len(live), func(k int) bool { return live[k].ts > to }))
		n += int64(hi - lo)
		if lo == hi {
			kept = append(kept, c)
			continue
		}
		live = append(live[:lo], live[hi:]...)
		if len(live) == 0 {
			p.put(c.buf)
			continue
		}
		kept = p.keepRest(kept, chunk{buf: c.buf[:c.head+len(live)], head: c.head})
	}
	clear(s.chunks[len(kept):])
	s.chunks = kept
	s.count -= n
	p.samples -= n
	s.refreshLast()
	return n
}

// keepRest appends the rest of a chunk to the chunks that are kept. A small
// rest moves into the previous chunk or into a smaller buffer, so that deleting
// most samples gives most of their memory back.
func (p *chunkPool) keepRest(kept []chunk, c chunk) []chunk {
	live := c.live()
	if len(live) > cap(c.buf)/2 {
		return append(kept, c)
	}
	if n := len(kept); n > 0 && len(kept[n-1].buf)+len(live) <= cap(kept[n-1].buf) {
		kept[n-1].buf = append(kept[n-1].buf, live...)
	} else {
		kept = append(kept, chunk{buf: append(make([]sample, 0, max(chunkSmall, len(live))), live...)})
	}
	p.put(c.buf)
	return kept
}

// refreshLast sets lastTS and lastV from the last sample.
func (s *series) refreshLast() {
	if s.count == 0 {
		s.lastTS, s.lastV = 0, 0
		return
	}
	b := s.chunks[len(s.chunks)-1].buf
	s.lastTS, s.lastV = b[len(b)-1].ts, b[len(b)-1].v
}

func (s *series) firstTS() int64 {
	if s.count == 0 {
		return 0
	}
	return s.chunks[0].live()[0].ts
}

// eachRun calls yield with runs of samples in [from, to], oldest first. It
// stops if yield returns false.
func (s *series) eachRun(from, to int64, yield func([]sample) bool) {
	ci, _, _ := s.find(from)
	for ; ci < len(s.chunks); ci++ {
		live := s.chunks[ci].live()
		if live[0].ts > to {
			return
		}
		lo := sort.Search(len(live), func(k int) bool { return live[k].ts >= from })
		hi := max(lo, sort.Search(len(live), func(k int) bool { return live[k].ts > to }))
		if lo < hi && !yield(live[lo:hi]) {
			return
		}
	}
}

// neighbour returns the newest sample before ts, or the oldest one after it.
func (s *series) neighbour(ts int64, after bool) (sample, bool) {
	ci, i, found := s.find(ts)
	if after {
		if found {
			ci, i, _ = s.find(ts + 1)
		}
		if ci == len(s.chunks) {
			return sample{}, false
		}
		return s.chunks[ci].live()[i], true
	}
	if ci < len(s.chunks) && i > 0 {
		return s.chunks[ci].live()[i-1], true
	}
	if ci == 0 {
		return sample{}, false
	}
	b := s.chunks[ci-1].buf
	return b[len(b)-1], true
}
