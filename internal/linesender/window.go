package linesender

// window is the time of which one value is made. A window with the end e and the length d has the samples after e-d and up to e, so that a
// sample every ten seconds is alone in its window of ten seconds.
type window struct {
	end  int64 // in milliseconds, a multiple of the length
	last int64 // time of the last sample, in milliseconds
	n    int   // samples; 0: the value was sent
	sum  float64
}

// windows makes averages or sums.
type windows struct {
	length int64 // in milliseconds
	isSum  bool
	open   []*Line // whose window has samples
	newest int64   // time of the newest sample of all
}

// add adds a sample to the window of its series. It appends the value of a window that is complete. It ignores a sample that was added already.
// Ok is false if the sample is older than the last one of its series: it is not added.
func (w *windows) add(ready []point, l *Line, ms int64, v float64) (_ []point, ok bool) {
	if ms <= l.window.last {
		return ready, ms == l.window.last
	}
	end := (ms + w.length - 1) / w.length * w.length
	l.window.last = ms
	if end > l.window.end {
		ready = w.finish(ready, l)
		l.window.end = end
	}
	if l.window.n == 0 {
		w.open = append(w.open, l)
	}
	l.window.n++
	l.window.sum += v
	w.newest = max(w.newest, ms)
	if ms == end {
		ready = w.finish(ready, l)
	}
	return ready, true
}

// finish appends the value of a window, if it has samples.
func (w *windows) finish(ready []point, l *Line) []point {
	if l.window.n == 0 {
		return ready
	}
	v := l.window.sum
	if !w.isSum {
		v /= float64(l.window.n)
	}
	l.window.n, l.window.sum = 0, 0
	return append(ready, point{line: l, ms: l.window.end, v: v})
}

// sweep appends the values of windows whose series have paused: their end is one length ago. It forgets the windows that are done.
func (w *windows) sweep(ready []point) []point {
	open := w.open[:0]
	for _, l := range w.open {
		if l.window.end+w.length <= w.newest {
			ready = w.finish(ready, l)
		}
		if l.window.n > 0 && !l.isListed {
			l.isListed = true
			open = append(open, l)
		}
	}
	for _, l := range open {
		l.isListed = false
	}
	clear(w.open[len(open):])
	w.open = open
	return ready
}
