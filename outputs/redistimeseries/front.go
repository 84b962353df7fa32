package redistimeseries

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// frontOf walks over the samples of a round that was cut short, up to the first that is not settled: it was not answered,
// did not find its series, was refused for now, or its series is in doubt. It must be called before the entries change.
func (w *Writer) frontOf(batches []*telemetry.Batch, parts []*part) outcome {
	var o outcome
	next := w.numbers(parts)
	for _, b := range batches {
		for i := range b.Len() {
			s, _, v := b.Sample(i)
			e := w.entryOf(s)
			switch {
			case e.state == doubtful:
				return o
			case e.state == refused:
				if s != w.alive {
					o.rejected.add(unwritable)
				}
			case v-v != 0:
				o.rejected.add(notFinite)
			default:
				p, number := next(e)
				if p == nil || !p.res.settled(number) {
					return o
				}
				if n, found := slices.BinarySearchFunc(p.res.refusals, number, refusal.compare); found {
					o.rejected.add(p.res.refusals[n].reason)
					o.words = p.res.words
				}
			}
			o.settled++
		}
	}
	return o
}

// numbers returns a function that is called with the entry of each sample that was sent, in the order of the batches. It
// returns the part that the sample went with and its number there; nil when a redirection leaves that open.
func (w *Writer) numbers(parts []*part) func(*entry) (*part, int) {
	if !w.client.Clustered {
		n := -1
		return func(*entry) (*part, int) {
			n++
			return parts[0], n
		}
	}
	type place struct {
		part *part
		next int
	}
	slots := map[uint16]*place{}
	for _, p := range parts {
		n := 0
		for _, group := range p.groups {
			s, _, _ := group[0].Sample(0)
			slots[w.entryOf(s).hash] = &place{p, n}
			n += group[0].Len()
		}
	}
	return func(e *entry) (*part, int) {
		at := slots[e.hash]
		if at == nil || at.part.moved != "" {
			return nil, 0
		}
		at.next++
		return at.part, at.next - 1
	}
}
