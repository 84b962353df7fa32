package redistimeseries

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// route decides where samples are sent.
type route uint8

const (
	toOwner   route = iota // to the server that holds the slot, many samples per command
	following              // slots are moving: one sample per command, following redirections
)

// request sends the samples of a write that go to one server, and records their verdicts. Without a cluster these are all
// samples. The requests of a cluster run side by side; each one only touches the verdicts of its own samples.
type request struct {
	writer  *Writer
	shard   int
	single  bool  // a command per sample, see following
	ordered bool  // order lists the samples; otherwise all open ones are sent
	order   []int // numbers of the samples in the order of sending, grouped by slot

	encoder
	sent     int  // position in order of the next sample to encode
	answered int  // number, or position in order, of the next sample to be answered
	stopped  bool // a whole command was refused, so later replies cannot be matched with samples

	passing     redisconn.ServerError // the first refusal that will pass
	refusal     string                // the first refusal without a verdict of its own
	redirection redisconn.ServerError // the server has given a slot away
	err         error                 // ends the write
}

func (r *request) reset(w *Writer) {
	*r = request{writer: w, order: r.order[:0], encoder: encoder{
		cursor: cursor{sampleList: &w.samples}, memoSlot: w.slot, commandSize: w.commandSize, time: r.time[:0],
	}}
}

// send sends the open samples. It returns a redirection if some of them belong to another server now.
func (w *Writer) send(ctx context.Context, to route) (redirection redisconn.ServerError, err error) {
	requests, err := w.requests(ctx, to)
	if err != nil {
		return "", err
	}
	if len(requests) == 1 {
		requests[0].send(ctx)
	} else {
		var wg sync.WaitGroup
		for _, r := range requests {
			wg.Go(func() { r.send(ctx) })
		}
		wg.Wait()
	}
	for _, r := range requests {
		err = cmp.Or(err, r.err)
		redirection = cmp.Or(redirection, r.redirection)
		w.samples.refusal = cmp.Or(w.samples.refusal, r.refusal)
	}
	if err == nil && redirection == "" {
		err = w.judgeUncreated()
	}
	return redirection, err
}

// requests distributes the open samples over the servers.
func (w *Writer) requests(ctx context.Context, to route) ([]*request, error) {
	w.request.reset(w)
	if !w.client.Clustered {
		return []*request{&w.request}, nil
	}
	slots := map[uint16][]int{}
	var slotOrder []uint16
	c := encoder{cursor: cursor{sampleList: &w.samples}, memoSlot: w.slot}
	for {
		number, e, _, _, ok := c.nextSendable()
		if !ok {
			break
		}
		if to == following {
			w.request.order = append(w.request.order, number)
			continue
		}
		if slots[e.slot] == nil {
			slotOrder = append(slotOrder, e.slot)
		}
		slots[e.slot] = append(slots[e.slot], number)
	}
	if to == following {
		w.request.ordered, w.request.single = true, true
		return []*request{&w.request}, nil
	}
	var all []*request
	byShard := map[int]*request{}
	for _, slot := range slotOrder {
		shard, err := w.shards.Of(ctx, int(slot))
		if err != nil {
			return nil, err
		}
		r := byShard[shard]
		if r == nil {
			r = &request{}
			r.reset(w)
			r.shard, r.ordered = shard, true
			byShard[shard], all = r, append(all, r)
		}
		r.order = append(r.order, slots[slot]...)
	}
	return all, nil
}

func (r *request) send(ctx context.Context) {
	var err error
	if r.single {
		err = r.sendSingly(ctx)
	} else {
		err = r.writer.shards.Pipe(r.shard).Exchange(ctx, r.appendChunk, r.receive)
	}
	if err == nil && r.passing != "" {
		err = r.passing
	}
	var reply redisconn.ServerError
	if errors.As(err, &reply) && isRedirection(string(reply)) && r.writer.client.Clustered { // otherwise there is nowhere to go
		r.redirection = reply
		return
	}
	r.err = err
}

func isRedirection(reply string) bool {
	code, _, _ := strings.Cut(reply, " ")
	return code == "MOVED" || code == "ASK" || code == "TRYAGAIN"
}

// follow chooses the route after a redirection. The owner of a slot that has moved is looked up again. While a slot moves,
// some of its keys are on one server and some on another, which only single commands can find.
func (w *Writer) follow(redirection redisconn.ServerError) route {
	if strings.HasPrefix(string(redirection), "MOVED") {
		w.shards.Stale()
		return toOwner
	}
	return following
}

// sendSingly sends every sample in a TS.MADD of its own.
func (r *request) sendSingly(ctx context.Context) error {
	refusals := make([][]byte, len(r.order)) // judged later: shards answer side by side
	err := r.writer.shards.Do(ctx, redisconn.Commands{
		Len:  len(r.order),
		Slot: func(i int) int { return int(r.entryAt(r.order[i]).slot) },
		Append: func(buf []byte, i int) []byte {
			c := cursor{sampleList: r.sampleList} // of its own: shards encode side by side
			s, ms, v := c.at(r.order[i])
			return appendSingle(buf, r.writer.entryOf(s), ms, v)
		},
		Reply: func(i int, from *redisconn.Reader) error {
			if _, err := from.Array(); err != nil {
				return err
			}
			refusal, err := from.Item()
			refusals[i] = bytes.Clone(refusal)
			return err
		},
	})
	if err != nil {
		return err
	}
	for i, refusal := range refusals {
		r.judge(r.order[i], refusal)
	}
	return nil
}

func (r *request) entryAt(number int) *entry {
	s, _, _ := r.at(number)
	return r.writer.entryOf(s)
}

// receive reads the reply to one TS.MADD.
func (r *request) receive(from *redisconn.Reader) error {
	n, err := from.Array()
	if err != nil {
		r.stopped = true
		return err
	}
	for range n {
		refusal, err := from.Item()
		if err != nil {
			return err
		}
		switch {
		case r.stopped:
		case refusal == nil:
			r.verdicts[r.nextAnswered()] = accepted
		default:
			r.judge(r.nextAnswered(), refusal)
		}
	}
	return nil
}

// nextAnswered returns the number of the sample that the next reply is about. Samples that were not sent are not open.
func (r *request) nextAnswered() int {
	if r.ordered {
		r.answered++
		return r.order[r.answered-1]
	}
	for r.verdicts[r.answered] != open {
		r.answered++
	}
	r.answered++
	return r.answered - 1
}

// judge records the verdict of a sample. Refusal is nil if Redis accepted it.
func (r *request) judge(number int, refusal []byte) {
	if refusal == nil {
		r.verdicts[number] = accepted
		return
	}
	switch {
	case isNoSeries(string(refusal)):
		r.verdicts[number] = gone
	case redisconn.IsPassing(string(refusal)):
		r.passing = cmp.Or(r.passing, redisconn.ServerError(refusal))
	case bytes.Contains(refusal, []byte("older than retention")):
		r.verdicts[number] = tooOld
	case bytes.Contains(refusal, []byte("BLOCK mode")):
		r.verdicts[number] = duplicate
	case bytes.Contains(refusal, []byte("invalid ")):
		r.verdicts[number] = notValid
	default:
		r.verdicts[number] = refusedOther
		if number >= r.own {
			r.refusal = cmp.Or(r.refusal, string(refusal))
		}
	}
}

// anyAccepted reports whether Redis accepted a sample in this write, which includes the liveness sample.
func (l *sampleList) anyAccepted() bool { return slices.Contains(l.verdicts, accepted) }
