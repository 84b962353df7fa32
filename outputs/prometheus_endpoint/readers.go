package prometheusendpoint

import "math"

// maxReaders bounds how many readers are remembered. The one that has not read for the longest time is forgotten first.
const maxReaders = 16

// reader is a client of /api/v1/allmetrics. It gets the average or the sum of the samples since it last read.
type reader struct {
	server, host string
	number       uint64 // distinguishes this reader from those before at its index
	used         uint64 // when it last read, on a clock that counts requests
}

// readers are the readers that are remembered. The lock of the store guards them.
type readers struct {
	all   []reader
	clock uint64
}

// find returns the index of a reader and its number. It forgets another reader if necessary.
func (r *readers) find(server, host string) (index int, number uint64) {
	r.clock++
	oldest := 0
	for i := range r.all {
		if r.all[i].server == server && r.all[i].host == host {
			r.all[i].used = r.clock
			return i, r.all[i].number
		}
		if r.all[i].used < r.all[oldest].used {
			oldest = i
		}
	}
	fresh := reader{server, host, r.clock, r.clock}
	if len(r.all) < maxReaders {
		r.all = append(r.all, fresh)
		return len(r.all) - 1, fresh.number
	}
	r.all[oldest] = fresh
	return oldest, fresh.number
}

// window adds up the samples of a series since a reader last read.
type window struct {
	number uint64 // of the reader
	sum    float64
	count  int
}

func (w *window) add(v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		w.sum += v
		w.count++
	}
}

// readWindow returns the samples since the reader last read, and begins anew. A reader that is new gets the newest sample.
func (e *entry) readWindow(index int, number uint64) (sum float64, count int) {
	for len(e.windows) <= index {
		e.windows = append(e.windows, window{})
	}
	w := e.windows[index]
	if w.number != number {
		w = window{}
		w.add(e.value)
	}
	e.windows[index] = window{number: number}
	return w.sum, w.count
}
