package redistimeseries

import (
	"context"
	"errors"
	"strings"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// part holds the samples of a write that go to one server: all of them, unless there is a cluster.
type part struct {
	w      *Writer
	shard  int
	singly bool                 // each sample in a command of its own, wherever its slot is right now
	groups [][]*telemetry.Batch // in a cluster: one per slot, which is all that one command may touch

	enc encoder
	res results

	err   error                 // ends the write
	moved redisconn.ServerError // the server has given a slot away
}

// manner is how samples are sent.
type manner uint8

const (
	direct manner = iota // to the server that holds their slot
	singly               // slots are on their way: sample by sample, following redirections
)

// split deals the samples out over the servers.
func (w *Writer) split(ctx context.Context, batches []*telemetry.Batch, skipped *tally, how manner) ([]*part, error) {
	if w.client.Clustered && how == direct {
		return w.splitBySlot(ctx, batches, skipped)
	}
	p := &w.whole
	p.w, p.singly, p.err, p.moved = w, how == singly, nil, ""
	p.groups = append(p.groups[:0], batches)
	p.enc.reset(w, p.groups)
	p.res.reset(w.leads(batches))
	return []*part{p}, nil
}

// splitBySlot makes a part per shard, with a batch per slot.
func (w *Writer) splitBySlot(ctx context.Context, batches []*telemetry.Batch, skipped *tally) ([]*part, error) {
	var parts []*part
	byShard := map[int]*part{}
	bySlot := map[uint16]*telemetry.Batch{}
	c := cursor{w: w, batches: batches}
	for {
		e, ms, v, ok := c.next(skipped)
		if !ok {
			break
		}
		b := bySlot[e.hash]
		if b == nil {
			shard, err := w.shards.Of(ctx, int(e.hash))
			if err != nil {
				return nil, err
			}
			p := byShard[shard]
			if p == nil {
				p = &part{w: w, shard: shard}
				p.res.reset(len(parts) == 0 && w.leads(batches))
				byShard[shard], parts = p, append(parts, p)
			}
			b = &telemetry.Batch{}
			bySlot[e.hash], p.groups = b, append(p.groups, []*telemetry.Batch{b})
		}
		s, _, _ := c.sample()
		b.Copy(s, v, ms)
	}
	for _, p := range parts {
		p.enc.reset(w, p.groups)
	}
	return parts, nil
}

// leads says whether the first sample that is sent is the sign of life.
func (w *Writer) leads(batches []*telemetry.Batch) bool {
	if len(batches) == 0 || batches[0].Len() == 0 {
		return false
	}
	s, _, _ := batches[0].Sample(0)
	return s == w.alive && w.entryOf(s).state == ready
}

func (p *part) send(ctx context.Context) {
	var err error
	if p.singly {
		err = p.sendSingly(ctx)
	} else {
		err = p.w.shards.Pipe(p.shard).Exchange(ctx, p.enc.chunk, p.res.receive)
	}
	if err == nil && p.res.passing != "" {
		err = p.res.passing
	}
	var reply redisconn.ServerError
	if errors.As(err, &reply) && isRedirection(string(reply)) && p.w.client.Clustered { // else there is nowhere to go
		p.moved = reply
		return
	}
	p.err = err
}

func isRedirection(reply string) bool {
	word, _, _ := strings.Cut(reply, " ")
	return word == "MOVED" || word == "ASK" || word == "TRYAGAIN"
}

// follow says how to go on after a redirection. A slot that has moved is asked for anew; one that is moving is here for
// some of its keys and there for others, which only single commands find.
func (w *Writer) follow(moved redisconn.ServerError) manner {
	if strings.HasPrefix(string(moved), "MOVED") {
		w.shards.Stale()
		return direct
	}
	return singly
}

// sendSingly sends every sample in a TS.MADD of its own.
func (p *part) sendSingly(ctx context.Context) error {
	var all telemetry.Batch
	var entries []*entry
	for e, s := range p.samples(&p.enc.skipped) {
		all.Copy(s.series, s.value, s.ms)
		entries = append(entries, e)
	}
	refusals := make([]string, len(entries))
	err := p.w.shards.Do(ctx, redisconn.Commands{
		Len:  len(entries),
		Slot: func(i int) int { return int(entries[i].hash) },
		Append: func(buf []byte, i int) []byte {
			_, ms, v := all.Sample(i)
			return appendSample(buf, entries[i], ms, v)
		},
		Reply: func(i int, from *redisconn.Reader) error {
			if _, err := from.Array(); err != nil {
				return err
			}
			refusal, err := from.Item()
			refusals[i] = string(refusal)
			return err
		},
	})
	if err != nil {
		return err
	}
	for _, text := range refusals {
		if text == "" {
			p.res.answer(nil)
		} else {
			p.res.answer([]byte(text))
		}
	}
	return nil
}

type sample struct {
	series *telemetry.Series
	ms     int64
	value  float64
}

// samples iterates over what can be sent, in the order in which it is.
func (p *part) samples(skipped *tally) func(yield func(*entry, sample) bool) {
	return func(yield func(*entry, sample) bool) {
		for _, group := range p.groups {
			c := cursor{w: p.w, batches: group}
			for {
				e, ms, v, ok := c.next(skipped)
				if !ok {
					break
				}
				s, _, _ := c.sample()
				if !yield(e, sample{s, ms, v}) {
					return
				}
			}
		}
	}
}

// collect adds to again what did not find its series: all, if a slot has moved, else those whose numbers were noted. It
// returns how many series are gone.
func (p *part) collect(again *telemetry.Batch) (series int) {
	vanished := p.res.vanished
	if p.moved == "" && len(vanished) == 0 {
		return 0
	}
	var counted tally // already
	var gone []*entry
	n := 0
	for e, s := range p.samples(&counted) {
		switch {
		case p.moved != "":
			again.Copy(s.series, s.value, s.ms)
		case len(vanished) > 0 && vanished[0] == n:
			vanished = vanished[1:]
			again.Copy(s.series, s.value, s.ms)
			gone = append(gone, e)
		}
		n++
	}
	for _, e := range gone { // only now: the walk needs the states as they were
		if e.state != unknown {
			e.state = unknown
			series++
		}
	}
	return series
}
