package keyspace

import "container/heap"

// deadlines are the times at which the keys of a database expire. A heap finds
// the next one, because thousands of keys with their own times can be written
// per second.
type deadlines struct {
	at    map[string]int64 // Unix ms
	queue deadlineHeap     // also has outdated entries, which differ from at
}

type deadline struct {
	at  int64 // Unix ms
	key string
}

func newDeadlines() deadlines { return deadlines{at: map[string]int64{}} }

// set makes a key expire at a time in Unix milliseconds, 0 for never.
func (d *deadlines) set(key string, at int64) {
	if at == 0 {
		if _, known := d.at[key]; !known {
			return
		}
		delete(d.at, key)
	} else {
		d.at[key] = at
		heap.Push(&d.queue, deadline{at, key})
	}
	d.dropOutdated()
}

// dropOutdated keeps outdated entries below half of the queue, and never at its
// front, where next looks.
func (d *deadlines) dropOutdated() {
	const minRebuild = 64
	if len(d.queue) > minRebuild && len(d.queue) > 2*len(d.at) {
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

// next returns the earliest deadline in Unix milliseconds, or neverExpires.
func (d *deadlines) next() int64 {
	if len(d.queue) == 0 {
		return neverExpires
	}
	return d.queue[0].at
}

// takeDue removes the deadline of a key whose time has come and returns the key.
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
