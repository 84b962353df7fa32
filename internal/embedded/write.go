package embedded

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errRuleSame   = resp.Error("ERR TSDB: the source key and destination key should be different")
	errRuleDest   = resp.Error("ERR TSDB: the destination key already has a src rule")
	errRuleDst    = resp.Error("ERR TSDB: the destination key already has a dst rule")
	errRuleSource = resp.Error("ERR TSDB: the source key already has a source rule")
	errAlignTime  = resp.Error("ERR TSDB: Couldn't parse alignTimestamp")
	errNoRule     = resp.Error("ERR TSDB: compaction rule does not exist")
)

// errArity stands for the error about the number of arguments, which names the command.
const errArity = resp.Error("ERR wrong number of arguments")

// errInnerArity is the same from the inner part of RediSearch, whose commands begin with an underscore.
const errInnerArity = errArity + " within"

// fail answers an error and reports whether there was one.
func (c *conn) fail(err resp.Error) bool {
	switch err {
	case "":
	case errArity:
		c.out.Error(c.running.wrongNumber())
	case errInnerArity:
		c.out.Error(resp.Error(strings.Replace(string(c.running.wrongNumber()), "'", "'_", 1)))
	default:
		c.out.Error(err)
	}
	return err != ""
}

// missing is the error for a key that should be a series: it is of another
// type, or not there.
func (d *database) missing(key []byte) resp.Error {
	if d.has(key) {
		return errWrongType
	}
	return errNoKey
}

