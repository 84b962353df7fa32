package embedded

import (
	"math/rand/v2"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// setObject is a set. Its members are answered in alphabetical order.
type setObject struct{ members dict[struct{}] }

func (*setObject) kind() string { return "set" }
func (s *setObject) bytes() int64 {
	return s.members.text + int64(s.members.peak)*elementBytes
}
func (s *setObject) empty() bool    { return len(s.members.m) == 0 }
func (s *setObject) clone() content { return &setObject{s.members.clone()} }

func (s *setObject) len() int {
	if s == nil {
		return 0
	}
	return len(s.members.m)
}

func (s *setObject) has(member string) bool {
	if s == nil {
		return false
	}
	_, ok := s.members.m[member]
	return ok
}

func (s *setObject) names() []string {
	if s == nil {
		return nil
	}
	return s.members.names()
}

func setCommands() []command {
	return []command{
		{"sadd", -3, flagWrite, growing(setAdd)},
		{"srem", -3, flagWrite, writing(setRemove)},
		{"spop", -2, flagWrite, writing(setPop)},
		{"smove", 4, flagWrite, growing(setMove)},
		{"sunionstore", -3, flagWrite, writing(setStore)},
		{"sinterstore", -3, flagWrite, writing(setStore)},
		{"sdiffstore", -3, flagWrite, writing(setStore)},
		{"smembers", 2, 0, reading(setMembers)},
		{"scard", 2, 0, reading(setCard)},
		{"sismember", 3, 0, reading(setIsMember)},
		{"smismember", -3, 0, reading(setAreMembers)},
		{"srandmember", -2, 0, reading(setRandom)},
		{"sunion", -2, 0, reading(setCombine)},
		{"sinter", -2, 0, reading(setCombine)},
		{"sdiff", -2, 0, reading(setCombine)},
		{"sscan", -3, 0, reading(setScan)},
	}
}

func setAdd(c *conn, d *database, args [][]byte) {
	s, ok := find[*setObject](c, d, args[1])
	if !ok {
		return
	}
	if s == nil {
		s = &setObject{}
	}
	n := int64(0)
	for _, m := range args[2:] {
		if s.members.set(string(m), struct{}{}) {
			n++
		}
	}
	c.out.Int(n)
	if n > 0 {
		c.srv.store.put(d, args[1], s)
	}
}

func setRemove(c *conn, d *database, args [][]byte) {
	s, ok := find[*setObject](c, d, args[1])
	if !ok {
		return
	}
	n := int64(0)
	for _, m := range args[2:] {
		if s != nil && s.members.remove(string(m)) {
			n++
		}
	}
	c.out.Int(n)
	if n > 0 {
		c.srv.store.wrote(d, string(args[1]))
	}
}

func setMembers(c *conn, d *database, args [][]byte) {
	if s, ok := find[*setObject](c, d, args[1]); ok {
		c.out.BulkSet(s.names())
	}
}

func setCard(c *conn, d *database, args [][]byte) {
	if s, ok := find[*setObject](c, d, args[1]); ok {
		c.out.Int(int64(s.len()))
	}
}

func setIsMember(c *conn, d *database, args [][]byte) {
	if s, ok := find[*setObject](c, d, args[1]); ok {
		c.out.Bool(s.has(string(args[2])))
	}
}

func setAreMembers(c *conn, d *database, args [][]byte) {
	s, ok := find[*setObject](c, d, args[1])
	if !ok {
		return
	}
	c.out.Array(len(args) - 2)
	for _, m := range args[2:] {
		c.out.Bool(s.has(string(m)))
	}
}

// some returns up to n members, in the random order of Go's maps.
func (s *setObject) some(n int64) []string {
	var list []string
	if s == nil {
		return list
	}
	for m := range s.members.m {
		if int64(len(list)) >= n {
			break
		}
		list = append(list, m)
	}
	return list
}

func setPop(c *conn, d *database, args [][]byte) {
	count, ok := int64(1), true
	if len(args) > 2 {
		count, ok = resp.ParseInt(args[2])
	}
	if !ok || count < 0 || len(args) > 3 {
		c.out.Error("ERR value is out of range, must be positive")
		return
	}
	s, ok := find[*setObject](c, d, args[1])
	if !ok {
		return
	}
	list := s.some(count)
	for _, m := range list {
		s.members.remove(m)
	}
	switch {
	case len(args) > 2:
		c.out.BulkSet(list)
	case len(list) == 0:
		c.out.Null()
	default:
		c.out.Bulk(list[0])
	}
	if len(list) > 0 {
		c.srv.store.wrote(d, string(args[1]))
	}
}

// maxRandomMembers bounds SRANDMEMBER with a negative count, which may answer
// a member many times.
const maxRandomMembers = 1 << 16

func setRandom(c *conn, d *database, args [][]byte) {
	count, ok := int64(1), true
	if len(args) > 2 {
		count, ok = resp.ParseInt(args[2])
	}
	if !ok || count < -maxRandomMembers || len(args) > 3 {
		c.out.Error("ERR value is out of range")
		return
	}
	s, ok := find[*setObject](c, d, args[1])
	switch {
	case !ok:
	case len(args) == 2 && s == nil:
		c.out.Null()
	case len(args) == 2:
		c.out.Bulk(s.some(1)[0])
	case count < 0 && s != nil:
		names := s.names()
		c.out.Array(int(-count))
		for range -count {
			c.out.Bulk(names[rand.IntN(len(names))])
		}
	default:
		c.out.Bulks(s.some(count))
	}
}

func setMove(c *conn, d *database, args [][]byte) {
	src, ok := find[*setObject](c, d, args[1])
	if !ok {
		return
	}
	if src == nil {
		c.out.Int(0)
		return
	}
	dest, ok := find[*setObject](c, d, args[2])
	if !ok {
		return
	}
	member := string(args[3])
	if !src.has(member) {
		c.out.Int(0)
		return
	}
	c.out.Int(1)
	if src == dest {
		return
	}
	if dest == nil {
		dest = &setObject{}
	}
	src.members.remove(member)
	dest.members.set(member, struct{}{})
	c.srv.store.put(d, args[2], dest)
	c.srv.store.wrote(d, string(args[1]))
}

// combined computes SUNION, SINTER or SDIFF, each key at most once, so that the
// work is bounded by what is stored.
func (c *conn) combined(d *database, how byte, keys [][]byte) (*setObject, bool) {
	result := &setObject{}
	seen := map[string]bool{}
	for i, key := range keys {
		s, ok := find[*setObject](c, d, key)
		if !ok {
			return nil, false
		}
		if i == 0 {
			result = &setObject{}
			if s != nil {
				result = s.clone().(*setObject)
			}
		} else if !seen[string(key)] || how == 'd' && string(key) == string(keys[0]) {
			result.combine(how, s)
		}
		seen[string(key)] = true
	}
	return result, true
}

func (s *setObject) combine(how byte, other *setObject) {
	switch how {
	case 'u':
		if other != nil {
			for m := range other.members.m {
				s.members.set(m, struct{}{})
			}
		}
	case 'i':
		for m := range s.members.m {
			if !other.has(m) {
				delete(s.members.m, m)
				s.members.text -= int64(len(m))
			}
		}
	case 'd':
		if other != nil {
			for m := range other.members.m {
				s.members.remove(m)
			}
		}
	}
}

// combination tells SUNION, SINTER and SDIFF apart by their second letter.
func combination(name []byte) byte { return name[1] | 0x20 }

func setCombine(c *conn, d *database, args [][]byte) {
	if s, ok := c.combined(d, combination(args[0]), args[1:]); ok {
		c.out.BulkSet(s.names())
	}
}

func setStore(c *conn, d *database, args [][]byte) {
	s, ok := c.combined(d, combination(args[0]), args[2:])
	if !ok {
		return
	}
	s = &setObject{s.members.clone()} // its peak is then its size
	if !c.srv.store.room(objectBytes + int64(len(args[1])) + s.bytes()) {
		c.fail(resp.ErrOOM)
		return
	}
	c.out.Int(int64(s.len()))
	if s.empty() {
		c.srv.store.dropAny(d, args[1])
		return
	}
	c.assign(d, args[1], s)
}

func setScan(c *conn, d *database, args [][]byte) {
	pattern, ok := c.scanOptions(args[2:])
	if !ok {
		return
	}
	if s, ok := find[*setObject](c, d, args[1]); ok {
		c.out.Array(2)
		c.out.Bulk("0")
		c.out.Bulks(slices.DeleteFunc(s.names(), func(m string) bool { return !glob(pattern, m) }))
	}
}
