package redistimeseries

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

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
	inDoubt // not sent, because its series could not be created; see resolveDoubts
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

// reject returns nil when nothing was rejected. Words are what the server said about those that are other.
func (t *tally) reject(words string) *outputs.RejectError {
	rejected := outputs.RejectError{Reasons: map[string]int{}}
	var errs []error
	for r, n := range t {
		if n > 0 {
			rejected.N += n
			rejected.Reasons[reason(r).word()] += n
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
	case unwritable, inDoubt:
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
	case unwritable, inDoubt:
		return "of series that Redis refuses"
	default:
		return "refused: " + words
	}
}

// results collects what the server answers to the samples of one exchange.
type results struct {
	at       int // number of the next sample to be answered
	accepted bool
	vanished []int // numbers of the samples whose series is gone
	refusals []refusal
	words    string // of the first refusal that is none we know
	first    bool   // sample 0 is the sign of life, which is not counted

	passing   redisconn.ServerError // the first refusal that will pass
	passingAt int                   // number of the sample that it concerns
	stopped   bool                  // a whole command was refused: what comes after it is not looked at
}

// refusal is a sample that the server will never take.
type refusal struct {
	number int
	reason reason
}

func (r refusal) compare(number int) int { return cmp.Compare(r.number, number) }

func (r *results) reset(first bool) {
	*r = results{vanished: r.vanished[:0], refusals: r.refusals[:0], first: first}
}

// settled reports whether the sample with this number was answered for good.
func (r *results) settled(number int) bool {
	if number >= r.at || r.passing != "" && number >= r.passingAt {
		return false
	}
	_, vanished := slices.BinarySearch(r.vanished, number)
	return !vanished
}

// count adds the samples that were refused to a tally.
func (r *results) count(t *tally) {
	for _, f := range r.refusals {
		t.add(f.reason)
	}
}

// receive reads the reply of one TS.MADD.
func (r *results) receive(from *redisconn.Reader) error {
	n, err := from.Array()
	if err != nil {
		r.stopped = true
		return err
	}
	for range n {
		text, err := from.Item()
		if err != nil {
			return err
		}
		r.answer(text)
	}
	return nil
}

// answer takes the answer to the next sample: nil, or the text of a refusal.
func (r *results) answer(text []byte) {
	switch {
	case r.stopped:
		return
	case text == nil:
		r.accepted = true
	default:
		r.refuse(text)
	}
	r.at++
}

func (r *results) refuse(text []byte) {
	switch {
	case isNoSeries(string(text)):
		r.vanished = append(r.vanished, r.at)
	case redisconn.IsPassing(string(text)):
		if r.passing == "" {
			r.passing, r.passingAt = redisconn.ServerError(text), r.at
		}
	case r.first && r.at == 0:
	default:
		r.refusals = append(r.refusals, refusal{r.at, r.reasonFor(text)})
	}
}

func (r *results) reasonFor(text []byte) reason {
	switch {
	case bytes.Contains(text, []byte("older than retention")):
		return tooOld
	case bytes.Contains(text, []byte("BLOCK mode")):
		return duplicate
	case bytes.Contains(text, []byte("invalid ")):
		return notValid
	}
	if r.words == "" {
		r.words = string(text)
	}
	return other
}
