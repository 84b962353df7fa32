package telemetry

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Slot identifies the place where one output caches what it derives from each series, such as the encoded key. The cache is
// freed with the series. The zero Slot is the only slot of tests and tools with one output.
type Slot struct{ index, generation uint32 }

// Slots assigns slots to outputs. The zero value is ready to use, by several goroutines at once.
type Slots struct {
	mu         sync.Mutex
	used       []bool
	generation uint32
}

// Acquire returns a slot that no other output has. Memos that an earlier holder of the slot left behind are not visible
// through it.
func (s *Slots) Acquire() Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.used, false)
	if i < 0 {
		i = len(s.used)
		s.used = append(s.used, false)
	}
	s.used[i] = true
	s.generation++
	return Slot{uint32(i), s.generation}
}

// Release makes a slot available for another output. The holder must not use it any more.
func (s *Slots) Release(slot Slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[slot.index] = false
}

// memo is what an output caches for a series. Only the goroutine of the output that holds the slot touches it.
type memo struct {
	generation uint32
	value      any
}

// memos are the memos of a series by slot. The first slot has its place in the series, because most agents have one
// output. Others are added when they are used; the list is replaced then, so that other outputs can read it meanwhile.
type memos struct {
	first memo
	more  atomic.Pointer[[]*memo]
}

// at returns the memo of a slot. It returns nil if there is none and create is false.
func (m *memos) at(index uint32, create bool) *memo {
	if index == 0 {
		return &m.first
	}
	for {
		old := m.more.Load()
		var list []*memo
		if old != nil {
			list = *old
		}
		if int(index) <= len(list) && list[index-1] != nil {
			return list[index-1]
		}
		if !create {
			return nil
		}
		longer := make([]*memo, max(len(list), int(index)))
		copy(longer, list)
		longer[index-1] = &memo{}
		if m.more.CompareAndSwap(old, &longer) {
			return longer[index-1]
		}
	}
}

// Memo returns what the output with this slot stored, or nil. Each slot belongs to one goroutine.
func (s *Series) Memo(slot Slot) any {
	if m := s.memos.at(slot.index, false); m != nil && m.generation == slot.generation {
		return m.value
	}
	return nil
}

// SetMemo stores what the output with this slot derived from the series.
func (s *Series) SetMemo(slot Slot, v any) {
	*s.memos.at(slot.index, true) = memo{slot.generation, v}
}
