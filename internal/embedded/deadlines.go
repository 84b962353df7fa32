package embedded

import "container/heap"

// deadlines are the times to live of a database's own keys. A heap finds the
// next one: with a log line's worth of keys a second, each with its own time,
// walking all of them whenever one is due would be felt.
type deadlines struct {
	at    map[string]int64 // Unix ms
	queue deadlineHeap     // may hold entries that at has outlived
}

type deadline struct {
	at  int64
	key string
}

func newDeadlines() deadlines { return deadlines{at: map[string]int64{}} }

// set gives a key a time to live until at (Unix ms); 0 is for ever.
func (d *deadlines) set(key string, at int64) {
	if at == 0 {
		delete(d.at, key)
	} else {
		d.at[key] = at
		heap.Push(&d.queue, deadline{at, key})
	}
	d.tidy()
}

// tidy keeps what is outlived below half of the queue, and never on top, where
// next looks.
func (d *deadlines) tidy() {
	const few = 64
	if len(d.queue) > few && len(d.queue) > 2*len(d.at) {
		d.queue = d.queue[:0:0]
		for key, at := range d.at {
			d.queue = append(d.queue, deadline{at, key})
		}
		heap.Init(&d.queue)
	}
	for len(d.queue) > 0 && d.at[d.queue[0].key] != d.queue[0].at {
		heap.Pop(&d.queue)
	}
}

// next is the earliest deadline, or neverExpires.
func (d *deadlines) next() int64 {
	if len(d.queue) == 0 {
		return neverExpires
	}
	return d.queue[0].at
}

// takeDue removes a key whose time has come from the deadlines.
func (d *deadlines) takeDue(now int64) (key string, ok bool) {
	if d.next() > now {
		return "", false
	}
	key = d.queue[0].key
	d.set(key, 0)
	return key, true
}

// deadlineHeap implements heap.Interface.
type deadlineHeap []deadline

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h deadlineHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *deadlineHeap) Push(x any)        { *h = append(*h, x.(deadline)) }
func (h *deadlineHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
