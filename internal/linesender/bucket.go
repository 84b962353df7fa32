package linesender

// bucket is the time of which one value is made. A bucket with the end e and the length d has the samples after e-d and up to e, so that a
// sample every ten seconds is alone in its bucket of ten seconds.
type bucket struct {
	end  int64 // in milliseconds, a multiple of the length
	last int64 // time of the last sample, in milliseconds
	n    int   // samples; 0: the value was sent
	sum  float64
}

// buckets makes averages or sums.
type buckets struct {
	length int64 // in milliseconds
	isSum  bool
	open   []*Line // whose bucket has samples
	newest int64   // time of the newest sample of all
}

// add adds a sample to the bucket of its series. It appends the value of a bucket that is complete. It ignores a sample that was added already.
// Ok is false if the sample is older than the last one of its series: it is not added.
func (w *buckets) add(ready []point, l *Line, ms int64, v float64) (_ []point, ok bool) {
	if ms <= l.bucket.last {
		return ready, ms == l.bucket.last
	}
	end := (ms + w.length - 1) / w.length * w.length
	l.bucket.last = ms
	if end > l.bucket.end {
		ready = w.finish(ready, l)
		l.bucket.end = end
	}
	if l.bucket.n == 0 {
		w.open = append(w.open, l)
	}
	l.bucket.n++
	l.bucket.sum += v
	w.newest = max(w.newest, ms)
	if ms == end {
		ready = w.finish(ready, l)
	}
	return ready, true
}

// finish appends the value of a bucket, if it has samples.
func (w *buckets) finish(ready []point, l *Line) []point {
	if l.bucket.n == 0 {
		return ready
	}
	v := l.bucket.sum
	if !w.isSum {
		v /= float64(l.bucket.n)
	}
	l.bucket.n, l.bucket.sum = 0, 0
	return append(ready, point{line: l, ms: l.bucket.end, v: v})
}

// sweep appends the values of buckets whose series have paused: their end is one length ago. It forgets the buckets that are done.
func (w *buckets) sweep(ready []point) []point {
	open := w.open[:0]
	for _, l := range w.open {
		if l.bucket.end+w.length <= w.newest {
			ready = w.finish(ready, l)
		}
		if l.bucket.n > 0 && !l.isListed {
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
