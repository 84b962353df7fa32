package connections

// totalsKey is what connections are counted by.
type totalsKey struct{ provider, proto string }

// totals counts the connections of one provider and protocol.
type totals struct {
	active, peak           int // peak: at once, since the last gather
	opened, closed, failed uint64
	tx, rx                 uint64
}

func (s *totals) open() {
	s.active++
	s.peak = max(s.peak, s.active)
}

// move takes a connection out, because it counts for another provider.
func (s *totals) move() { s.active-- }

// count returns the totals that a connection counts for. There are few: the names of providers are from the configuration.
func (t *tracker) count(c *connection) *totals {
	k := c.key()
	s := t.totals[k]
	if s == nil {
		s = &totals{}
		t.totals[k] = s
	}
	return s
}
