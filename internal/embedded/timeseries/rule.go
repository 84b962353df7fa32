package timeseries

// rule is a compaction rule: it aggregates the samples of a source by bucket
// and stores the results in dest. As in Redis it sees only samples that are
// added after TS.CREATERULE.
type rule struct {
	dest        *series
	aggregation aggregation
	bucketSize  int64 // of a bucket, ms
	align       int64
	isOpen      bool
	start       int64
	accumulator accumulator
	// before is the newest sample before the open bucket, for twa. As in Redis
	// it is one that the rule saw: not one from before TS.CREATERULE, and not
	// one that came late.
	before    sample
	hasBefore bool
}

// feed aggregates a sample that was added at the end of the source.
func (r *rule) feed(p *chunkPool, s sample) {
	at := bucketStart(s.ts, r.align, r.bucketSize)
	if r.isOpen && at != r.start {
		r.store(p, r.start, r.value(&s))
		r.isOpen, r.before, r.hasBefore = false, r.accumulator.last, true
	}
	if !r.isOpen {
		r.isOpen, r.start, r.accumulator = true, at, accumulator{}
		if r.hasBefore {
			r.accumulator.startArea(at, r.before, s)
		}
	}
	r.accumulator.add(s)
}

// value returns the value of the open bucket. The parameter next is the
// sample that closes it.
func (r *rule) value(next *sample) float64 {
	if r.aggregation != aggTwa {
		return r.accumulator.value(r.aggregation)
	}
	var prev *sample
	if r.hasBefore {
		prev = &r.before
	}
	return r.accumulator.twa(r.start, r.start+r.bucketSize, prev, next, false)
}

func (r *rule) store(p *chunkPool, start int64, v float64) {
	r.dest.add(p, sample{max(0, start), v}, policyLast)
}

// recompute updates the buckets of [from, to] after samples in the middle of
// the source changed.
func (r *rule) recompute(p *chunkPool, src *series, from, to int64) {
	first := bucketStart(from, r.align, r.bucketSize)
	newest := bucketStart(src.lastTS, r.align, r.bucketSize)
	if r.isOpen && to >= r.start || !r.isOpen && to >= newest {
		// The bucket of the newest sample is the open one. After a deletion it
		// can be older than before. Its result must then be removed from the
		// destination.
		r.before, r.hasBefore = src.neighbour(newest, false)
		r.isOpen, r.start, r.accumulator = src.count > 0, newest, r.collect(src, newest)
		to = max(to, newest)
		defer func() {
			if r.isOpen {
				r.dest.remove(p, max(0, newest), max(0, newest))
			}
		}()
	}
	// Visit the buckets that exist on either side instead of all buckets of the
	// range, because the range can be long.
	for at, ok := r.nextBucket(src, first, to); ok; at, ok = r.nextBucket(src, at+r.bucketSize, to) {
		acc := r.collect(src, at)
		if acc.count == 0 {
			r.dest.remove(p, max(0, at), max(0, at))
			continue
		}
		v := acc.value(r.aggregation)
		if r.aggregation == aggTwa {
			v = r.closedTWA(src, at, &acc)
		}
		r.store(p, at, v)
	}
}

// closedTWA returns the time-weighted average of a closed bucket.
func (r *rule) closedTWA(src *series, at int64, acc *accumulator) float64 {
	var prev, next *sample
	if s, ok := src.neighbour(at, false); ok {
		prev = &s
	}
	if s, ok := src.neighbour(at+r.bucketSize-1, true); ok {
		next = &s
	}
	return acc.twa(at, at+r.bucketSize, prev, next, false)
}

// nextBucket returns the first bucket from `from` to `to` that has samples in
// the source or a result in the destination.
func (r *rule) nextBucket(src *series, from, to int64) (int64, bool) {
	best, ok := int64(0), false
	for _, s := range []*series{src, r.dest} {
		next, found := s.neighbour(max(0, from)-1, true)
		if !found || next.ts > to {
			continue
		}
		at := bucketStart(next.ts, r.align, r.bucketSize)
		if !ok || at < best {
			best, ok = at, true
		}
	}
	return best, ok
}

// collect aggregates the samples of one bucket.
func (r *rule) collect(src *series, start int64) accumulator {
	var acc accumulator
	src.eachRun(max(0, start), start+r.bucketSize-1, func(run []sample) bool {
		for _, s := range run {
			acc.add(s)
		}
		return true
	})
	return acc
}

// applyRules updates the destinations of a series after it stored a sample.
// Replacing the last sample changes the past, like a late sample.
func (s *series) applyRules(p *chunkPool, smp sample, res addResult) {
	if res != added && res != updated && res != kept {
		return
	}
	for _, r := range s.rules {
		if res == added && smp.ts == s.lastTS {
			r.feed(p, smp)
		} else {
			r.recompute(p, s, smp.ts, smp.ts)
		}
	}
}

// openBucket returns the bucket that the source has not closed yet, which
// LATEST adds to a reply. It returns false if the series is not a destination.
func (s *series) openBucket() (sample, bool) {
	if s.source == nil {
		return sample{}, false
	}
	for _, r := range s.source.rules {
		if r.dest == s && r.isOpen {
			return sample{max(0, r.start), r.value(nil)}, true
		}
	}
	return sample{}, false
}

// dropRule ends the rule with this destination and reports whether it existed.
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