func tsCreate(c *conn, args [][]byte) {
	o, err := parseOptions(args[2:])
	if c.fail(err) {
		return
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	if d.has(args[1]) {
		c.fail(errKeyExists)
		return
	}
	if _, err := st.create(d, args[1], o.set, o.labels); !c.fail(err) {
		c.out.OK()
	}
}

func tsAlter(c *conn, args [][]byte) {
	o, err := parseOptions(args[2:])
	if c.fail(err) {
		return
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	s := d.keys[string(args[1])]
	if s == nil {
		c.fail(d.missing(args[1]))
		return
	}
	if o.has.labels {
		if c.fail(st.relabel(d, s, o.labels)) {
			return
		}
	}
	s.alter(&o)
	if o.has.retention {
		if s.set.retention == 0 {
			s.set.retention = st.retention
		}
		s.trim(&st.pool, s.oldestAllowed())
	}
	d.changed(s.key)
	c.out.OK()
}

func (s *series) alter(o *options) {
	if o.has.retention {
		s.set.retention = o.set.retention
	}
	if o.has.chunk {
		s.set.chunkSize = o.set.chunkSize
	}
	if o.has.policy {
		s.set.policy = o.set.policy
	}
	if o.has.ignore {
		s.set.ignoreTime, s.set.ignoreVal = o.set.ignoreTime, o.set.ignoreVal
	}
}

func tsAdd(c *conn, args [][]byte) {
	st := c.srv.store
	v, ok := resp.ParseSampleValue(args[3])
	if !ok {
		c.fail(errValue)
		return
	}
	ts, err := st.timestamp(args[2])
	if c.fail(err) {
		return
	}
	d := st.lock(c.db)
	defer st.mu.Unlock()
	s, on := d.keys[string(args[1])], policyUnset
	if s != nil {
		on, err = onDuplicate(args[4:])
	} else if s, err = c.createFor(d, args[1], args[4:]); err == errWrongType {
		err = errNotSeries
	}
	if c.fail(err) {
		return
	}
	if ts, err = st.insert(s, sample{ts, v}, on); !c.fail(err) {
		c.out.Int(ts)
	}
}

// createFor creates the series that a sample needs. The options of a series that is there are not even read.
func (c *conn) createFor(d *database, key []byte, words [][]byte) (*series, resp.Error) {
	if d.has(key) {
		return nil, errWrongType
	}
	o, err := parseOptions(words)
	if err != "" {
		return nil, err
	}
	return c.srv.store.create(d, key, o.set, o.labels)
}

// tsMAdd is the way of the agent's data: nothing in it allocates.
func tsMAdd(c *conn, args [][]byte) {
	triples := args[1:]
	if len(triples)%3 != 0 {
		c.out.Error("ERR wrong number of arguments for 'ts.madd' command")
		return
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	c.out.Array(len(triples) / 3)
	for i := 0; i < len(triples); i += 3 {
		ts, err := st.addOne(d, triples[i], triples[i+1], triples[i+2])
		if err == "" {
			c.out.Int(ts)
		} else {
			c.out.Error(err)
		}
	}
}

func (st *store) addOne(d *database, key, when, val []byte) (int64, resp.Error) {
	v, ok := resp.ParseSampleValue(val)
	if !ok {
		return 0, errValue
	}
	ts, bad := st.timestamp(when)
	if bad != "" {
		return 0, bad
	}
	s := d.keys[string(key)]
	if s == nil {
		return 0, errNotSeries
	}
	return st.insert(s, sample{ts, v}, policyUnset)
}

func tsIncrBy(c *conn, args [][]byte) { increment(c, args, 1) }
func tsDecrBy(c *conn, args [][]byte) { increment(c, args, -1) }

func increment(c *conn, args [][]byte, sign float64) {
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	s, err := d.keys[string(args[1])], resp.Error("")
	if s == nil { // it comes into being before its first sample is looked at
		s, err = c.createFor(d, args[1], args[3:])
	}
	if c.fail(err) {
		return
	}
	v, ok := resp.ParseDouble(args[2])
	if !ok {
		c.fail(errIncrValue)
		return
	}
	ts := st.nowMillis()
	if at, found := behind(args[3:], "TIMESTAMP"); found && len(at) > 0 {
		ts, err = st.timestamp(at[0])
	}
	if c.fail(err) {
		return
	}
	if s.count > 0 && ts < s.lastTS {
		c.fail(errIncrTimestamp)
		return
	}
	if ts, err = st.insert(s, sample{ts, s.lastV + sign*v}, policyLast); !c.fail(err) {
		c.out.Int(ts)
	}
}

func tsDel(c *conn, args [][]byte) {
	from, _, okFrom := parseBound(args[2], '-', 0)
	to, _, okTo := parseBound(args[3], '+', maxTimestamp)
	if !okFrom || !okTo {
		if !okFrom {
			c.fail(errFrom)
		} else {
			c.fail(errTo)
		}
		return
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	s := d.keys[string(args[1])]
	if s == nil {
		c.fail(d.missing(args[1]))
		return
	}
	n := s.remove(&st.pool, from, to)
	if n > 0 {
		for _, r := range s.rules {
			r.redo(&st.pool, s, from, to)
		}
	}
	c.out.Int(n)
}

func tsCreateRule(c *conn, args [][]byte) {
	var q query
	if len(args) > 7 {
		c.fail(errArity)
		return
	}
	if !resp.IsWord(args[3], "AGGREGATION") {
		c.fail(errAgg)
		return
	}
	if err := q.takeAgg(args[3:]); c.fail(err) {
		return
	}
	if len(args) > 6 {
		at, ok := resp.ParseInt(args[6])
		if !ok || at < 0 || at > maxTimestamp {
			c.fail(errAlignTime)
			return
		}
		q.alignAt = at
	}
	if string(args[1]) == string(args[2]) {
		c.fail(errRuleSame)
		return
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	src, dest, err := c.ruleEnds(d, args)
	if c.fail(err) || c.fail(ruleConflict(dest)) {
		return
	}
	src.rules = append(src.rules, &rule{dest: dest, agg: q.agg, size: q.bucket, align: q.alignAt})
	dest.source = src
	c.out.OK()
}

func (c *conn) ruleEnds(d *database, args [][]byte) (src, dest *series, err resp.Error) {
	src, dest = d.keys[string(args[1])], d.keys[string(args[2])]
	if src == nil {
		return nil, nil, d.missing(args[1])
	}
	if src.source != nil {
		return nil, nil, errRuleSource
	}
	if dest == nil {
		return nil, nil, d.missing(args[2])
	}
	return src, dest, ""
}

func ruleConflict(dest *series) resp.Error {
	switch {
	case dest.source != nil:
		return errRuleDest
	case len(dest.rules) > 0:
		return errRuleDst
	}
	return ""
}

func tsDeleteRule(c *conn, args [][]byte) {
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	src := d.keys[string(args[1])]
	if src == nil {
		c.fail(d.missing(args[1]))
		return
	}
	dest := d.keys[string(args[2])]
	if dest == nil || !src.dropRule(dest) {
		c.fail(errNoRule)
		return
	}
	c.out.OK()
}
