package datatypes

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const errMinMax = "ERR min or max is not a float"

// sortedSetCommands uses ReadExclusively for commands that may have to update
// the order of a set.
func (m *Module) sortedSetCommands() []keyspace.Command {
	return []keyspace.Command{
		m.growing("zadd", -4, m.runZAdd),
		m.growing("zincrby", 4, m.runZIncrBy),
		keyspace.Write("zrem", -3, onValue(m.runZRem)),
		keyspace.Write("zpopmin", -2, m.runZPop),
		keyspace.Write("zpopmax", -2, m.runZPop),
		keyspace.Write("zremrangebyrank", 4, m.runZRemRange),
		keyspace.Write("zremrangebyscore", 4, m.runZRemRange),
		keyspace.Read("zcard", 2, onValue(m.runZCard)),
		keyspace.Read("zscore", 3, onValue(m.runZScore)),
		keyspace.Read("zmscore", -3, onValue(m.runZMScore)),
		keyspace.ReadExclusively("zcount", 4, m.runZCount),
		keyspace.ReadExclusively("zrank", 3, onValue(m.runZRank)),
		keyspace.ReadExclusively("zrevrank", 3, onValue(m.runZRank)),
		keyspace.ReadExclusively("zrange", -4, m.runZRange),
		keyspace.ReadExclusively("zrevrange", -4, m.runZRange),
		keyspace.ReadExclusively("zrangebyscore", -4, m.runZRange),
		keyspace.ReadExclusively("zrevrangebyscore", -4, m.runZRange),
		keyspace.ReadExclusively("zscan", -3, m.runZScan),
	}
}

// zaddOptions are the options of ZADD.
type zaddOptions struct {
	condition                                      keyspace.Condition
	onlyGreater, onlyLess, countChanged, increment bool
}

func parseAddOptions(args [][]byte) (o zaddOptions, rest [][]byte) {
	for ; len(args) > 0; args = args[1:] {
		switch w := args[0]; {
		case resp.IsWord(w, "NX"):
			o.condition |= keyspace.OnlyNew
		case resp.IsWord(w, "XX"):
			o.condition |= keyspace.OnlyExisting
		case resp.IsWord(w, "GT"):
			o.onlyGreater = true
		case resp.IsWord(w, "LT"):
			o.onlyLess = true
		case resp.IsWord(w, "CH"):
			o.countChanged = true
		case resp.IsWord(w, "INCR"):
			o.increment = true
		default:
			return o, args
		}
	}
	return o, args
}

func (o *zaddOptions) check(pairs [][]byte) resp.Error {
	onlyNew := o.condition&keyspace.OnlyNew != 0
	switch {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		return resp.ErrSyntax
	case o.condition == keyspace.OnlyNew|keyspace.OnlyExisting:
		return "ERR XX and NX options at the same time are not compatible"
	case o.onlyGreater && (o.onlyLess || onlyNew), o.onlyLess && onlyNew:
		return "ERR GT, LT, and/or NX options at the same time are not compatible"
	case o.increment && len(pairs) > 2:
		return "ERR INCR option supports a single increment-element pair"
	}
	for i := 0; i < len(pairs); i += 2 {
		if v, ok := resp.ParseDouble(pairs[i]); !ok || math.IsNaN(v) {
			return resp.ErrNotFloat
		}
	}
	return ""
}

// allows reports whether the options allow to give a member this score.
func (o *zaddOptions) allows(old, score float64, exists bool) bool {
	switch {
	case !exists:
		return o.condition != keyspace.OnlyExisting
	case o.condition == keyspace.OnlyNew, o.onlyGreater && score <= old, o.onlyLess && score >= old:
		return false
	}
	return true
}

func (m *Module) runZAdd(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	o, pairs := parseAddOptions(args[2:])
	if err := o.check(pairs); c.Fail(err) {
		return
	}
	z, ok := find[*sortedSet](c, d, args[1])
	if !ok {
		return
	}
	if o.increment {
		m.increaseScore(c, d, args[1], z, &o, pairs)
		return
	}
	if z == nil {
		z = &sortedSet{}
	}
	var created, changed int64
	for i := 0; i < len(pairs); i += 2 {
		score, _ := resp.ParseDouble(pairs[i])
		member := string(pairs[i+1])
		old, exists := z.score(member)
		if !o.allows(old, score, exists) || exists && old == score {
			continue
		}
		z.set(member, score)
		if changed++; !exists {
			created++
		}
	}
	if changed > 0 {
		m.put(d, args[1], z)
	}
	if o.countChanged {
		created = changed
	}
	c.Out.Int(created)
}

