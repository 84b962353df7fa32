package timeseries

import (
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errKeyExists = resp.Error("ERR TSDB: key already exists")
	errNoKey     = resp.Error("ERR TSDB: the key does not exist")
	errNotSeries = resp.Error("ERR TSDB: the key is not a TSDB key")
	errWrongType = resp.Error("ERR WRONGTYPE Operation against a key holding the wrong kind of value")
	errMaxSeries = resp.Error("OOM command not allowed when used memory > 'maxmemory': rtcollector's embedded server holds no more series; samples of existing ones are accepted")
	errTooOld    = resp.Error("ERR TSDB: Timestamp is older than retention")
	errDuplicate = resp.Error("ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode")
)

// Limits bound the memory of all series together.
type Limits struct {
	Series     int
	Samples    int64
	LabelBytes int64 // text of all keys and labels
}

// Module runs the commands of all series. The store's lock guards it.
type Module struct {
	store            *keyspace.Store
	limits           Limits
	defaultRetention int64 // ms; of series that ask for none
	pool             chunkPool
	seriesCount      int
	labelBytes       int64
	homes            map[*keyspace.Database]*home
	buffers          sync.Pool // of *[]sample, for range replies
	detached         *home     // of series that belong to no database yet
}

// home is what the series of one database have in common.
type home struct {
	module *Module
	index  labelIndex
}

// New adds series to a store. Series that ask for no retention get the default
// one; 0 is unlimited.
func New(store *keyspace.Store, limits Limits, defaultRetention time.Duration) *Module {
	m := &Module{store: store, limits: limits, defaultRetention: defaultRetention.Milliseconds(), homes: map[*keyspace.Database]*home{}}
	m.pool.max = limits.Samples
	m.detached = &home{module: m}
	for db := range keyspace.Databases {
		m.homes[store.Database(db)] = &home{module: m, index: newLabelIndex()}
	}
	store.RegisterLoader(dumpTag, m.load)
	return m
}

// Commands returns the commands of RedisTimeSeries.
func (m *Module) Commands() []keyspace.Command {
	return []keyspace.Command{
		keyspace.Custom("ts.create", -2, keyspace.FlagWrite, m.runCreate),
		keyspace.Custom("ts.alter", -2, keyspace.FlagWrite, m.runAlter),
		keyspace.Custom("ts.add", -4, keyspace.FlagWrite, m.runAdd),
		keyspace.Custom("ts.madd", -4, keyspace.FlagWrite, m.runMAdd),
		keyspace.Custom("ts.incrby", -3, keyspace.FlagWrite, m.runIncrBy),
		keyspace.Custom("ts.decrby", -3, keyspace.FlagWrite, m.runDecrBy),
		keyspace.Custom("ts.del", 4, keyspace.FlagWrite, m.runDel),
		keyspace.Custom("ts.createrule", -6, keyspace.FlagWrite, m.runCreateRule),
		keyspace.Write("ts.deleterule", 3, m.runDeleteRule),
		keyspace.Read("ts.get", -2, m.runGet),
		keyspace.Custom("ts.mget", -3, 0, m.runMGet),
		keyspace.Read("ts.range", -4, m.runRange),
		keyspace.Read("ts.revrange", -4, m.runRevRange),
		keyspace.Custom("ts.mrange", -4, 0, m.runMRange),
		keyspace.Custom("ts.mrevrange", -4, 0, m.runMRevRange),
		keyspace.Custom("ts.queryindex", -2, 0, m.runQueryIndex),
		keyspace.Read("ts.info", -2, m.runInfo),
	}
}

// Usage is what all series take together.
type Usage struct {
	Series     int
	Samples    int64
	LabelBytes int64
	FreeBytes  int64 // of chunks that wait for reuse
}

// Usage returns what all series take together. The store must be locked.
func (m *Module) Usage() Usage {
	return Usage{m.seriesCount, m.pool.samples, m.labelBytes, int64(len(m.pool.free)) * chunkFull * sampleBytes}
}

// seriesAt returns the series of a key, nil if there is none.
func seriesAt(d *keyspace.Database, key []byte) *series {
	s, _ := d.Get(key).(*series)
	return s
}

// missingError returns the error for a key that should be a series.
func missingError(d *keyspace.Database, key []byte) resp.Error {
	if d.Exists(key) {
		return errWrongType
	}
	return errNoKey
}

// findSeries returns the series of a key. If there is none it answers an error
// and returns nil.
func findSeries(c *keyspace.Session, d *keyspace.Database, key []byte) *series {
	s := seriesAt(d, key)
	if s == nil {
		c.Fail(missingError(d, key))
	}
	return s
}

