package buffer

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func lastDigit(n int) int { return n % 10 }

// neverSplit never splits an item.
func neverSplit(n, _ int) (head, rest int, divided bool) { return n, 0, false }

// splitByWeight splits an item by its weight, which is its last digit. Both parts keep the first digit: 25 becomes 21 and 24.
func splitByWeight(n, w int) (head, rest int, divided bool) {
	w = max(w, 1)
	if lastDigit(n) <= w {
		return n, 0, false
	}
	name := n - lastDigit(n)
	return name + w, name + lastDigit(n) - w, true
}

// sumWeights returns the total weight of items.
func sumWeights(items []int) (n int) {
	for _, item := range items {
		n += lastDigit(item)
	}
	return n
}

func TestOldestIsDropped(t *testing.T) {
	q := New(10, 5, lastDigit, neverSplit)
	for _, item := range []int{14, 25, 31} { // weights 4, 5, 1: full
		if d := sumWeights(q.Push(item)); d != 0 {
			t.Errorf("Push(%d) dropped %d", item, d)
		}
	}
	if d := sumWeights(q.Push(42)); d != 4 {
		t.Errorf("dropped %d, want the oldest: 4", d)
	}
	if got := q.Take(nil, 100).Items; !slices.Equal(got, []int{25, 31, 42}) {
		t.Errorf("left: %v", got)
	}
}

func TestNewestStaysEvenWhenTooHeavy(t *testing.T) {
	q := New(3, 1, lastDigit, neverSplit)
	q.Push(12)
	if d := sumWeights(q.Push(29)); d != 2 {
		t.Errorf("dropped %d, want 2", d)
	}
	if l := q.Take(nil, 1); !slices.Equal(l.Items, []int{29}) {
		t.Errorf("got %v", l.Items)
	}
}

func TestReturnedItemsComeFirst(t *testing.T) {
	q := New(100, 50, lastDigit, neverSplit)
	for _, item := range []int{11, 22, 33} {
		q.Push(item)
	}
	l := q.Take(nil, 3)
	if !slices.Equal(l.Items, []int{11, 22}) || l.Weight != 3 {
		t.Fatalf("took %v of weight %d", l.Items, l.Weight)
	}
	q.Push(44)
	if d := sumWeights(l.Settle(l.Items...)); d != 0 {
		t.Errorf("Settle dropped %d", d)
	}
	if got := q.Take(nil, 100).Items; !slices.Equal(got, []int{11, 22, 33, 44}) {
		t.Errorf("after Settle: %v", got)
	}
}

// Leased items are the oldest. If the queue is too full when they are returned, they are dropped, and never newer ones before.
func TestLeasedItemsAreDroppedFirst(t *testing.T) {
	q := New(10, 5, lastDigit, neverSplit)
	q.Push(15)
	q.Push(23)
	l := q.Take(nil, 100)
	for _, item := range []int{35, 44} {
		if d := sumWeights(q.Push(item)); d != 0 {
			t.Errorf("Push(%d) dropped %d while 9 of 10 are queued", item, d)
		}
	}
	if q.Weight() != 8+9 {
		t.Errorf("weight %d, want leased and queued: 17", q.Weight())
	}
	if got := l.Settle(l.Items...); !slices.Equal(got, []int{15, 23}) {
		t.Errorf("dropped %v, want the oldest: 15 and 23", got)
	}
	if got := q.Take(nil, 100).Items; !slices.Equal(got, []int{35, 44}) {
		t.Errorf("left: %v", got)
	}
}

func TestReturnedItemsDoNotDisplaceHeavyItem(t *testing.T) {
	q := New(10, 5, lastDigit, neverSplit)
	q.Push(19)
	l := q.Take(nil, 100)
	if d := sumWeights(q.Push(28)); d != 0 {
		t.Errorf("dropped %d", d)
	}
	if d := sumWeights(l.Settle(l.Items...)); d != 9 || q.Weight() != 8 {
		t.Errorf("dropped %d, left %d; want 9 and 8", d, q.Weight())
	}
}