func (m *Module) runZIncrBy(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	var o zaddOptions
	if err := o.check(args[2:]); c.Fail(err) {
		return
	}
	if z, ok := find[*sortedSet](c, d, args[1]); ok {
		m.increaseScore(c, d, args[1], z, &o, args[2:])
	}
}

// increaseScore runs ZINCRBY, and ZADD with INCR.
func (m *Module) increaseScore(c *keyspace.Session, d *keyspace.Database, key []byte, z *sortedSet, o *zaddOptions, pair [][]byte) {
	by, _ := resp.ParseDouble(pair[0])
	member := string(pair[1])
	old, exists := z.score(member)
	score := old + by
	switch {
	case math.IsNaN(score):
		c.Fail("ERR resulting score is not a number (NaN)")
		return
	case !o.allows(old, score, exists):
		c.Out.Null()
		return
	case z == nil:
		z = &sortedSet{}
	}
	z.set(member, score)
	m.put(d, key, z)
	c.Out.Double(score)
}

func (m *Module) runZRem(c *keyspace.Session, d *keyspace.Database, z *sortedSet, args [][]byte) {
	n := int64(0)
	for _, m := range args[2:] {
		if z != nil && z.remove(string(m)) {
			n++
		}
	}
	c.Out.Int(n)
	if n > 0 {
		z.inOrder()
		m.changed(d, string(args[1]))
	}
}

func (m *Module) runZCard(c *keyspace.Session, d *keyspace.Database, z *sortedSet, args [][]byte) {
	c.Out.Int(int64(z.len()))
}

func writeScoreOrNull(c *keyspace.Session, z *sortedSet, member []byte) {
	if v, exists := z.score(string(member)); exists {
		c.Out.Double(v)
	} else {
		c.Out.Null()
	}
}

func (m *Module) runZScore(c *keyspace.Session, d *keyspace.Database, z *sortedSet, args [][]byte) {
	writeScoreOrNull(c, z, args[2])
}

func (m *Module) runZMScore(c *keyspace.Session, d *keyspace.Database, z *sortedSet, args [][]byte) {
	c.Out.Array(len(args) - 2)
	for _, m := range args[2:] {
		writeScoreOrNull(c, z, m)
	}
}

func (m *Module) runZCount(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	r, ok := parseScoreRange(args[2], args[3])
	if !ok {
		c.Fail(errMinMax)
		return
	}
	if z, ok := find[*sortedSet](c, d, args[1]); ok {
		c.Out.Int(int64(len(r.slice(z.inOrder()))))
	}
}

func (m *Module) runZRank(c *keyspace.Session, d *keyspace.Database, z *sortedSet, args [][]byte) {
	score, exists := z.score(string(args[2]))
	if !exists {
		c.Out.Null()
		return
	}
	rank, _ := slices.BinarySearchFunc(z.inOrder(), scoredMember{string(args[2]), score}, compareMembers)
	if resp.IsWord(args[0], "ZREVRANK") {
		rank = z.len() - 1 - rank
	}
	c.Out.Int(int64(rank))
}

func (m *Module) runZPop(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	count, ok := popCount(c, args)
	if !ok {
		return
	}
	z, ok := find[*sortedSet](c, d, args[1])
	if !ok {
		return
	}
	var list []scoredMember
	if z != nil {
		list = z.pop(int(min(count, int64(z.len()))), resp.IsWord(args[0], "ZPOPMAX"))
	}
	writeMembers(c, list, true, len(args) == 2)
	if len(list) > 0 {
		m.changed(d, string(args[1]))
	}
}

// writeMembers answers members and, if wanted, their scores. RESP3 gets pairs
// unless the reply is always flat.
func writeMembers(c *keyspace.Session, list []scoredMember, withScores, flat bool) {
	nested := withScores && c.Out.RESP3 && !flat
	if withScores && !nested {
		c.Out.Array(2 * len(list))
	} else {
		c.Out.Array(len(list))
	}
	for _, r := range list {
		if nested {
			c.Out.Array(2)
		}
		c.Out.Bulk(r.member)
		if withScores {
			c.Out.Double(r.score)
		}
	}
}

