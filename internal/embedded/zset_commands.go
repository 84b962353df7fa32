package embedded

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const errMinMax = "ERR min or max is not a float"

// Commands that need the order of a sorted set may have to make it, and
// therefore lock the store for writing.
func zsetCommands() []command {
	return []command{
		{"zadd", -4, flagWrite, growing(zsetAdd)},
		{"zincrby", 4, flagWrite, growing(zsetIncr)},
		{"zrem", -3, flagWrite, writing(zsetRemove)},
		{"zpopmin", -2, flagWrite, writing(zsetPop)},
		{"zpopmax", -2, flagWrite, writing(zsetPop)},
		{"zremrangebyrank", 4, flagWrite, writing(zsetRemoveRange)},
		{"zremrangebyscore", 4, flagWrite, writing(zsetRemoveRange)},
		{"zcard", 2, 0, reading(zsetCard)},
		{"zscore", 3, 0, reading(zsetScore)},
		{"zmscore", -3, 0, reading(zsetScores)},
		{"zcount", 4, 0, writing(zsetCount)},
		{"zrank", 3, 0, writing(zsetRank)},
		{"zrevrank", 3, 0, writing(zsetRank)},
		{"zrange", -4, 0, writing(zsetRange)},
		{"zrevrange", -4, 0, writing(zsetRange)},
		{"zrangebyscore", -4, 0, writing(zsetRange)},
		{"zrevrangebyscore", -4, 0, writing(zsetRange)},
		{"zscan", -3, 0, writing(zsetScan)},
	}
}

// addOptions are the options of ZADD.
type addOptions struct {
	mode                         setMode
	greater, less, changed, incr bool
}

func parseAddOptions(args [][]byte) (o addOptions, rest [][]byte) {
	for ; len(args) > 0; args = args[1:] {
		switch w := args[0]; {
		case resp.IsWord(w, "NX"):
			o.mode |= setNew
		case resp.IsWord(w, "XX"):
			o.mode |= setKnown
		case resp.IsWord(w, "GT"):
			o.greater = true
		case resp.IsWord(w, "LT"):
			o.less = true
		case resp.IsWord(w, "CH"):
			o.changed = true
		case resp.IsWord(w, "INCR"):
			o.incr = true
		default:
			return o, args
		}
	}
	return o, args
}

func (o *addOptions) check(pairs [][]byte) resp.Error {
	onlyNew := o.mode&setNew != 0
	switch {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		return resp.ErrSyntax
	case o.mode == setNew|setKnown:
		return "ERR XX and NX options at the same time are not compatible"
	case o.greater && (o.less || onlyNew), o.less && onlyNew:
		return "ERR GT, LT, and/or NX options at the same time are not compatible"
	case o.incr && len(pairs) > 2:
		return "ERR INCR option supports a single increment-element pair"
	}
	for i := 0; i < len(pairs); i += 2 {
		if v, ok := resp.ParseDouble(pairs[i]); !ok || math.IsNaN(v) {
			return resp.ErrNotFloat
		}
	}
	return ""
}

// admits reports whether a member may get a score.
func (o *addOptions) admits(old, score float64, there bool) bool {
	switch {
	case !there:
		return o.mode != setKnown
	case o.mode == setNew, o.greater && score <= old, o.less && score >= old:
		return false
	}
	return true
}

func zsetAdd(c *conn, d *database, args [][]byte) {
	o, pairs := parseAddOptions(args[2:])
	if err := o.check(pairs); err != "" {
		c.out.Error(err)
		return
	}
	z, ok := find[*zsetObject](c, d, args[1])
	if !ok {
		return
	}
	if o.incr {
		c.increase(d, args[1], z, &o, pairs)
		return
	}
	if z == nil {
		z = &zsetObject{}
	}
	var created, changed int64
	for i := 0; i < len(pairs); i += 2 {
		score, _ := resp.ParseDouble(pairs[i])
		member := string(pairs[i+1])
		old, there := z.score(member)
		if !o.admits(old, score, there) || there && old == score {
			continue
		}
		z.set(member, score)
		if changed++; !there {
			created++
		}
	}
	if changed > 0 {
		c.srv.store.put(d, args[1], z)
	}
	if o.changed {
		created = changed
	}
	c.out.Int(created)
}

func zsetIncr(c *conn, d *database, args [][]byte) {
	var o addOptions
	if err := o.check(args[2:]); err != "" {
		c.out.Error(err)
		return
	}
	if z, ok := find[*zsetObject](c, d, args[1]); ok {
		c.increase(d, args[1], z, &o, args[2:])
	}
}

// increase answers ZINCRBY, and ZADD with INCR.
func (c *conn) increase(d *database, key []byte, z *zsetObject, o *addOptions, pair [][]byte) {
	by, _ := resp.ParseDouble(pair[0])
	member := string(pair[1])
	old, there := z.score(member)
	score := old + by
	switch {
	case math.IsNaN(score):
		c.out.Error("ERR resulting score is not a number (NaN)")
		return
	case !o.admits(old, score, there):
		c.out.Null()
		return
	case z == nil:
		z = &zsetObject{}
	}
	z.set(member, score)
	c.srv.store.put(d, key, z)
	c.out.Double(score)
}

func zsetRemove(c *conn, d *database, args [][]byte) {
	z, ok := find[*zsetObject](c, d, args[1])
	if !ok {
		return
	}
	n := int64(0)
	for _, m := range args[2:] {
		if z != nil && z.remove(string(m)) {
			n++
		}
	}
	c.out.Int(n)
	if n > 0 {
		z.ordered()
		c.srv.store.wrote(d, string(args[1]))
	}
}

func zsetCard(c *conn, d *database, args [][]byte) {
	if z, ok := find[*zsetObject](c, d, args[1]); ok {
		c.out.Int(int64(z.len()))
	}
}

