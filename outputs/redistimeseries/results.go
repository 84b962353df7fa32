package redistimeseries

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/outputs"
)

// reason says why a sample cannot be written, now or ever.
type reason uint8

const (
	tooOld     reason = iota // older than the series' retention
	duplicate                // its time is taken and the series' policy is BLOCK
	notValid                 // Redis cannot read the time or the value
	notFinite                // NaN or an infinity, which Redis does not take
	unwritable               // its series was refused
	other
	reasons
)

// tally counts samples by the reason they were rejected for.
type tally [reasons]int

func (t *tally) add(r reason) { t[r]++ }

func (t *tally) merge(o *tally) {
	for i, n := range o {
		t[i] += n
	}
}

// err is nil when nothing was rejected. Words are what the server said about those that are other.
func (t *tally) err(words string) error {
	rejected := outputs.RejectError{Reasons: map[string]int{}}
	var errs []error
	for r, n := range t {
		if n > 0 {
			rejected.N += n
			rejected.Reasons[reason(r).word()] = n
			errs = append(errs, fmt.Errorf("%d %s", n, reason(r).text(words)))
		}
	}
	if rejected.N == 0 {
		return nil
	}
	rejected.Err = errors.Join(errs...)
	return &rejected
}

// word is what the agent counts the reason as.
func (r reason) word() string {
	switch r {
	case tooOld:
		return "too_old"
	case duplicate:
		return "duplicate"
	case notValid:
		return "not_valid"
	case notFinite:
		return "not_finite"
	case unwritable:
		return "series_refused"
	default:
		return outputs.Other
	}
}

func (r reason) text(words string) string {
	switch r {
	case tooOld:
		return "older than the retention of their series"
	case duplicate:
		return "at a time that is taken in a series with policy BLOCK"
	case notValid:
		return "with a time or value that Redis cannot read"
	case notFinite:
		return "not a number or infinite"
	case unwritable:
		return "of series that Redis refuses"
	default:
		return "refused: " + words
	}
}

// results collects what the server answers to the samples of one exchange.
type results struct {
	at       int   // number of the next sample to be answered
	vanished []int // numbers of the samples whose series is gone
	rejected tally
	words    string // of the first refusal that is none we know
	first    bool   // sample 0 is the sign of life, which nobody counts
}

func (r *results) reset(first bool) {
	*r = results{vanished: r.vanished[:0], first: first}
}

// receive reads the reply of one TS.MADD.
func (r *results) receive(from *redisconn.Reader) error {
	n, err := from.Array()
	if err != nil {
		return err
	}
	for range n {
		refusal, err := from.Item()
		if err != nil {
			return err
		}
		if refusal != nil {
			r.refuse(refusal)
		}
		r.at++
	}
	return nil
}

func (r *results) refuse(text []byte) {
	if string(text) == sayNoSeries {
		r.vanished = append(r.vanished, r.at)
		return
	}
	if r.first && r.at == 0 {
		return
	}
	switch {
	case bytes.Contains(text, []byte("older than retention")):
		r.rejected.add(tooOld)
	case bytes.Contains(text, []byte("BLOCK mode")):
		r.rejected.add(duplicate)
	case bytes.Contains(text, []byte("invalid ")):
		r.rejected.add(notValid)
	default:
		r.rejected.add(other)
		if r.words == "" {
			r.words = string(text)
		}
	}
}
