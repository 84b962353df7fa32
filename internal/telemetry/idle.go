package telemetry

// Counters says which counters of an input are written. Their rates are chosen by [Choice.NoRates].
type Counters uint8

// The choices.
const (
	AllCounters    Counters = iota // every counter
	MovingCounters                 // those that have changed since the agent started, and their rates
	NoCounters                     // those that have no rate: of the others, the rate says enough
)

// idle withholds the samples of a counter, or of a counter's rate, until its value changes for the first time. Most of the
// kernel's counters never do, and a series that is never written is never created. The state belongs to the goroutine
// that fills the input's batches.
type idle struct {
	moved bool
	held  bool // value and ms are the last sample that was withheld
	value float64
	ms    int64
}

// newIdle returns the state of a series that starts at a known value: a rate at 0. A counter starts wherever it is.
func newIdle(kind Kind) *idle {
	return &idle{held: kind != Counter}
}

// withhold takes a sample and reports whether it is left out. With the first change it adds the last sample that was left
// out, so that the change itself can be seen: an increase needs two samples.
func (b *Batch) withhold(s *Series, v float64, ms int64) bool {
	w := s.idle
	if w.moved {
		return false
	}
	if w.held && w.ms == ms && ms != 0 {
		b.reject(s, v, reasonTwice)
		return true
	}
	if !w.held || v == w.value {
		w.held, w.value, w.ms = true, v, ms
		return true
	}
	w.moved = true
	if w.ms != 0 {
		b.Copy(s, w.value, w.ms)
	}
	return false
}
