package datatypes

import (
	"bytes"
	"fmt"
	"math"
	"sort"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// streamID identifies an entry of a stream: Unix milliseconds and a sequence
// number.
type streamID struct{ ms, seq uint64 }

func (id streamID) String() string { return fmt.Sprintf("%d-%d", id.ms, id.seq) }

func (id streamID) less(other streamID) bool {
	return id.ms < other.ms || id.ms == other.ms && id.seq < other.seq
}

// next returns the smallest ID after this one. It returns false if this is the
// largest.
func (id streamID) next() (streamID, bool) {
	switch {
	case id.seq < math.MaxUint64:
		return streamID{id.ms, id.seq + 1}, true
	case id.ms < math.MaxUint64:
		return streamID{id.ms + 1, 0}, true
	}
	return id, false
}

// parseStreamID parses "ms-seq". For "ms" alone it uses the given sequence
// number.
func parseStreamID(b []byte, seq uint64) (streamID, bool) {
	ms, after, whole := bytes.Cut(b, []byte("-"))
	id := streamID{seq: seq}
	var err error
	if id.ms, err = strconv.ParseUint(string(ms), 10, 64); err != nil {
		return id, false
	}
	if whole {
		id.seq, err = strconv.ParseUint(string(after), 10, 64)
	}
	return id, err == nil
}

// streamEntry is one entry. Its fields are name, value, name, value…
type streamEntry struct {
	id     streamID
	fields [][]byte
}

func (e *streamEntry) bytes() int64 {
	n := int64(2 * elementBytes)
	for _, f := range e.fields {
		n += int64(len(f)) + elementBytes
	}
	return n
}

// stream is a stream. Unlike the other types it can be empty.
type stream struct {
	entries deque[streamEntry] // in the order of their IDs
	last    streamID           // of the newest entry that was ever added
	added   int64
	size    int64 // bytes of the entries
	groups  map[string]*consumerGroup
}

func (*stream) typeName() string { return "stream" }
func (*stream) isEmpty() bool    { return false }
func (s *stream) bytes() int64 {
	n := s.size
	for name, g := range s.groups { // at most maxGroups
		n += int64(len(name)) + g.bytes()
	}
	return n
}
func (s *stream) clone() content {
	out := *s
	out.entries = s.entries.clone(func(e streamEntry) streamEntry { return e }) // sharing is safe: entries never change
	out.groups = map[string]*consumerGroup{}
	for name, g := range s.groups {
		out.groups[name] = g.clone()
	}
	return &out
}

func (s *stream) len() int {
	if s == nil {
		return 0
	}
	return s.entries.len()
}

// add appends an entry and copies its fields. The ID must be larger than last.
func (s *stream) add(id streamID, fields [][]byte) {
	e := streamEntry{id: id, fields: make([][]byte, len(fields))}
	for i, f := range fields {
		e.fields[i] = bytes.Clone(f)
	}
	s.entries.pushBack(e)
	s.size += e.bytes()
	s.last = id
	s.added++
}

// indexOf returns the index of the first entry at or after an ID.
func (s *stream) indexOf(id streamID) int {
	return sort.Search(s.len(), func(i int) bool { return !s.entries.at(i).id.less(id) })
}

// dropOldest removes the n oldest entries.
func (s *stream) dropOldest(n int) {
	for range n {
		e := s.entries.popFront()
		s.size -= e.bytes()
	}
}

// trimLimit is MAXLEN or MINID.
type trimLimit struct {
	active  bool
	isMinID bool
	maxLen  int64
	minID   streamID
}

// parseTrim parses MAXLEN or MINID at the start of args. It treats an
// approximate limit ("~") as exact.
func parseTrim(args [][]byte) (t trimLimit, rest [][]byte, err resp.Error) {
	t = trimLimit{active: true, isMinID: resp.IsWord(args[0], "MINID")}
	rest = args[1:]
	about := len(rest) > 0 && string(rest[0]) == "~"
	if len(rest) > 0 && (about || string(rest[0]) == "=") {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return t, nil, resp.ErrSyntax
	}
	var ok bool
	if t.isMinID {
		t.minID, ok = parseStreamID(rest[0], 0)
	} else {
		t.maxLen, ok = resp.ParseInt(rest[0])
	}
	switch {
	case !ok && t.isMinID:
		return t, nil, errStreamID
	case !ok:
		return t, nil, resp.ErrNotInteger
	case t.maxLen < 0:
		return t, nil, "ERR The MAXLEN argument must be >= 0."
	}
	rest = rest[1:]
	if len(rest) > 1 && resp.IsWord(rest[0], "LIMIT") {
		if n, ok := resp.ParseInt(rest[1]); !about || !ok || n < 0 {
			return t, nil, "ERR syntax error, LIMIT cannot be used without the special ~ option"
		}
		rest = rest[2:]
	}
	return t, rest, ""
}

// apply trims a stream and returns how many entries it removed.
func (t *trimLimit) apply(s *stream) int {
	n := 0
	switch {
	case !t.active:
	case t.isMinID:
		n = s.indexOf(t.minID)
	default:
		n = max(0, s.len()-int(min(t.maxLen, math.MaxInt32)))
	}
	s.dropOldest(n)
	return n
}