// zrangeRequest is the request of ZRANGE and its older variants.
type zrangeRequest struct {
	byScore, reverse, withScores, limited bool
	offset, count                         int64
}

func parseRange(args [][]byte) (r zrangeRequest, err resp.Error) {
	name := strings.ToUpper(string(args[0]))
	general := name == "ZRANGE"
	r = zrangeRequest{byScore: strings.HasSuffix(name, "BYSCORE"), reverse: strings.HasPrefix(name, "ZREV"), count: -1}
	for rest := args[4:]; len(rest) > 0; rest = rest[1:] {
		switch w := rest[0]; {
		case resp.IsWord(w, "WITHSCORES"):
			r.withScores = true
		case general && resp.IsWord(w, "BYSCORE"):
			r.byScore = true
		case general && resp.IsWord(w, "REV"):
			r.reverse = true
		case resp.IsWord(w, "LIMIT") && len(rest) > 2:
			var ok bool
			if r.offset, r.count, ok = parseBounds(rest[1], rest[2]); !ok {
				return r, resp.ErrNotInteger
			}
			r.limited = true
			rest = rest[2:]
		default:
			return r, resp.ErrSyntax
		}
	}
	if r.limited && !r.byScore {
		return r, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	}
	return r, ""
}

func (m *Module) runZRange(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	r, err := parseRange(args)
	if c.Fail(err) {
		return
	}
	_, list, ok := findRange(c, d, &r, args)
	if !ok {
		return
	}
	if r.reverse {
		list = slices.Clone(list)
		slices.Reverse(list)
	}
	if r.limited {
		skip := min(max(0, r.offset), int64(len(list)))
		if r.offset < 0 {
			skip = int64(len(list))
		}
		list = list[skip:]
		if r.count >= 0 {
			list = list[:min(r.count, int64(len(list)))]
		}
	}
	writeMembers(c, list, r.withScores, false)
}

// findRange returns a sorted set and its members in the requested range. It
// returns false after an error.
func findRange(c *keyspace.Session, d *keyspace.Database, r *zrangeRequest, args [][]byte) (z *sortedSet, list []scoredMember, ok bool) {
	choose, err := r.rangeFunc(args[2], args[3])
	if c.Fail(err) {
		return nil, nil, false
	}
	if z, ok = find[*sortedSet](c, d, args[1]); !ok {
		return nil, nil, false
	}
	return z, choose(z.inOrder()), true
}

// rangeFunc returns a function that takes the requested range out of the
// ordered members.
func (r *zrangeRequest) rangeFunc(first, last []byte) (func([]scoredMember) []scoredMember, resp.Error) {
	if r.byScore {
		if r.reverse {
			first, last = last, first
		}
		scores, ok := parseScoreRange(first, last)
		if !ok {
			return nil, errMinMax
		}
		return scores.slice, ""
	}
	from, to, ok := parseBounds(first, last)
	if !ok {
		return nil, resp.ErrNotInteger
	}
	return func(all []scoredMember) []scoredMember {
		lo, hi := sliceBounds(from, to, len(all))
		if r.reverse {
			lo, hi = len(all)-hi, len(all)-lo
		}
		return all[lo:hi]
	}, ""
}

func (m *Module) runZRemRange(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	r := zrangeRequest{byScore: resp.IsWord(args[0], "ZREMRANGEBYSCORE")}
	z, list, ok := findRange(c, d, &r, args)
	if !ok {
		return
	}
	for _, e := range list {
		z.remove(e.member)
	}
	c.Out.Int(int64(len(list)))
	if len(list) > 0 {
		z.inOrder()
		m.changed(d, string(args[1]))
	}
}

func (m *Module) runZScan(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	pattern, ok := parseScan(c, args[2:])
	if !ok {
		return
	}
	z, ok := find[*sortedSet](c, d, args[1])
	if !ok {
		return
	}
	var list []string
	for _, r := range z.inOrder() {
		if keyspace.MatchPattern(pattern, r.member) {
			list = append(list, r.member, strconv.FormatFloat(r.score, 'g', 17, 64))
		}
	}
	c.Out.Array(2)
	c.Out.Bulk("0")
	c.Out.Bulks(list)
}
