package datatypes

import (
	"math/rand/v2"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// set is a set. Its members are answered in alphabetical order.
type set struct{ members compactMap[struct{}] }

func (*set) typeName() string { return "set" }
func (s *set) bytes() int64 {
	return s.members.text + int64(s.members.peak)*elementBytes
}
func (s *set) isEmpty() bool  { return len(s.members.m) == 0 }
func (s *set) clone() content { return &set{s.members.clone()} }

func (s *set) len() int {
	if s == nil {
		return 0
	}
	return len(s.members.m)
}

func (s *set) contains(member string) bool {
	if s == nil {
		return false
	}
	_, ok := s.members.m[member]
	return ok
}

func (s *set) sortedMembers() []string {
	if s == nil {
		return nil
	}
	return s.members.sortedKeys()
}

func (m *Module) setCommands() []keyspace.Command {
	return []keyspace.Command{
		m.growing("sadd", -3, onValue(m.runSAdd)),
		keyspace.Write("srem", -3, onValue(m.runSRem)),
		keyspace.Write("spop", -2, m.runSPop),
		m.growing("smove", 4, onValue(m.runSMove)),
		keyspace.Write("sunionstore", -3, m.runStoreCombination),
		keyspace.Write("sinterstore", -3, m.runStoreCombination),
		keyspace.Write("sdiffstore", -3, m.runStoreCombination),
		keyspace.Read("smembers", 2, onValue(m.runSMembers)),
		keyspace.Read("scard", 2, onValue(m.runSCard)),
		keyspace.Read("sismember", 3, onValue(m.runSIsMember)),
		keyspace.Read("smismember", -3, onValue(m.runSMIsMember)),
		keyspace.Read("srandmember", -2, m.runSRandMember),
		keyspace.Read("sunion", -2, m.runCombination),
		keyspace.Read("sinter", -2, m.runCombination),
		keyspace.Read("sdiff", -2, m.runCombination),
		keyspace.Read("sscan", -3, m.runSScan),
	}
}

func (m *Module) runSAdd(c *keyspace.Session, d *keyspace.Database, s *set, args [][]byte) {
	if s == nil {
		s = &set{}
	}
	n := int64(0)
	for _, m := range args[2:] {
		if s.members.set(string(m), struct{}{}) {
			n++
		}
	}
	c.Out.Int(n)
	if n > 0 {
		m.put(d, args[1], s)
	}
}

func (m *Module) runSRem(c *keyspace.Session, d *keyspace.Database, s *set, args [][]byte) {
	n := int64(0)
	for _, m := range args[2:] {
		if s != nil && s.members.remove(string(m)) {
			n++
		}
	}
	c.Out.Int(n)
	if n > 0 {
		m.changed(d, string(args[1]))
	}
}

func (m *Module) runSMembers(c *keyspace.Session, d *keyspace.Database, s *set, args [][]byte) {
	c.Out.BulkSet(s.sortedMembers())
}

func (m *Module) runSCard(c *keyspace.Session, d *keyspace.Database, s *set, args [][]byte) {
	c.Out.Int(int64(s.len()))
}

func (m *Module) runSIsMember(c *keyspace.Session, d *keyspace.Database, s *set, args [][]byte) {
	c.Out.Bool(s.contains(string(args[2])))
}

func (m *Module) runSMIsMember(c *keyspace.Session, d *keyspace.Database, s *set, args [][]byte) {
	c.Out.Array(len(args) - 2)
	for _, m := range args[2:] {
		c.Out.Bool(s.contains(string(m)))
	}
}

// pick returns up to n members in the random order of Go's maps.
func (s *set) pick(n int64) []string {
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

func (m *Module) runSPop(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	count, ok := popCount(c, args)
	if !ok {
		return
	}
	s, ok := find[*set](c, d, args[1])
	if !ok {
		return
	}
	list := s.pick(count)
	for _, m := range list {
		s.members.remove(m)
	}
	switch {
	case len(args) > 2:
		c.Out.BulkSet(list)
	case len(list) == 0:
		c.Out.Null()
	default:
		c.Out.Bulk(list[0])
	}
	if len(list) > 0 {
		m.changed(d, string(args[1]))
	}
}

// maxRandomMembers bounds a negative count of SRANDMEMBER, which can repeat
// members.
const maxRandomMembers = 1 << 16

func (m *Module) runSRandMember(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	count, ok := int64(1), true
	if len(args) > 2 {
		count, ok = resp.ParseInt(args[2])
	}
	if !ok || count < -maxRandomMembers || len(args) > 3 {
		c.Fail("ERR value is out of range")
		return
	}
	s, ok := find[*set](c, d, args[1])
	switch {
	case !ok:
	case len(args) == 2 && s == nil:
		c.Out.Null()
	case len(args) == 2:
		c.Out.Bulk(s.pick(1)[0])
	case count < 0 && s != nil:
		names := s.sortedMembers()
		c.Out.Array(int(-count))
		for range -count {
			c.Out.Bulk(names[rand.IntN(len(names))])
		}
	default:
		c.Out.Bulks(s.pick(count))
	}
}

func (m *Module) runSMove(c *keyspace.Session, d *keyspace.Database, src *set, args [][]byte) {
	if src == nil {
		c.Out.Int(0)
		return
	}
	dest, ok := find[*set](c, d, args[2])
	if !ok {
		return
	}
	member := string(args[3])
	if !src.contains(member) {
		c.Out.Int(0)
		return
	}
	c.Out.Int(1)
	if src == dest {
		return
	}
	if dest == nil {
		dest = &set{}
	}
	src.members.remove(member)
	dest.members.set(member, struct{}{})
	m.put(d, args[2], dest)
	m.changed(d, string(args[1]))
}

// combineKeys computes SUNION, SINTER or SDIFF. It uses each key once, so the
// work is bounded by the stored data.
func combineKeys(c *keyspace.Session, d *keyspace.Database, operation byte, keys [][]byte) (*set, bool) {
	result := &set{}
	seen := map[string]bool{}
	for i, key := range keys {
		s, ok := find[*set](c, d, key)
		if !ok {
			return nil, false
		}
		if i == 0 {
			result = &set{}
			if s != nil {
				result = s.clone().(*set)
			}
		} else if !seen[string(key)] || operation == 'd' && string(key) == string(keys[0]) {
			result.combine(operation, s)
		}
		seen[string(key)] = true
	}
	return result, true
}

func (s *set) combine(operation byte, other *set) {
	switch operation {
	case 'u':
		if other != nil {
			for m := range other.members.m {
				s.members.set(m, struct{}{})
			}
		}
	case 'i':
		for m := range s.members.m {
			if !other.contains(m) {
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

// setOperation returns the second letter of the command: u(nion), i(nter) or
// d(iff).
func setOperation(name []byte) byte { return name[1] | 0x20 }

func (m *Module) runCombination(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	if s, ok := combineKeys(c, d, setOperation(args[0]), args[1:]); ok {
		c.Out.BulkSet(s.sortedMembers())
	}
}

func (m *Module) runStoreCombination(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	s, ok := combineKeys(c, d, setOperation(args[0]), args[2:])
	if !ok {
		return
	}
	s = &set{s.members.clone()} // drops the memory of removed members
	if !m.hasRoom(keyBytes + int64(len(args[1])) + s.bytes()) {
		c.Fail(resp.ErrOOM)
		return
	}
	c.Out.Int(int64(s.len()))
	if s.isEmpty() {
		d.Delete(string(args[1]))
		return
	}
	m.replace(d, args[1], s)
}

func (m *Module) runSScan(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	pattern, ok := parseScan(c, args[2:])
	if !ok {
		return
	}
	if s, ok := find[*set](c, d, args[1]); ok {
		c.Out.Array(2)
		c.Out.Bulk("0")
		c.Out.Bulks(slices.DeleteFunc(s.sortedMembers(), func(m string) bool { return !keyspace.MatchPattern(pattern, m) }))
	}
}
