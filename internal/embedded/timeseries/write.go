package timeseries

import (
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errSameKeys        = resp.Error("ERR TSDB: the source key and destination key should be different")
	errDestHasSource   = resp.Error("ERR TSDB: the destination key already has a src rule")
	errDestHasRules    = resp.Error("ERR TSDB: the destination key already has a dst rule")
	errSourceHasSource = resp.Error("ERR TSDB: the source key already has a source rule")
	errAlignTime       = resp.Error("ERR TSDB: Couldn't parse alignTimestamp")
	errNoRule          = resp.Error("ERR TSDB: compaction rule does not exist")
)

func (m *Module) runCreate(c *keyspace.Session, args [][]byte) {
	o, err := parseOptions(args[2:])
	if c.Fail(err) {
		return
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	if d.Exists(args[1]) {
		c.Fail(errKeyExists)
		return
	}
	if _, err := m.create(d, args[1], o.settings, o.labels); !c.Fail(err) {
		c.Out.OK()
	}
}

func (m *Module) runAlter(c *keyspace.Session, args [][]byte) {
	o, err := parseOptions(args[2:])
	if c.Fail(err) {
		return
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	s := findSeries(c, d, args[1])
	if s == nil {
		return
	}
	if o.given.labels {
		if c.Fail(m.relabel(s, o.labels)) {
			return
		}
	}
	s.alter(&o)
	if o.given.retention {
		if s.settings.retention == 0 {
			s.settings.retention = m.defaultRetention
		}
		s.trim(&m.pool, s.oldestAllowed())
	}
	d.Changed(s.key, s)
	c.Out.OK()
}

// alter changes the settings that a command has.
func (s *series) alter(o *options) {
	if o.given.retention {
		s.settings.retention = o.settings.retention
	}
	if o.given.chunk {
		s.settings.chunkSize = o.settings.chunkSize
	}
	if o.given.policy {
		s.settings.policy = o.settings.policy
	}
	if o.given.ignore {
		s.settings.ignoreTime, s.settings.ignoreValue = o.settings.ignoreTime, o.settings.ignoreValue
	}
}

func (m *Module) runAdd(c *keyspace.Session, args [][]byte) {
	v, ok := resp.ParseSampleValue(args[3])
	if !ok {
		c.Fail(errValue)
		return
	}
	ts, err := m.parseTimestamp(args[2])
	if c.Fail(err) {
		return
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	s, on := seriesAt(d, args[1]), policyUnset
	if s != nil {
		on, err = parseOnDuplicate(args[4:])
	} else if s, err = m.createForSample(d, args[1], args[4:]); err == errWrongType {
		err = errNotSeries
	}
	if c.Fail(err) {
		return
	}
	if ts, err = m.insert(s, sample{ts, v}, on); !c.Fail(err) {
		c.Out.Int(ts)
	}
}

// createForSample creates a series for its first sample. TS.ADD and TS.INCRBY
// ignore these options if the series exists.
func (m *Module) createForSample(d *keyspace.Database, key []byte, words [][]byte) (*series, resp.Error) {
	if d.Exists(key) {
		return nil, errWrongType
	}
	o, err := parseOptions(words)
	if err != "" {
		return nil, err
	}
	return m.create(d, key, o.settings, o.labels)
}

// runMAdd is the path of the agent's data. Nothing in it allocates.
func (m *Module) runMAdd(c *keyspace.Session, args [][]byte) {
	triples := args[1:]
	if len(triples)%3 != 0 {
		c.Fail("ERR wrong number of arguments for 'ts.madd' command")
		return
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	c.Out.Array(len(triples) / 3)
	for i := 0; i < len(triples); i += 3 {
		ts, err := m.addSample(d, triples[i], triples[i+1], triples[i+2])
		if err == "" {
			c.Out.Int(ts)
		} else {
			c.Fail(err)
		}
	}
}

func (m *Module) addSample(d *keyspace.Database, key, when, val []byte) (int64, resp.Error) {
	v, ok := resp.ParseSampleValue(val)
	if !ok {
		return 0, errValue
	}
	ts, bad := m.parseTimestamp(when)
	if bad != "" {
		return 0, bad
	}
	s := seriesAt(d, key)
	if s == nil {
		return 0, errNotSeries
	}
	return m.insert(s, sample{ts, v}, policyUnset)
}

func (m *Module) runIncrBy(c *keyspace.Session, args [][]byte) { m.runIncrement(c, args, 1) }
func (m *Module) runDecrBy(c *keyspace.Session, args [][]byte) { m.runIncrement(c, args, -1) }

func (m *Module) runIncrement(c *keyspace.Session, args [][]byte, sign float64) {
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	s, err := seriesAt(d, args[1]), resp.Error("")
	if s == nil { // Redis creates it before it checks the increment
		s, err = m.createForSample(d, args[1], args[3:])
	}
	if c.Fail(err) {
		return
	}
	v, ok := resp.ParseDouble(args[2])
	if !ok {
		c.Fail(errIncrValue)
		return
	}
	ts := m.store.NowMillis()
	if at, found := argumentsAfter(args[3:], "TIMESTAMP"); found && len(at) > 0 {
		ts, err = m.parseTimestamp(at[0])
	}
	if c.Fail(err) {
		return
	}
	if s.count > 0 && ts < s.lastTS {
		c.Fail(errIncrTimestamp)
		return
	}
	if ts, err = m.insert(s, sample{ts, s.lastV + sign*v}, policyLast); !c.Fail(err) {
		c.Out.Int(ts)
	}
}

func (m *Module) runDel(c *keyspace.Session, args [][]byte) {
	from, _, okFrom := parseBound(args[2], '-', 0)
	to, _, okTo := parseBound(args[3], '+', keyspace.MaxTimestamp)
	if !okFrom || !okTo {
		if !okFrom {
			c.Fail(errFrom)
		} else {
			c.Fail(errTo)
		}
		return
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	s := findSeries(c, d, args[1])
	if s == nil {
		return
	}
	n := s.remove(&m.pool, from, to)
	if n > 0 {
		for _, r := range s.rules {
			r.recompute(&m.pool, s, from, to)
		}
	}
	c.Out.Int(n)
}

func (m *Module) runCreateRule(c *keyspace.Session, args [][]byte) {
	var q query
	if len(args) > 7 {
		c.Fail(keyspace.ErrArity)
		return
	}
	if !resp.IsWord(args[3], "AGGREGATION") {
		c.Fail(errAggregation)
		return
	}
	if err := q.takeAggregation(args[3:]); c.Fail(err) {
		return
	}
	if len(args) > 6 {
		at, ok := resp.ParseInt(args[6])
		if !ok || at < 0 || at > keyspace.MaxTimestamp {
			c.Fail(errAlignTime)
			return
		}
		q.align = at
	}
	if string(args[1]) == string(args[2]) {
		c.Fail(errSameKeys)
		return
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	src, dest, err := findRuleEnds(d, args)
	if c.Fail(err) || c.Fail(ruleConflict(dest)) {
		return
	}
	src.rules = append(src.rules, &rule{dest: dest, aggregation: q.aggregation, bucketSize: q.bucketSize, align: q.align})
	dest.source = src
	c.Out.OK()
}

// findRuleEnds returns the source and the destination of a new rule.
func findRuleEnds(d *keyspace.Database, args [][]byte) (src, dest *series, err resp.Error) {
	src, dest = seriesAt(d, args[1]), seriesAt(d, args[2])
	if src == nil {
		return nil, nil, missingError(d, args[1])
	}
	if src.source != nil {
		return nil, nil, errSourceHasSource
	}
	if dest == nil {
		return nil, nil, missingError(d, args[2])
	}
	return src, dest, ""
}

// ruleConflict returns why a series cannot be the destination of a new rule.
func ruleConflict(dest *series) resp.Error {
	switch {
	case dest.source != nil:
		return errDestHasSource
	case len(dest.rules) > 0:
		return errDestHasRules
	}
	return ""
}

func (m *Module) runDeleteRule(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	source := findSeries(c, d, args[1])
	if source == nil {
		return
	}
	dest := seriesAt(d, args[2])
	if dest == nil || !source.dropRule(dest) {
		c.Fail(errNoRule)
		return
	}
	c.Out.OK()
}