// create adds a series. The labels are name, value, name, value…
func (m *Module) create(d *keyspace.Database, key []byte, s settings, labels [][]byte) (*series, resp.Error) {
	text := labelTextBytes(labels)
	if err := m.admit(int64(len(key)) + text); err != "" {
		return nil, err
	}
	if s.retention == 0 {
		s.retention = m.defaultRetention
	}
	created := &series{home: m.detached, settings: s}
	d.Put(string(key), created)
	created.home.index.add(created, labels)
	m.labelBytes += text
	return created, ""
}

// admit returns an error if a limit does not allow one more series with so much
// text.
func (m *Module) admit(text int64) resp.Error {
	switch {
	case m.seriesCount >= m.limits.Series:
		return errMaxSeries
	case m.labelBytes+text > m.limits.LabelBytes:
		return resp.ErrOOM
	}
	return ""
}

// labelTextBytes is how much labels count against the limit: their text, and
// their places in the index, which the series with the same label share.
func labelTextBytes(labels [][]byte) int64 {
	var n int64
	for _, word := range labels {
		n += int64(len(word)) + labelPlaceBytes/2
	}
	return n
}

const labelPlaceBytes = 64

// textBytes is how much the key and labels of a series count.
func (s *series) textBytes() int64 {
	n := int64(len(s.key))
	for _, ref := range s.labels {
		n += int64(len(ref.posting.name)+len(ref.posting.value)) + labelPlaceBytes
	}
	return n
}

// relabel replaces the labels of a series.
func (m *Module) relabel(s *series, labels [][]byte) resp.Error {
	growth := int64(len(s.key)) + labelTextBytes(labels) - s.textBytes()
	if growth > 0 && m.labelBytes+growth > m.limits.LabelBytes {
		return resp.ErrOOM
	}
	m.labelBytes += growth
	s.home.index.remove(s)
	s.home.index.add(s, labels)
	return ""
}

// TypeName returns the answer of TYPE.
func (s *series) TypeName() string { return "TSDB-TYPE" }

// MemoryUsage estimates the heap bytes of the series.
func (s *series) MemoryUsage() int64 {
	const keyMapBytes = 64
	n := seriesBytes + int64(len(s.key)) + keyMapBytes
	n += int64(len(s.labels)) * labelRefBytes
	n += int64(cap(s.chunks)) * chunkBytes
	for i := range s.chunks {
		n += int64(cap(s.chunks[i].buf)) * sampleBytes
	}
	return n
}

// Admit returns OOM if a limit does not allow to add the series.
func (s *series) Admit(key string) resp.Error {
	m := s.home.module
	if m.pool.samples+s.count > m.pool.max {
		return resp.ErrOOM
	}
	return m.admit(s.textBytes() + int64(len(key)-len(s.key)))
}

// Added counts the series and adds its labels to the index of its database.
func (s *series) Added(d *keyspace.Database, key string) {
	m := s.home.module
	s.key, s.home = key, m.homes[d]
	m.seriesCount++
	m.labelBytes += s.textBytes()
	m.pool.samples += s.count
	s.home.index.add(s, s.labelPairs())
}

// Rename changes the key. Rules refer to series by pointer and follow.
func (s *series) Rename(from, to string) resp.Error {
	m, longer := s.home.module, int64(len(to)-len(from))
	if longer > 0 && m.labelBytes+longer > m.limits.LabelBytes {
		return resp.ErrOOM
	}
	m.labelBytes += longer
	s.key = to
	return ""
}

// Removed ends the rules of the series and gives its memory back.
func (s *series) Removed(string) {
	m := s.home.module
	for _, r := range s.rules {
		r.dest.source = nil
	}
	if s.source != nil {
		s.source.dropRule(s)
	}
	m.seriesCount--
	m.labelBytes -= s.textBytes()
	s.home.index.remove(s)
	for _, c := range s.chunks {
		m.pool.samples -= int64(len(c.live()))
		m.pool.put(c.buf)
	}
	s.chunks, s.count, s.rules = nil, 0, nil
	if m.pool.samples == 0 {
		m.pool.free = nil
	}
}

// insert adds a sample, updates the rules of the series and returns the time to
// answer.
func (m *Module) insert(s *series, smp sample, on policy) (int64, resp.Error) {
	if on == policyUnset {
		on = s.settings.policy
	}
	result := s.add(&m.pool, smp, on)
	if len(s.rules) > 0 {
		s.applyRules(&m.pool, smp, result)
	}
	switch result {
	case tooOld:
		return 0, errTooOld
	case blocked:
		return 0, errDuplicate
	case full:
		return 0, resp.ErrOOM
	case skipped: // IGNORE answers the time of the sample that was kept
		return s.lastTS, ""
	}
	return smp.ts, ""
}
