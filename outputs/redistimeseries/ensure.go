package redistimeseries

import (
	"context"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// claim is a key and the series that want it: usually one, more when two label sets make the same key. At most one
// identity gets it.
type claim struct {
	key     string
	members []*candidate // the smallest label set first
	owner   *candidate   // nil: the key belongs to a series that is none of these
	exists  bool
	info    info
	refusal string // why Redis refuses the owner
	settled bool   // it is known what becomes of the claim
}

// ensure makes every series of the batches exist in Redis. What is known costs one look at its memo. What was found out
// before an error stays known.
func (w *Writer) ensure(ctx context.Context, batches []*telemetry.Batch) error {
	w.doubts = w.doubts[:0]
	claims := w.collect(batches)
	for some := range slices.Chunk(claims, w.pace.series(len(claims))) {
		err := w.place(ctx, some)
		if err == nil {
			err = w.ensureTiers(ctx, some)
		}
		if err != nil && w.config.compacts() { // whether they have their rules is looked at again
			for m := range members(some) {
				m.entry.state = unknown
			}
		}
		w.advanced = w.advanced || anyReady(some)
		if err != nil {
			return err
		}
	}
	return nil
}

func anyReady(claims []*claim) bool {
	for m := range members(claims) {
		if m.entry.state == ready {
			return true
		}
	}
	return false
}

// members iterates over the series that want keys, whichever they got.
func members(claims []*claim) func(yield func(*candidate) bool) {
	return func(yield func(*candidate) bool) {
		for _, c := range claims {
			for _, m := range c.members {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// place gives every claimed key to a series, and keys of their own to those that lost theirs to another.
func (w *Writer) place(ctx context.Context, claims []*claim) error {
	err := w.settle(ctx, claims)
	var seconds []*claim
	for _, c := range claims {
		if c.settled {
			seconds = append(seconds, w.assign(c)...)
		}
	}
	if err != nil || len(seconds) == 0 {
		return err
	}
	if err := w.settle(ctx, seconds); err != nil {
		return err
	}
	for _, c := range seconds {
		if c.owner == nil {
			c.owner, c.refusal = c.members[0], taken
		}
		for _, third := range w.assign(c) {
			third.refusal = taken
			for _, m := range third.members {
				w.refuse(m.entry, third)
			}
		}
	}
	return nil
}

// taken is why a series is refused whose second key belongs to another as well: 32 bits of hash are the same.
const taken = "the key belongs to another series"

// collect lists the keys that are not known yet, in the order of their first series.
func (w *Writer) collect(batches []*telemetry.Batch) []*claim {
	w.round++
	var claims []*claim
	var byKey map[string]*claim
	for _, b := range batches {
		for i := range b.Len() {
			s, _, _ := b.Sample(i)
			e := w.wanted(s)
			if e == nil {
				continue
			}
			key := w.keyOf(s)
			c := byKey[key]
			if c == nil {
				if byKey == nil {
					byKey = map[string]*claim{}
				}
				c = &claim{key: key}
				byKey[key], claims = c, append(claims, c)
			}
			c.members = append(c.members, w.candidate(s, e))
		}
	}
	for _, c := range claims {
		c.order()
	}
	return claims
}

// order puts the smallest label set first, whatever the order the series came in.
func (c *claim) order() {
	if len(c.members) == 1 {
		return
	}
	for _, m := range c.members {
		m.identify()
	}
	slices.SortStableFunc(c.members, func(a, b *candidate) int { return strings.Compare(a.id, b.id) })
}

// wanted returns the entry of a series that must be looked at, making it if there is none; nil when all is known, or
// the series was met in this round already.
func (w *Writer) wanted(s *telemetry.Series) *entry {
	e := w.entryOf(s)
	if e != nil && !w.pending(e) {
		return nil
	}
	if e == nil {
		e = &entry{owner: w}
		s.SetMemo(w.slot, e)
	}
	e.round, e.state = w.round, unknown
	return e
}

// pending says whether an entry must still be looked at in this round.
func (w *Writer) pending(e *entry) bool {
	switch e.state {
	case ready:
		return e.moves != w.moves || e.lacksTiers && e.epoch != w.epoch
	case refused:
		return e.epoch != w.epoch
	}
	return e.round != w.round
}

// assign gives the key to its owner, and to every series with the same identity. The others get claims for keys of
// their own.
func (w *Writer) assign(c *claim) (others []*claim) {
	for _, m := range c.members {
		if m != c.owner && (c.owner == nil || m.id != c.owner.id) {
			m.identify()
			key := tskey.Alternative(c.key, m.identity)
			if n := len(others); n > 0 && others[n-1].key == key { // sorted: equal ones stand together
				others[n-1].members = append(others[n-1].members, m)
				continue
			}
			others = append(others, &claim{key: key, members: []*candidate{m}})
			continue
		}
		m.key = c.key
		m.entry.setKey(c.key, w.shards.Slot(c.key))
		m.entry.state, m.entry.moves, m.entry.lacksTiers = ready, w.moves, false
		m.entry.said = m.entry.said && c.refusal != ""
		switch {
		case c.refusal == "":
		case c.refusal == taken || isTimeSeriesReply(c.refusal):
			w.refuse(m.entry, c)
		default:
			m.entry.state = doubtful
			w.doubts = append(w.doubts, doubt{m.entry, c})
		}
	}
	return others
}

// doubt is a series that could not be created, for a reason that may concern the server as well as the series.
type doubt struct {
	entry *entry
	claim *claim
}

// resolveDoubts decides about series that could not be created. Where the server took samples in the same write, the
// refusal is about new series only (it holds no more of them, or the user may not create them): the series are refused.
// Otherwise it returns the refusal, so that everything is written again. The nodes of a cluster do not speak for each
// other.
func (w *Writer) resolveDoubts(parts []*part) error {
	if slices.ContainsFunc(parts, func(p *part) bool { return p.err != nil || p.moved != "" }) {
		return nil // the write did not end: they stay in doubt
	}
	accepted := slices.ContainsFunc(parts, func(p *part) bool { return p.res.accepted })
	switch {
	case len(w.doubts) == 0:
		if accepted {
			w.doubted = ""
		}
		return nil
	case !accepted || w.client.Clustered:
		return redisconn.ServerError(w.doubts[0].claim.refusal)
	}
	for _, d := range w.doubts {
		d.entry.state, d.entry.epoch = refused, w.epoch
	}
	first := w.doubts[0].claim
	if reason, _, _ := strings.Cut(first.refusal, " "); reason != w.doubted {
		w.doubted = reason
		w.log.Error("redis refuses to create series, their samples are rejected; it is tried again every minute",
			"series", len(w.doubts), "key", first.key, keyError, w.client.Explain(context.Background(), redisconn.ServerError(first.refusal)))
	}
	return nil
}

// refuse marks a series that Redis will not have, and says so once.
func (w *Writer) refuse(e *entry, c *claim) {
	e.state, e.epoch = refused, w.epoch
	if !e.said {
		w.log.Error("redis refuses a series, its samples are rejected; delete or rename what has its key, it is tried again every minute",
			"key", c.key, "reason", c.refusal)
	}
	e.said = true
}

// settle creates the claimed keys that do not exist, determines the owners of those that do and updates their settings.
// It marks the claims about which it found out everything, also when it ends with an error.
func (w *Writer) settle(ctx context.Context, claims []*claim) error {
	if err := w.create(ctx, claims); err != nil {
		return err
	}
	existing := slices.DeleteFunc(slices.Clone(claims), func(c *claim) bool { return !c.exists })
	if len(existing) == 0 {
		return nil
	}
	err := w.inspect(ctx, existing)
	outdated := slices.DeleteFunc(existing, func(c *claim) bool { return c.settled || c.owner == nil })
	if err != nil {
		return err
	}
	return w.alter(ctx, outdated)
}
