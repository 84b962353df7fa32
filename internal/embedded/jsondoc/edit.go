package jsondoc

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errStaticPath = resp.Error("Err wrong static path") // RedisJSON spells it like this
	errArrayIndex = resp.Error("ERR array index out of range")
)

// replace returns the text with a compact value at all places of the path, or as a
// new member. It returns nil if nothing changes.
func (p *Path) replace(text, val []byte, condition keyspace.Condition) ([]byte, resp.Error) {
	found := p.Find(text)
	if condition == keyspace.OnlyNew {
		found = nil
	}
	if len(found) > 0 {
		return replaceAll(text, val, found)
	}
	if condition == keyspace.OnlyExisting {
		return nil, ""
	}
	return p.addMember(text, val)
}

// replaceAll replaces all spans by a value.
func replaceAll(text, val []byte, found []Span) ([]byte, resp.Error) {
	size := len(text) + len(found)*len(val)
	if size > resp.MaxCommandBytes { // many elements could be replaced by a large value
		return nil, resp.ErrOOM
	}
	out, at := make([]byte, 0, size), 0
	for _, f := range found {
		out = append(append(out, text[at:f.From]...), val...)
		at = f.To
	}
	return append(out, text[at:]...), ""
}

// addMember appends a member to the object that the path without its last step leads
// to.
func (p *Path) addMember(text, val []byte) ([]byte, resp.Error) {
	if !p.isSingle() {
		return nil, errStaticPath
	}
	last := p.steps[len(p.steps)-1]
	if last.kind == stepIndex {
		if len(p.Find(text)) == 0 {
			return nil, errArrayIndex
		}
		return nil, ""
	}
	parent := Path{steps: p.steps[:len(p.steps)-1]}
	found := parent.Find(text)
	if len(found) == 0 || text[found[0].From] != '{' || len(p.Find(text)) > 0 {
		return nil, ""
	}
	end := found[0].To - 1
	out := make([]byte, 0, len(text)+len(val)+len(last.name)+4)
	out = append(out, text[:end]...)
	if text[end-1] != '{' {
		out = append(out, ',')
	}
	out = append(appendString(out, last.name), ':')
	return append(append(out, val...), text[end:]...), ""
}

// remove returns the text without the values that the path leads to, and their
// number.
func (p *Path) remove(text []byte) (left []byte, removed int) {
	found := p.Find(text)
	if len(found) == 0 {
		return text, 0
	}
	left = bytes.Clone(text)
	for i := len(found) - 1; i >= 0; i-- { // the last first, so that earlier offsets stay valid
		from, to := found[i].member, found[i].To
		if left[from] == '"' && from != found[i].From && left[to] == ',' {
			left = moveLast(left, from, to)
			continue
		}
		if left[from-1] == ',' {
			from--
		} else if left[to] == ',' {
			to++
		}
		left = append(left[:from], left[to:]...)
	}
	return left, len(found)
}

// moveLast moves the last member of an object to the place of a removed one, as
// RedisJSON does.
func moveLast(text []byte, from, to int) []byte {
	at, last := to, to
	for text[at] == ',' {
		last = at + 1
		at = skipValue(text, skipString(text, last)+1)
	}
	out := append(make([]byte, 0, len(text)), text[:from]...)
	out = append(out, text[last:at]...)
	out = append(out, text[to:last-1]...)
	return append(out, text[at:]...)
}
