package telemetry

import (
	"sync"
	"testing"
)

func TestMemosBelongToSlots(t *testing.T) {
	var slots Slots
	s := NewFactory("h", "test", nil).Gauge("m", None)
	first, second := slots.Acquire(), slots.Acquire()
	s.SetMemo(second, "b")
	s.SetMemo(first, "a")
	if s.Memo(first) != "a" || s.Memo(second) != "b" {
		t.Errorf("%v, %v", s.Memo(first), s.Memo(second))
	}
	slots.Release(second)
	third, fourth := slots.Acquire(), slots.Acquire()
	if third.index != second.index || fourth.index == first.index || fourth.index == third.index {
		t.Errorf("slots %v, %v, %v, %v", first, second, third, fourth)
	}
	if s.Memo(third) != nil || s.Memo(fourth) != nil {
		t.Error("the new owner of a slot sees the memo of the previous one")
	}
	s.SetMemo(third, "c")
	if s.Memo(third) != "c" || s.Memo(second) != nil {
		t.Errorf("%v, %v", s.Memo(third), s.Memo(second))
	}
	if (&Series{}).Memo(Slot{}) != nil {
		t.Error("a new series has a memo")
	}
}

// Outputs are added while others use their memos. The race detector checks this.
func TestMemosGrowConcurrently(t *testing.T) {
	var slots Slots
	s := NewFactory("h", "test", nil).Gauge("m", None)
	var outputs sync.WaitGroup
	for range 8 {
		slot := slots.Acquire()
		outputs.Go(func() {
			for i := range 100 {
				s.SetMemo(slot, i)
				if s.Memo(slot) != i {
					t.Errorf("memo %v, want %d", s.Memo(slot), i)
				}
			}
		})
	}
	outputs.Wait()
}
