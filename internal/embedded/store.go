package embedded

import (
	"math"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	databases = 16
	// maxTimestamp keeps sums of times, buckets and retentions inside int64.
	maxTimestamp = 1 << 60

	errKeyExists  = resp.Error("ERR TSDB: key already exists")
	errNoKey      = resp.Error("ERR TSDB: the key does not exist")
	errNotSeries  = resp.Error("ERR TSDB: the key is not a TSDB key")
	errWrongType  = resp.Error("ERR WRONGTYPE Operation against a key holding the wrong kind of value")
	errMaxSeries  = resp.Error("OOM command not allowed when used memory > 'maxmemory': rtcollector's embedded server holds no more series; samples of existing ones are accepted")
	errTooOld     = resp.Error("ERR TSDB: Timestamp is older than retention")
	errDuplicate  = resp.Error("ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode")
	defaultChunk  = 4096 // bytes, what Redis answers when nothing was asked for
	neverExpires  = int64(math.MaxInt64)
	scanTypeTSDB  = "TSDB-TYPE"
	scanTypeJSON  = "ReJSON-RL"
	defaultPolicy = policyBlock
)

// store is everything in all databases, and the search indexes. One lock guards
// it: commands are atomic as in Redis, reads run side by side.
type store struct {
	mu        sync.RWMutex
	objects   objects
	dbs       [databases]*database
	pool      pool
	series    int
	maxSeries int
	// labelBytes is the text of all keys and labels of series.
	labelBytes    int64
	maxLabelBytes int64
	retention     int64 // ms, for series that ask for none
	docs          documentLimits
	search        searches
	now           func() time.Time

	waiting sync.Mutex
	written chan struct{} // closed by the next write to an ordinary key; nil if nobody waits
}

type database struct {
	keys    map[string]*series
	docs    map[string]*document
	objects map[string]*object
	idx     index
	ttl     deadlines
	watched map[string]map[*watch]bool
}

func newStore(cfg Config) *store {
	st := &store{maxSeries: cfg.MaxSeries, maxLabelBytes: cfg.MaxLabelBytes, retention: cfg.Retention.Milliseconds(), now: time.Now}
	st.pool.max = int64(cfg.MaxSamples)
	st.search.clear()
	st.docs.maxCount, st.docs.maxBytes = cfg.MaxDocuments, cfg.MaxDocumentBytes
	st.objects.max = cfg.MaxObjectBytes
	for i := range st.dbs {
		st.dbs[i] = &database{watched: map[string]map[*watch]bool{}}
		st.dbs[i].clear()
	}
	return st
}

// clear empties a database; those who watch its keys go on doing so.
func (d *database) clear() {
	d.keys, d.docs, d.objects = map[string]*series{}, map[string]*document{}, map[string]*object{}
	d.idx, d.ttl = newIndex(), newDeadlines()
}

// has reports whether a key exists, of any kind.
func (d *database) has(key []byte) bool {
	return d.keys[string(key)] != nil || d.docs[string(key)] != nil || d.objects[string(key)] != nil
}

// size is the number of keys.
func (d *database) size() int { return len(d.keys) + len(d.docs) + len(d.objects) }

func (st *store) nowMillis() int64 { return st.now().UnixMilli() }

// lock opens a database for writing.
func (st *store) lock(db int) *database {
	st.mu.Lock()
	d := st.dbs[db]
	st.expire(d)
	return d
}

// rlock opens a database for reading. Expired keys are removed first, which
// takes the write lock for a moment, but only when one is due.
func (st *store) rlock(db int) *database {
	st.mu.RLock()
	if d := st.dbs[db]; !st.due(d) {
		return d
	}
	st.mu.RUnlock()
	st.expireNow(db)
	st.mu.RLock()
	return st.dbs[db]
}

func (st *store) expireNow(db int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.expire(st.dbs[db])
}

func (st *store) due(d *database) bool {
	return d.ttl.next() != neverExpires && st.nowMillis() >= d.ttl.next()
}

func (st *store) expire(d *database) {
	if !st.due(d) {
		return
	}
	for now := st.nowMillis(); ; {
		key, ok := d.ttl.takeDue(now)
		if !ok {
			return
		}
		st.dropKey(d, key)
	}
}

