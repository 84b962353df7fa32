package datatypes

import (
	"bytes"
	"math"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
)

// Type tags in the payload of DUMP.
const (
	tagString    = 's'
	tagHash      = 'h'
	tagList      = 'l'
	tagSet       = 'u'
	tagSortedSet = 'z'
	tagStream    = 'x'
)

func (*stringValue) typeTag() byte { return tagString }
func (*Hash) typeTag() byte        { return tagHash }
func (*list) typeTag() byte        { return tagList }
func (*set) typeTag() byte         { return tagSet }
func (*sortedSet) typeTag() byte   { return tagSortedSet }
func (*stream) typeTag() byte      { return tagStream }

func (m *Module) registerLoaders() {
	for tag, load := range map[byte]func(*keyspace.Decoder) content{
		tagString: loadString, tagHash: loadHash, tagList: loadList, tagSet: loadSet, tagSortedSet: loadSortedSet, tagStream: loadStream,
	} {
		m.store.RegisterLoader(tag, func(d *keyspace.Decoder) keyspace.Value {
			d.LimitElements((m.maxBytes - m.bytes) / elementBytes)
			loaded := load(d)
			if tag != tagString && tag != tagStream && loaded.isEmpty() {
				d.Reject()
			}
			return &object{content: loaded, module: m}
		})
	}
}

func (t *stringValue) appendDump(e *keyspace.Encoder) { e.Bytes(t.b) }

func loadString(d *keyspace.Decoder) content { return newString(d.Bytes()) }

func (h *Hash) appendDump(e *keyspace.Encoder) {
	e.Uint(uint64(len(h.fields.m)))
	for name, value := range h.fields.m {
		e.String(name)
		e.Bytes(value)
	}
}

func loadHash(d *keyspace.Decoder) content {
	h := &Hash{}
	for range d.Count(2) {
		name := string(d.Bytes())
		h.set(name, d.Bytes())
	}
	return h
}

func (l *list) appendDump(e *keyspace.Encoder) {
	e.Uint(uint64(l.len()))
	for i := range l.len() {
		e.Bytes(*l.items.at(i))
	}
}

func loadList(d *keyspace.Decoder) content {
	l := &list{}
	for range d.Count(1) {
		l.push(d.Bytes(), false)
	}
	return l
}

func (s *set) appendDump(e *keyspace.Encoder) {
	e.Uint(uint64(s.len()))
	for member := range s.members.m {
		e.String(member)
	}
}

func loadSet(d *keyspace.Decoder) content {
	s := &set{}
	for range d.Count(1) {
		s.members.set(string(d.Bytes()), struct{}{})
	}
	return s
}

func (z *sortedSet) appendDump(e *keyspace.Encoder) {
	e.Uint(uint64(z.len()))
	for member, score := range z.scores.m {
		e.String(member)
		e.Float(score)
	}
}

func loadSortedSet(d *keyspace.Decoder) content {
	z := &sortedSet{stale: true}
	for range d.Count(9) {
		member, score := string(d.Bytes()), d.Float()
		if math.IsNaN(score) {
			d.Reject()
		}
		z.scores.set(member, score)
	}
	return z
}

func (id streamID) appendDump(e *keyspace.Encoder) {
	e.Uint(id.ms)
	e.Uint(id.seq)
}

func loadStreamID(d *keyspace.Decoder) streamID { return streamID{d.Uint(), d.Uint()} }

func (s *stream) appendDump(e *keyspace.Encoder) {
	s.last.appendDump(e)
	e.Int(s.added)
	e.Uint(uint64(s.len()))
	for i := range s.len() {
		entry := s.entries.at(i)
		entry.id.appendDump(e)
		e.Uint(uint64(len(entry.fields)))
		for _, field := range entry.fields {
			e.Bytes(field)
		}
	}
	e.Uint(uint64(len(s.groups)))
	for name, g := range s.groups {
		e.String(name)
		g.appendDump(e)
	}
}

func loadStream(d *keyspace.Decoder) content {
	s := &stream{groups: map[string]*consumerGroup{}}
	last, added := loadStreamID(d), d.Int()
	for range d.Count(3) {
		id, fields := loadStreamID(d), make([][]byte, 0, 2)
		for range d.Count(1) {
			fields = append(fields, d.Bytes())
		}
		if !s.last.less(id) || len(fields)%2 != 0 || len(fields) == 0 {
			d.Reject()
			break
		}
		s.add(id, fields)
	}
	if last.less(s.last) || added < int64(s.len()) {
		d.Reject()
	}
	s.last, s.added = last, added
	groups := d.Count(3)
	if groups > maxGroupsPerStream {
		d.Reject()
		groups = 0
	}
	for range groups {
		name := string(d.Bytes())
		s.groups[name] = loadConsumerGroup(d)
	}
	return s
}

func (g *consumerGroup) appendDump(e *keyspace.Encoder) {
	g.last.appendDump(e)
	e.Uint(uint64(len(g.consumers.m)))
	for name := range g.consumers.m {
		e.String(name)
	}
	e.Uint(uint64(len(g.pending.m)))
	for key, delivery := range g.pending.m {
		streamIDOfKey(key).appendDump(e)
		e.String(delivery.consumer)
		e.Int(delivery.at.UnixMilli())
		e.Int(delivery.times)
	}
}

func loadConsumerGroup(d *keyspace.Decoder) *consumerGroup {
	g := &consumerGroup{last: loadStreamID(d)}
	for range d.Count(1) {
		g.consumers.set(string(bytes.Clone(d.Bytes())), 0)
	}
	for range d.Count(5) {
		id, consumer := loadStreamID(d), string(d.Bytes())
		if _, known := g.consumers.m[consumer]; !known {
			d.Reject()
			break
		}
		g.addDelivery(id, consumer, time.UnixMilli(d.Int()))
		p := g.pending.m[id.key()]
		p.times = d.Int()
		g.pending.m[id.key()] = p
	}
	return g
}
