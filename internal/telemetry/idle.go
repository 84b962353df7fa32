package telemetry

// Counters selects which counters of an input are written. [Choice.NoRates] decides about their rates.
type Counters uint8

// The choices.
const (
	AllCounters    Counters = iota // every counter
	MovingCounters                 // those that have changed since the agent started, and their rates
	NoCounters                     // those without a rate; for the others, the rate is written only
)

// idle withholds the samples of a counter or its rate until the value changes for the first time. Most counters of the kernel
// never change, and a series that is never written is never created. The state belongs to the goroutine that fills the
// input's batches.
type idle struct {
	moved bool
	held  bool // value and ms are the last withheld sample
	value float64
	ms    int64
}

// newIdle returns the state of a new series. A rate starts at 0; a counter can start at any value.
func newIdle(kind Kind) *idle {
	return &idle{held: kind != Counter}
}

// withhold takes a sample and reports whether it is withheld. At the first change it adds the last withheld sample, because
// an increase is visible only with two samples.
func (b *Batch) withhold(s *Series, v float64, ms int64) bool {
	w := s.idle
	if w.moved {
		return false
	}
	if w.held && w.ms == ms && ms != 0 {
		b.reject(s, v, reasonDuplicate)
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
