package embedded

import (
	"math"
	"sync"
	"time"
)

const (
	databases = 16
	// maxTimestamp keeps sums of times, buckets and retentions inside int64.
	maxTimestamp = 1 << 60

	errKeyExists  = replyError("ERR TSDB: key already exists")
	errNoKey      = replyError("ERR TSDB: the key does not exist")
	errNotSeries  = replyError("ERR TSDB: the key is not a TSDB key")
	errWrongType  = replyError("ERR WRONGTYPE Operation against a key holding the wrong kind of value")
	errOOM        = replyError("OOM command not allowed when used memory > 'maxmemory'.")
	errTooOld     = replyError("ERR TSDB: Timestamp is older than retention")
	errDuplicate  = replyError("ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode")
	defaultChunk  = 4096 // bytes, what Redis answers when nothing was asked for
	neverExpires  = int64(math.MaxInt64)
	scanTypeTSDB  = "TSDB-TYPE"
	scanTypeJSON  = "ReJSON-RL"
	defaultPolicy = policyBlock
)

// store is all series and documents of all databases, and the search indexes.
// One lock guards it: commands are atomic as in Redis, reads run side by side.
type store struct {
	mu        sync.RWMutex
	dbs       [databases]*database
	pool      pool
	series    int
	maxSeries int
	retention int64 // ms, for series that ask for none
	docs      documentLimits
	search    searches
	now       func() time.Time
}

type database struct {
	keys map[string]*series
	docs map[string]*document
	idx  index
	ttl  deadlines
}

func newStore(cfg Config) *store {
	st := &store{maxSeries: cfg.MaxSeries, retention: cfg.Retention.Milliseconds(), now: time.Now}
	st.pool.max = int64(cfg.MaxSamples)
	st.search.clear()
	st.docs.maxCount, st.docs.maxBytes = cfg.MaxDocuments, cfg.MaxDocumentBytes
	for i := range st.dbs {
		st.dbs[i] = newDatabase()
	}
	return st
}

func newDatabase() *database {
	return &database{keys: map[string]*series{}, docs: map[string]*document{}, idx: newIndex(), ttl: newDeadlines()}
}

// has tells whether a series or document of this name exists.
func (d *database) has(key []byte) bool {
	return d.keys[string(key)] != nil || d.docs[string(key)] != nil
}

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
	st.lock(db)
	st.mu.Unlock()
	st.mu.RLock()
	return st.dbs[db]
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

// dropKey removes the series or document of this name.
func (st *store) dropKey(d *database, key string) bool {
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
func (st *store) create(d *database, key []byte, set settings, pairs [][]byte) (*series, replyError) {
	if st.series >= st.maxSeries {
		return nil, errOOM
	}
	if set.retention == 0 {
		set.retention = st.retention
	}
	s := &series{key: string(key), set: set}
	d.keys[s.key] = s
	d.idx.add(s, pairs)
	st.series++
	return s, ""
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
	}
	st.series -= len(d.keys)
	for _, doc := range d.docs {
		st.docs.count--
		st.docs.bytes -= int64(len(doc.json))
	}
	st.dbs[db] = newDatabase()
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
func (st *store) insert(s *series, smp sample, on policy) (int64, replyError) {
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
		return 0, errOOM
	case skipped: // by IGNORE; the answer is the sample that stands for it
		return s.lastTS, ""
	}
	return smp.ts, ""
}
