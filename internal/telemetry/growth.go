package telemetry

// Growth is how much a counter grew between two readings. It knows no growth for the first reading, for one that is less
// than the one before (its source restarted or wrapped), and for one that is not possible. After a counter fell, for
// instance because it read 0 once, it may be back where it was with the next reading: that is no growth from 0.
type Growth struct {
	last   float64
	before float64 // the reading before the counter fell last
	known  bool    // last is a reading
	fallen bool    // the counter fell, and has not moved since
}

// Step takes a reading and returns how much more it is than the one before; ok is false when that is not known.
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

// Forget makes the next reading the first.
func (g *Growth) Forget() { *g = Growth{} }

// isReading reports whether a counter can have this value. Bits are counted as eight times bytes.
func isReading(v float64) bool { return v >= 0 && v <= 8*maxCount }