// dropKey removes a key of any kind and reports whether it existed.
func (st *store) dropKey(d *database, key string) bool {
	if o := d.objects[key]; o != nil {
		st.dropObject(d, key, o)
		return true
	}
	if s := d.keys[key]; s != nil {
		st.drop(d, s)
		return true
	}
	if doc := d.docs[key]; doc != nil {
		st.dropDocument(d, doc)
		return true
	}
	return false
}

// create adds a series; pairs are its labels.
func (st *store) create(d *database, key []byte, set settings, pairs [][]byte) (*series, resp.Error) {
	text := seriesText(key, pairs)
	switch {
	case st.series >= st.maxSeries:
		return nil, errMaxSeries
	case st.labelBytes+text > st.maxLabelBytes:
		return nil, resp.ErrOOM
	}
	if set.retention == 0 {
		set.retention = st.retention
	}
	s := &series{key: string(key), set: set, text: text}
	d.keys[s.key] = s
	d.idx.add(s, pairs)
	st.series++
	st.labelBytes += text
	d.changed(s.key)
	return s, ""
}

// seriesText is what a series adds to labelBytes: a label costs its place in
// the index besides its text, which series with the same label share.
func seriesText(key []byte, pairs [][]byte) int64 {
	const perLabel = 64
	n := int64(len(key))
	for _, word := range pairs {
		n += int64(len(word)) + perLabel/2
	}
	return n
}

// relabel replaces the labels of a series.
func (st *store) relabel(d *database, s *series, pairs [][]byte) resp.Error {
	text := seriesText([]byte(s.key), pairs)
	if text > s.text && st.labelBytes+text-s.text > st.maxLabelBytes {
		return resp.ErrOOM
	}
	st.labelBytes += text - s.text
	s.text = text
	d.idx.remove(s)
	d.idx.add(s, pairs)
	return ""
}

// drop removes a series with its samples, rules and place in the index.
func (st *store) drop(d *database, s *series) {
	for _, r := range s.rules {
		r.dest.source = nil
	}
	if s.source != nil {
		s.source.dropRule(s)
	}
	d.idx.remove(s)
	delete(d.keys, s.key)
	d.ttl.set(s.key, 0)
	for _, c := range s.chunks {
		st.pool.samples -= int64(len(c.live()))
		st.pool.put(c.buf)
	}
	s.chunks, s.count, s.rules = nil, 0, nil
	st.series--
	st.labelBytes -= s.text
	d.changed(s.key)
}

// flush empties one database.
func (st *store) flush(db int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.flushLocked(db)
}

func (st *store) flushLocked(db int) {
	d := st.dbs[db]
	for _, s := range d.keys {
		st.pool.samples -= s.count
		st.labelBytes -= s.text
	}
	st.series -= len(d.keys)
	for _, o := range d.objects {
		st.objects.bytes -= o.counted
	}
	for _, doc := range d.docs {
		st.docs.count--
		st.docs.bytes -= doc.bytes()
	}
	d.changedAll()
	d.clear()
	st.search.clear() // RediSearch drops its indexes whichever database it is
}

func (st *store) flushAll() {
	st.mu.Lock()
	defer st.mu.Unlock()
	for i := range st.dbs {
		st.flushLocked(i)
	}
	st.pool.free = nil
}

// insert adds a sample, lets the rules of the series follow and returns the
// time to answer. The error is a plain string: one per sample must cost nothing.
func (st *store) insert(s *series, smp sample, on policy) (int64, resp.Error) {
	if on == policyUnset {
		on = s.set.policy
	}
	res := s.add(&st.pool, smp, on)
	if len(s.rules) > 0 {
		s.compact(&st.pool, smp, res)
	}
	switch res {
	case tooOld:
		return 0, errTooOld
	case blocked:
		return 0, errDuplicate
	case full:
		return 0, resp.ErrOOM
	case skipped: // by IGNORE; the answer is the sample that stands for it
		return s.lastTS, ""
	}
	return smp.ts, ""
}
