package datatypes

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxGroupsPerStream bounds the consumer groups of one stream.
const maxGroupsPerStream = 64

// consumerGroup remembers which entries were delivered to which consumer.
type consumerGroup struct {
	last      streamID             // the newest delivered entry
	pending   compactMap[delivery] // unacknowledged entries by streamID.key
	consumers compactMap[int]      // number of pending entries of each consumer
}

// delivery is an entry that a consumer received and has not acknowledged.
type delivery struct {
	consumer string
	at       time.Time
	times    int64
}

// key encodes an ID as a string that sorts like the ID.
func (id streamID) key() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], id.ms)
	binary.BigEndian.PutUint64(b[8:], id.seq)
	return string(b[:])
}

func streamIDOfKey(key string) streamID {
	b := []byte(key)
	return streamID{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (g *consumerGroup) bytes() int64 {
	return 4*elementBytes + g.pending.text + int64(g.pending.peak)*deliveryBytes + g.consumers.text + int64(g.consumers.peak)*2*elementBytes
}

// deliveryBytes is the estimated size of a pending entry.
const deliveryBytes = 2 * elementBytes

func (g *consumerGroup) clone() *consumerGroup {
	return &consumerGroup{g.last, g.pending.clone(), g.consumers.clone()}
}

// addDelivery records that a consumer received an entry.
func (g *consumerGroup) addDelivery(id streamID, consumer string, now time.Time) {
	g.acknowledge(id)
	g.pending.set(id.key(), delivery{consumer, now, 1})
	g.consumers.set(consumer, g.consumers.m[consumer]+1)
}

// acknowledge removes a pending entry and reports whether there was one.
func (g *consumerGroup) acknowledge(id streamID) bool {
	d, exists := g.pending.m[id.key()]
	if exists {
		g.pending.remove(id.key())
		g.consumers.m[d.consumer]--
	}
	return exists
}

func (m *Module) groupCommands() []keyspace.Command {
	return []keyspace.Command{
		m.growing("xgroup", -2, m.runXGroup),
		keyspace.Custom("xreadgroup", -7, keyspace.FlagWrite|keyspace.FlagBlocking, m.runXReadGroup),
		keyspace.Write("xack", -4, onValue(m.runXAck)),
		keyspace.Read("xpending", -3, onValue(m.runXPending)),
	}
}

func noGroupError(key, group []byte) resp.Error {
	return resp.Error("NOGROUP No such key '" + string(key) + "' or consumer group '" + string(group) + "'")
}

// group returns a group, nil if there is no such stream or group.
func (s *stream) group(name []byte) *consumerGroup {
	if s == nil {
		return nil
	}
	return s.groups[string(name)]
}

func (m *Module) runXGroup(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	sub := strings.ToUpper(string(args[1]))
	if sub == "CREATE" && (len(args) == 5 || len(args) == 6 && resp.IsWord(args[5], "MKSTREAM")) {
		m.createGroup(c, d, args)
		return
	}
	known := sub == "DESTROY" && len(args) == 4 || (sub == "CREATECONSUMER" || sub == "DELCONSUMER") && len(args) == 5
	if !known {
		c.FailSubcommand(args[1])
		return
	}
	s, ok := find[*stream](c, d, args[2])
	if !ok {
		return
	}
	if s == nil {
		c.Fail("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.")
		return
	}
	g := s.group(args[3])
	switch {
	case sub == "DESTROY":
		delete(s.groups, string(args[3]))
		c.Out.Bool(g != nil)
	case g == nil:
		c.Fail(resp.Error("NOGROUP No such consumer group '" + string(args[3]) + "' for key name '" + string(args[2]) + "'"))
		return
	case sub == "CREATECONSUMER":
		_, exists := g.consumers.m[string(args[4])]
		g.consumers.set(string(args[4]), g.consumers.m[string(args[4])])
		c.Out.Bool(!exists)
	default:
		c.Out.Int(g.removeConsumer(string(args[4])))
	}
	m.changed(d, string(args[2]))
}

// removeConsumer removes a consumer with its pending entries. It returns how
// many those were.
func (g *consumerGroup) removeConsumer(name string) int64 {
	n := int64(0)
	for _, key := range g.pending.sortedKeys() {
		if g.pending.m[key].consumer == name {
			g.pending.remove(key)
			n++
		}
	}
	g.consumers.remove(name)
	return n
}

func (m *Module) createGroup(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	s, ok := find[*stream](c, d, args[2])
	if !ok {
		return
	}
	switch {
	case s == nil && len(args) == 5:
		c.Fail("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.")
		return
	case s == nil:
		s = &stream{}
	}
	last, ok := s.last, true
	if string(args[4]) != "$" {
		last, ok = parseStreamBound(args[4], true)
	}
	switch {
	case !ok:
		c.Fail(errStreamID)
		return
	case s.group(args[3]) != nil:
		c.Fail("BUSYGROUP Consumer Group name already exists")
		return
	case len(s.groups) >= maxGroupsPerStream:
		c.Fail(resp.ErrOOM)
		return
	case s.groups == nil:
		s.groups = map[string]*consumerGroup{}
	}
	s.groups[string(args[3])] = &consumerGroup{last: last}
	m.put(d, args[2], s)
	c.Out.OK()
}

func (m *Module) runXAck(c *keyspace.Session, d *keyspace.Database, s *stream, args [][]byte) {
	g, n := s.group(args[2]), int64(0)
	if g == nil {
		c.Out.Int(0)
		return
	}
	for _, word := range args[3:] {
		if _, ok := parseStreamID(word, 0); !ok {
			c.Fail(errStreamID)
			return
		}
	}
	for _, word := range args[3:] {
		if id, _ := parseStreamID(word, 0); g.acknowledge(id) {
			n++
		}
	}
	c.Out.Int(n)
	m.changed(d, string(args[1]))
}

// runXPending answers a summary, or the pending entries in a range of IDs.
func (m *Module) runXPending(c *keyspace.Session, d *keyspace.Database, s *stream, args [][]byte) {
	g := s.group(args[2])
	if g == nil {
		c.Fail(noGroupError(args[1], args[2]))
		return
	}
	if len(args) == 3 {
		writePendingSummary(c, g)
		return
	}
	if len(args) != 6 && len(args) != 7 {
		c.Fail(resp.ErrSyntax)
		return
	}
	from, okFrom := parseStreamBound(args[3], true)
	to, okTo := parseStreamBound(args[4], false)
	count, okCount := resp.ParseInt(args[5])
	switch {
	case !okFrom || !okTo:
		c.Fail(errStreamID)
		return
	case !okCount:
		c.Fail(resp.ErrNotInteger)
		return
	}
	var list []string
	for _, key := range g.pending.sortedKeys() {
		if id := streamIDOfKey(key); id.less(from) || to.less(id) || len(args) == 7 && g.pending.m[key].consumer != string(args[6]) || int64(len(list)) >= count {
			continue
		}
		list = append(list, key)
	}
	c.Out.Array(len(list))
	for _, key := range list {
		p := g.pending.m[key]
		c.Out.Array(4)
		c.Out.Bulk(streamIDOfKey(key).String())
		c.Out.Bulk(p.consumer)
		c.Out.Int(max(0, c.Store.Now().Sub(p.at).Milliseconds()))
		c.Out.Int(p.times)
	}
}

func writePendingSummary(c *keyspace.Session, g *consumerGroup) {
	keys := g.pending.sortedKeys()
	c.Out.Array(4)
	c.Out.Int(int64(len(keys)))
	if len(keys) == 0 {
		c.Out.Null()
		c.Out.Null()
		c.Out.NullArray()
		return
	}
	c.Out.Bulk(streamIDOfKey(keys[0]).String())
	c.Out.Bulk(streamIDOfKey(keys[len(keys)-1]).String())
	var busy []string
	for _, name := range g.consumers.sortedKeys() {
		if g.consumers.m[name] > 0 {
			busy = append(busy, name)
		}
	}
	c.Out.Array(len(busy))
	for _, name := range busy {
		c.Out.Array(2)
		c.Out.Bulk(name)
		c.Out.BulkBytes(resp.AppendSampleValue(nil, float64(g.consumers.m[name])))
	}
}

// readGroupRequest is the request of XREADGROUP.
type readGroupRequest struct {
	readRequest
	group, consumer []byte
	noAck           bool
	undelivered     []bool // ">": entries that no consumer received yet
}

func parseGroupRead(args [][]byte) (r readGroupRequest, err resp.Error) {
	if !resp.IsWord(args[0], "GROUP") {
		return r, resp.ErrSyntax
	}
	r.group, r.consumer = args[1], args[2]
	rest := args[3:]
	var plain [][]byte // the same request in the form of XREAD
	for len(rest) > 0 && !resp.IsWord(rest[0], "STREAMS") {
		if resp.IsWord(rest[0], "NOACK") {
			r.noAck, rest = true, rest[1:]
			continue
		}
		n := min(2, len(rest))
		plain, rest = append(plain, rest[:n]...), rest[n:]
	}
	r.undelivered = make([]bool, len(rest)/2)
	for i, word := range rest {
		if at := i - 1 - len(r.undelivered); at >= 0 && string(word) == ">" {
			r.undelivered[at], word = true, []byte("0")
		}
		plain = append(plain, word)
	}
	r.readRequest, err = parseRead(plain)
	for i := range r.onlyNew {
		if r.onlyNew[i] || r.onlyLast[i] {
			return r, errStreamID
		}
		r.blocks = r.blocks && r.undelivered[i] // old entries exist or they do not
	}
	return r, err
}

func (m *Module) runXReadGroup(c *keyspace.Session, args [][]byte) {
	r, err := parseGroupRead(args[1:])
	if c.Fail(err) {
		return
	}
	try := func() bool {
		d := c.Store.Lock(c.DB)
		defer c.Store.Unlock()
		return m.deliver(c, d, &r)
	}
	if !r.blocks && try() || r.blocks && c.WaitFor(r.wait, try) {
		return
	}
	c.Out.NullArray()
}

// deliver answers the requested entries. It returns false if there are none
// yet.
func (m *Module) deliver(c *keyspace.Session, d *keyspace.Database, r *readGroupRequest) bool {
	streams, found := make([]*stream, len(r.keys)), make([][]streamEntry, len(r.keys))
	answered := 0
	for i, key := range r.keys {
		s, ok := find[*stream](c, d, key)
		if !ok {
			return true
		}
		g := s.group(r.group)
		if g == nil {
			c.Fail(noGroupError(key, r.group) + " in XREADGROUP with GROUP option")
			return true
		}
		if streams[i] = s; r.undelivered[i] {
			found[i] = s.entriesAfter(g.last, r.count)
		} else {
			found[i] = s.pendingEntries(g, string(r.consumer), r.after[i], r.count)
		}
		if len(found[i]) > 0 || !r.undelivered[i] {
			answered++
		}
		if r.undelivered[i] && !m.hasRoom(int64(len(found[i]))*(deliveryBytes+16)+growth([][]byte{r.group, r.consumer})) {
			c.Fail(resp.ErrOOM)
			return true
		}
	}
	if answered == 0 {
		return false
	}
	c.Out.Pairs(answered)
	for i, s := range streams {
		if len(found[i]) == 0 && r.undelivered[i] {
			continue
		}
		c.Out.Pair(2)
		c.Out.BulkBytes(r.keys[i])
		c.Out.Array(len(found[i]))
		for k := range found[i] {
			writeDelivery(c, &found[i][k])
		}
		r.recordDeliveries(c, i, s.groups[string(r.group)], found[i])
		m.changed(d, string(r.keys[i]))
	}
	return true
}

// writeDelivery answers an entry. One that was deleted from the stream has no
// fields.
func writeDelivery(c *keyspace.Session, e *streamEntry) {
	if e.fields != nil {
		writeEntry(c, e)
		return
	}
	c.Out.Array(2)
	c.Out.Bulk(e.id.String())
	c.Out.NullArray()
}

// recordDeliveries remembers which entries the consumer received.
func (r *readGroupRequest) recordDeliveries(c *keyspace.Session, i int, g *consumerGroup, list []streamEntry) {
	consumer := string(r.consumer)
	g.consumers.set(consumer, g.consumers.m[consumer])
	for k := range list {
		switch {
		case r.undelivered[i]:
			g.last = list[k].id
			if !r.noAck {
				g.addDelivery(list[k].id, consumer, c.Store.Now())
			}
		default:
			p := g.pending.m[list[k].id.key()]
			p.at, p.times = c.Store.Now(), p.times+1
			g.pending.m[list[k].id.key()] = p
		}
	}
}

// entriesAfter returns up to count entries after an ID. A count of 0 or less means
// all.
func (s *stream) entriesAfter(id streamID, count int64) []streamEntry {
	next, more := id.next()
	if !more {
		return nil
	}
	lo, n := s.indexOf(next), int64(s.len())
	if count > 0 {
		n = min(n, int64(lo)+min(count, math.MaxInt32))
	}
	var list []streamEntry
	for i := lo; i < int(n); i++ {
		list = append(list, *s.entries.at(i))
	}
	return list
}

// pendingEntries returns the pending entries of a consumer after an ID.
func (s *stream) pendingEntries(g *consumerGroup, consumer string, after streamID, count int64) []streamEntry {
	var list []streamEntry
	for _, key := range g.pending.sortedKeys() {
		id := streamIDOfKey(key)
		if !after.less(id) || g.pending.m[key].consumer != consumer {
			continue
		}
		if count > 0 && int64(len(list)) >= count {
			break
		}
		e := streamEntry{id: id}
		if at := s.indexOf(id); at < s.len() && s.entries.at(at).id == id {
			e = *s.entries.at(at)
		}
		list = append(list, e)
	}
	return list
}

// writeGroups answers XINFO GROUPS.
func writeGroups(c *keyspace.Session, s *stream) {
	c.Out.Array(len(s.groups))
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[name]
		lag := int64(len(s.entriesAfter(g.last, 0)))
		c.Out.Map(6)
		c.Out.Bulk("name")
		c.Out.Bulk(name)
		for _, kv := range []struct {
			name string
			n    int64
		}{{"consumers", int64(len(g.consumers.m))}, {"pending", int64(len(g.pending.m))}, {"entries-read", s.added - lag}, {"lag", lag}} {
			c.Out.Bulk(kv.name)
			c.Out.Int(kv.n)
		}
		c.Out.Bulk("last-delivered-id")
		c.Out.Bulk(g.last.String())
	}
}
