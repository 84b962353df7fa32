package keyspace

import (
	"fmt"
	"slices"
	"testing"
)

func TestDeadlinesComeInOrder(t *testing.T) {
	d := newDeadlines()
	for i := range 1000 {
		d.set(fmt.Sprint(i), int64(1000-i))
		d.set(fmt.Sprint(i/2), int64(5000+i)) // the earlier deadline must not count any more
	}
	d.set("999", 0)
	var last int64
	left := len(d.at)
	for key, ok := d.takeDue(10_000); ok; key, ok = d.takeDue(10_000) {
		_ = key
		left--
	}
	if left != 0 || d.next() != neverExpires || len(d.queue) != 0 {
		t.Errorf("%d left, next %d, queue %d", left, d.next(), len(d.queue))
	}
	for _, at := range []int64{5, 3, 9, 3} {
		d.set(fmt.Sprint("k", at), at)
	}
	var order []int64
	for d.next() != neverExpires {
		last = d.next()
		order = append(order, last)
		d.takeDue(last)
	}
	if !slices.Equal(order, []int64{3, 5, 9}) {
		t.Errorf("order %v", order)
	}
}