func TestTakeSplitsItems(t *testing.T) {
	q := New(100, 50, lastDigit, splitByWeight)
	for _, item := range []int{13, 25, 37} {
		q.Push(item)
	}
	l := q.Take(nil, 4)
	if !slices.Equal(l.Items, []int{13, 21}) || l.Weight != 4 {
		t.Fatalf("took %v of weight %d", l.Items, l.Weight)
	}
	l.Settle(21) // the first is settled
	if got := q.Take(nil, 100); !slices.Equal(got.Items, []int{21, 24, 37}) || q.Weight() != 12 {
		t.Errorf("took %v, weight %d", got.Items, q.Weight())
	}
}

// An unsplittable item that is heavier than the limit is taken alone, never after another item.
func TestTakeOfUnsplittableItem(t *testing.T) {
	q := New(100, 50, lastDigit, neverSplit)
	for _, item := range []int{13, 25, 37} {
		q.Push(item)
	}
	for _, want := range []int{13, 25, 37} {
		if l := q.Take(nil, 4); !slices.Equal(l.Items, []int{want}) {
			t.Errorf("took %v, want %d", l.Items, want)
		}
	}
}

func TestReadyAtMark(t *testing.T) {
	q := New(10, 5, lastDigit, neverSplit)
	q.Push(14)
	select {
	case <-q.Ready():
		t.Error("ready at 4 of 10")
	default:
	}
	q.Push(11)
	select {
	case <-q.Ready():
	default:
		t.Error("not ready at 5 of 10")
	}
}

// TestRandomOperationsConserveWeight runs random operations. After each, the weight in the queue must be pushed - dropped - settled.
func TestRandomOperationsConserveWeight(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		q := New(1+r.IntN(50), 10, lastDigit, splitByWeight)
		var lease *Lease[int]
		pushed, dropped, done := 0, 0, 0
		for range 500 {
			switch r.IntN(4) {
			case 3:
				if item := r.IntN(1000); q.Offer(item) {
					pushed += lastDigit(item)
				}
			case 0:
				item := r.IntN(1000)
				pushed += lastDigit(item)
				dropped += sumWeights(q.Push(item))
			case 1:
				if lease == nil {
					l := q.Take(nil, r.IntN(60))
					lease = &l
				}
			case 2:
				if lease == nil {
					continue
				}
				settled := r.IntN(len(lease.Items) + 1)
				done += sumWeights(lease.Items[:settled])
				dropped += sumWeights(lease.Settle(lease.Items[settled:]...))
				lease = nil
			}
			if q.Weight() != pushed-dropped-done {
				t.Fatalf("seed %d: weight %d, pushed %d, dropped %d, done %d", seed, q.Weight(), pushed, dropped, done)
			}
		}
	}
}

func TestManyPushersOneTaker(t *testing.T) {
	q := New(1<<30, 1<<29, func(int) int { return 1 }, neverSplit)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				q.Push(i)
			}
		})
	}
	got := 0
	for got < 4000 {
		l := q.Take(nil, 100)
		got += len(l.Items)
		l.Settle()
	}
	wg.Wait()
	if q.Weight() != 0 {
		t.Errorf("weight %d", q.Weight())
	}
}

func TestOfferRespectsLimit(t *testing.T) {
	q := New(10, 100, lastDigit, neverSplit)
	if !q.Offer(19) {
		t.Error("9 of 10 were not accepted")
	}
	if q.Offer(12) {
		t.Error("11 of 10 were accepted")
	}
	if !q.Offer(21) {
		t.Error("10 of 10 were not accepted")
	}
	l := q.Take(nil, 100)
	if q.Offer(31) {
		t.Error("leased items do not count")
	}
	l.Settle()
	small := New(3, 100, lastDigit, neverSplit)
	if !small.Offer(19) {
		t.Error("an empty queue does not accept an oversized item")
	}
}

