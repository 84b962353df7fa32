package telemetry

// Growth computes how much a counter grew between two readings. The growth is unknown for the first reading, for a reading
// below the previous one (the source restarted or wrapped), and for an impossible one. When a counter fell, for instance
// because it read 0 once, and the next reading is at least what it was before, that is not counted as growth from 0.
type Growth struct {
	last   float64
	before float64 // the reading before the counter last fell
	known  bool    // last is valid
	fallen bool    // the counter fell and has not changed since
}

// Step takes a reading and returns its growth since the previous one. Ok is false when the growth is unknown.
func (g *Growth) Step(reading float64) (growth float64, ok bool) {
	if !isReading(reading) {
		return 0, false
	}
	last, known := g.last, g.known
	g.last, g.known = reading, true
	switch {
	case !known:
		return 0, false
	case reading < last:
		g.before, g.fallen = last, true
		return 0, false
	case g.fallen && reading > last:
		g.fallen = false
		if reading >= g.before {
			return 0, false
		}
	}
	return reading - last, true
}

// Forget makes the next reading count as the first.
func (g *Growth) Forget() { *g = Growth{} }

// isReading reports whether a counter can have this value. Bits are counted as eight times bytes.
func isReading(v float64) bool { return v >= 0 && v <= 8*maxCount }
