package timeseries

// rule is a compaction: what a source gets is aggregated per bucket into dest.
// Only samples that come after TS.CREATERULE count, as in Redis.
type rule struct {
	dest  *series
	agg   aggregation
	size  int64 // bucket, ms
	align int64
	open  bool
	start int64
	acc   accumulator
	// before is the newest sample before the open bucket, for twa. As in Redis it is one that the rule saw: none from before
	// TS.CREATERULE, and none that came late.
	before    sample
	hasBefore bool
}

// feed is called after src took a sample at the end.
func (r *rule) feed(p *chunkPool, s sample) {
	at := bucketStart(s.ts, r.align, r.size)
	if r.open && at != r.start {
		r.store(p, r.start, r.current(&s))
		r.open, r.before, r.hasBefore = false, r.acc.last, true
	}
	if !r.open {
		r.open, r.start, r.acc = true, at, accumulator{}
		if r.hasBefore {
			r.acc.lead(at, r.before, s)
		}
	}
	r.acc.add(s)
}

// current is the value of the open bucket; next is the sample that closes it.
func (r *rule) current(next *sample) float64 {
	if r.agg != aggTwa {
		return r.acc.value(r.agg)
	}
	var prev *sample
	if r.hasBefore {
		prev = &r.before
	}
	return r.acc.twa(r.start, r.start+r.size, prev, next, false)
}

func (r *rule) store(p *chunkPool, start int64, v float64) {
	r.dest.add(p, sample{max(0, start), v}, policyLast)
}

// redo brings the buckets of [from, to] in line with the source after samples
// in the middle of it changed.
func (r *rule) redo(p *chunkPool, src *series, from, to int64) {
	first := bucketStart(from, r.align, r.size)
	newest := bucketStart(src.lastTS, r.align, r.size)
	if r.open && to >= r.start || !r.open && to >= newest {
		// The bucket of the newest sample is the open one. After a deletion it can be an older one than before, which
		// then leaves the destination again.
		r.before, r.hasBefore = src.neighbour(newest, false)
		r.open, r.start, r.acc = src.count > 0, newest, r.collect(src, newest)
		to = max(to, newest)
		defer func() {
			if r.open {
				r.dest.remove(p, max(0, newest), max(0, newest))
			}
		}()
	}
	// Walk what exists on either side, not the time between: a range may be long.
	for at, ok := r.nextBucket(src, first, to); ok; at, ok = r.nextBucket(src, at+r.size, to) {
		acc := r.collect(src, at)
		if acc.n == 0 {
			r.dest.remove(p, max(0, at), max(0, at))
			continue
		}
		v := acc.value(r.agg)
		if r.agg == aggTwa {
			v = r.past(src, at, &acc)
		}
		r.store(p, at, v)
	}
}

func (r *rule) past(src *series, at int64, acc *accumulator) float64 {
	var prev, next *sample
	if s, ok := src.neighbour(at, false); ok {
		prev = &s
	}
	if s, ok := src.neighbour(at+r.size-1, true); ok {
		next = &s
	}
	return acc.twa(at, at+r.size, prev, next, false)
}

// nextBucket finds the first bucket at or after from, begun before or at to,
// that has samples in the source or a compacted one in the destination.
func (r *rule) nextBucket(src *series, from, to int64) (int64, bool) {
	best, ok := int64(0), false
	for _, s := range []*series{src, r.dest} {
		next, found := s.neighbour(max(0, from)-1, true)
		if !found || next.ts > to {
			continue
		}
		at := bucketStart(next.ts, r.align, r.size)
		if !ok || at < best {
			best, ok = at, true
		}
	}
	return best, ok
}

func (r *rule) collect(src *series, start int64) accumulator {
	var acc accumulator
	src.between(max(0, start), start+r.size-1, func(run []sample) bool {
		for _, s := range run {
			acc.add(s)
		}
		return true
	})
	return acc
}

// compact tells a series' rules about a sample it took. Reaching the last
// sample again (a duplicate) changes the past like a late one.
func (s *series) compact(p *chunkPool, smp sample, res addResult) {
	if res != added && res != updated && res != kept {
		return
	}
	for _, r := range s.rules {
		if res == added && smp.ts == s.lastTS {
			r.feed(p, smp)
		} else {
			r.redo(p, s, smp.ts, smp.ts)
		}
	}
}

// latest is the sample of the bucket still open at the source: LATEST.
func (s *series) openBucket() (sample, bool) {
	if s.source == nil {
		return sample{}, false
	}
	for _, r := range s.source.rules {
		if r.dest == s && r.open {
			return sample{max(0, r.start), r.current(nil)}, true
		}
	}
	return sample{}, false
}

func (s *series) dropRule(dest *series) bool {
	for i, r := range s.rules {
		if r.dest == dest {
			s.rules = append(s.rules[:i], s.rules[i+1:]...)
			dest.source = nil
			return true
		}
	}
	return false
}