// pushConcurrently pushes each item from its own goroutine. It returns the number of items that were accepted so far.
func pushConcurrently(ctx context.Context, q *Queue[int], items ...int) *atomic.Int64 {
	var in atomic.Int64
	for _, item := range items {
		go func() {
			q.PushWait(ctx, item)
			in.Add(1)
		}()
	}
	synctest.Wait()
	return &in
}

func TestPushWaitBlocksUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(10, 100, lastDigit, neverSplit)
		if in := pushConcurrently(t.Context(), q, 14, 25); in.Load() != 2 {
			t.Fatalf("%d of 2 accepted", in.Load())
		}
		in := pushConcurrently(t.Context(), q, 33, 43, 53, 63)
		if in.Load() != 0 {
			t.Fatalf("%d were added to 9 of 10", in.Load())
		}
		select {
		case <-q.Ready():
		default:
			t.Error("a push waits, but the queue does not ask for a flush")
		}
		l := q.Take(nil, 1) // one of the first two
		if synctest.Wait(); in.Load() != 0 {
			t.Error("leased items do not count")
		}
		l.Settle(l.Items...)
		if synctest.Wait(); in.Load() != 0 || q.Weight() != 9 {
			t.Errorf("weight %d, %d accepted", q.Weight(), in.Load())
		}
		q.Take(nil, 100).Settle()
		if synctest.Wait(); in.Load() != 3 || q.Weight() != 9 {
			t.Errorf("weight %d, %d of 4 accepted, want 3", q.Weight(), in.Load())
		}
		q.Take(nil, 100).Settle()
		if synctest.Wait(); in.Load() != 4 {
			t.Errorf("%d of 4 accepted", in.Load())
		}
	})
}

// When the context of PushWait is done, its item is added even if the queue is full, and is not dropped.
func TestCancelledPushWaitStillAdmitsItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(10, 100, lastDigit, neverSplit)
		q.Push(19)
		ctx, cancel := context.WithCancel(t.Context())
		in := pushConcurrently(ctx, q, 25, 37)
		cancel()
		synctest.Wait()
		l := q.Take(nil, 1)
		if dropped := l.Settle(l.Items...); in.Load() != 2 || len(dropped) != 0 || q.Weight() != 21 {
			t.Errorf("%d of 2 accepted, weight %d, dropped %v", in.Load(), q.Weight(), dropped)
		}
		if got := q.Take(nil, 100).Items; len(got) != 3 || got[0] != 19 {
			t.Errorf("%v", got)
		}
	})
}

// What a cancelled PushWait added beyond the limit does not raise the limit for later items.
func TestCancelledPushWaitDoesNotRaiseLimit(t *testing.T) {
	q := New(10, 100, lastDigit, neverSplit)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.Push(19)
	q.PushWait(ctx, 27)
	q.Take(nil, 100).Settle()
	q.Push(19)
	if q.Offer(27) {
		t.Error("a queue of limit 10 holds 16")
	}
	if dropped := q.Push(35); sumWeights(dropped) != 9 {
		t.Errorf("dropped %v, want the oldest", dropped)
	}
}

func TestClosedQueueDropsItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(10, 100, lastDigit, neverSplit)
		q.Push(19)
		added := pushConcurrently(t.Context(), q, 25)
		lease := q.Take(nil, 100)
		q.Push(14)
		if dropped := q.Close(); sumWeights(dropped) != 4 {
			t.Errorf("Close dropped %v", dropped)
		}
		if synctest.Wait(); added.Load() != 1 {
			t.Error("a sender still waits for room in a closed queue")
		}
		if q.Offer(11) || sumWeights(q.Push(12)) != 2 || sumWeights(lease.Settle(lease.Items...)) != 9 || q.Weight() != 0 {
			t.Errorf("a closed queue holds %d", q.Weight())
		}
	})
}