func (c *conn) scoreOrNull(z *zsetObject, member []byte) {
	if v, there := z.score(string(member)); there {
		c.out.Double(v)
	} else {
		c.out.Null()
	}
}

func zsetScore(c *conn, d *database, args [][]byte) {
	if z, ok := find[*zsetObject](c, d, args[1]); ok {
		c.scoreOrNull(z, args[2])
	}
}

func zsetScores(c *conn, d *database, args [][]byte) {
	z, ok := find[*zsetObject](c, d, args[1])
	if !ok {
		return
	}
	c.out.Array(len(args) - 2)
	for _, m := range args[2:] {
		c.scoreOrNull(z, m)
	}
}

func zsetCount(c *conn, d *database, args [][]byte) {
	r, ok := parseScoreRange(args[2], args[3])
	if !ok {
		c.out.Error(errMinMax)
		return
	}
	if z, ok := find[*zsetObject](c, d, args[1]); ok {
		c.out.Int(int64(len(r.in(z.ordered()))))
	}
}

func zsetRank(c *conn, d *database, args [][]byte) {
	z, ok := find[*zsetObject](c, d, args[1])
	if !ok {
		return
	}
	score, there := z.score(string(args[2]))
	if !there {
		c.out.Null()
		return
	}
	rank, _ := slices.BinarySearchFunc(z.ordered(), ranked{string(args[2]), score}, compareRanked)
	if resp.IsWord(args[0], "ZREVRANK") {
		rank = z.len() - 1 - rank
	}
	c.out.Int(int64(rank))
}

func zsetPop(c *conn, d *database, args [][]byte) {
	count, ok := int64(1), true
	if len(args) > 2 {
		count, ok = resp.ParseInt(args[2])
	}
	if !ok || count < 0 || len(args) > 3 {
		c.out.Error("ERR value is out of range, must be positive")
		return
	}
	z, ok := find[*zsetObject](c, d, args[1])
	if !ok {
		return
	}
	var list []ranked
	if z != nil {
		list = z.pop(int(min(count, int64(z.len()))), resp.IsWord(args[0], "ZPOPMAX"))
	}
	c.ranking(list, true, len(args) == 2)
	if len(list) > 0 {
		c.srv.store.wrote(d, string(args[1]))
	}
}

// ranking writes members and, if wanted, their scores: pairs in RESP3, unless
// the reply is flat in any case.
func (c *conn) ranking(list []ranked, withScores, flat bool) {
	nested := withScores && c.out.RESP3 && !flat
	if withScores && !nested {
		c.out.Array(2 * len(list))
	} else {
		c.out.Array(len(list))
	}
	for _, r := range list {
		if nested {
			c.out.Array(2)
		}
		c.out.Bulk(r.member)
		if withScores {
			c.out.Double(r.score)
		}
	}
}

// rangeRequest is what ZRANGE and its relatives ask for.
type rangeRequest struct {
	byScore, reverse, withScores, limited bool
	offset, count                         int64
}

func parseRange(args [][]byte) (r rangeRequest, err resp.Error) {
	name := strings.ToUpper(string(args[0]))
	general := name == "ZRANGE"
	r = rangeRequest{byScore: strings.HasSuffix(name, "BYSCORE"), reverse: strings.HasPrefix(name, "ZREV"), count: -1}
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

func zsetRange(c *conn, d *database, args [][]byte) {
	r, err := parseRange(args)
	if err != "" {
		c.out.Error(err)
		return
	}
	choose, err := r.chooser(args[2], args[3])
	if err != "" {
		c.out.Error(err)
		return
	}
	z, ok := find[*zsetObject](c, d, args[1])
	if !ok {
		return
	}
	list := choose(z.ordered())
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
	c.ranking(list, r.withScores, false)
}

// chooser returns the function that picks the range out of the ascending order.
func (r *rangeRequest) chooser(first, last []byte) (func([]ranked) []ranked, resp.Error) {
	if r.byScore {
		if r.reverse {
			first, last = last, first
		}
		scores, ok := parseScoreRange(first, last)
		if !ok {
			return nil, errMinMax
		}
		return scores.in, ""
	}
	from, to, ok := parseBounds(first, last)
	if !ok {
		return nil, resp.ErrNotInteger
	}
	return func(all []ranked) []ranked {
		lo, hi := slicing(from, to, len(all))
		if r.reverse {
			lo, hi = len(all)-hi, len(all)-lo
		}
		return all[lo:hi]
	}, ""
}

func zsetRemoveRange(c *conn, d *database, args [][]byte) {
	r := rangeRequest{byScore: resp.IsWord(args[0], "ZREMRANGEBYSCORE")}
	choose, err := r.chooser(args[2], args[3])
	if err != "" {
		c.out.Error(err)
		return
	}
	z, ok := find[*zsetObject](c, d, args[1])
	if !ok {
		return
	}
	list := choose(z.ordered())
	for _, e := range list {
		z.remove(e.member)
	}
	c.out.Int(int64(len(list)))
	if len(list) > 0 {
		z.ordered()
		c.srv.store.wrote(d, string(args[1]))
	}
}

func zsetScan(c *conn, d *database, args [][]byte) {
	pattern, ok := c.scanOptions(args[2:])
	if !ok {
		return
	}
	z, ok := find[*zsetObject](c, d, args[1])
	if !ok {
		return
	}
	var list []string
	for _, r := range z.ordered() {
		if glob(pattern, r.member) {
			list = append(list, r.member, strconv.FormatFloat(r.score, 'g', 17, 64))
		}
	}
	c.out.Array(2)
	c.out.Bulk("0")
	c.out.Bulks(list)
}
