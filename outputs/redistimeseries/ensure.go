package redistimeseries

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// status is what the output knows about a series in Redis.
type status uint8

const (
	unknown   status = iota // not looked up yet, or gone
	collected               // being looked up by the ensure that is running
	ready                   // exists, with its settings and labels
	refused                 // cannot be written, for example because its key has another type
	uncreated               // could not be created, for a reason that may be the server's and not the series'; see judgeUncreated
)

// entry is what the output remembers of a series. It is kept in the memo slot of the series and freed with it.
type entry struct {
	owner     *Writer // the slot may have belonged to an output that no longer exists
	keyArg    []byte  // the key as an argument: "$3\r\nkey\r\n"
	renewAt   int64   // when the expiry of the key is due, in Unix milliseconds; noRenewal if the key does not expire
	retry     uint32  // value of Writer.retry when it was refused
	slotMoves uint32  // value of Writer.slotMoves when it was looked up
	slot      uint16  // of the key in a cluster
	status    status

	warned           bool // the refusal is logged
	lacksCompactions bool // compactions could not be created; they are tried again with Writer.retry
}

const noRenewal = math.MaxInt64

// entryOf returns what the output remembers of a series, or nil.
func (w *Writer) entryOf(s *telemetry.Series) *entry {
	e, ok := s.Memo(w.slot).(*entry)
	if !ok || e.owner != w {
		return nil
	}
	return e
}

// target is a key that must hold a certain series.
type target struct {
	key         string
	alternative bool // key is tskey.Alternative of the key that another series has
	series      *telemetry.Series
	definition  *definition
	labels      []telemetry.Label
	entries     []*entry // of the handles of the series; none for a compacted series

	identity []telemetry.Label // see identify
	id       string            // its canonical form

	existed bool
	info    seriesInfo // if it existed
	taken   bool       // the key belongs to another series
	refusal string     // why Redis refuses the series
	settled bool       // nothing more has to be found out
}

const errTaken = "the key belongs to another series"

// identify returns the labels that make the series what it is, and their canonical form. It is only needed where two series
// may have the same key.
func (t *target) identify() ([]telemetry.Label, string) {
	if t.identity == nil {
		t.identity = tskey.Identity(t.series)
	}
	if t.id == "" {
		t.id = tskey.Canonical(t.identity)
	}
	return t.identity, t.id
}

// ensure makes every series of the batches exist in Redis, with its compactions and its expiry. For known series this costs
// one look at their memo. What is found out before an error stays known.
func (w *Writer) ensure(ctx context.Context, batches []*telemetry.Batch) error {
	if w.config.compacts() {
		w.slotMoves = w.shards.Moves() // a slot takes its series along, but not their compaction rules
	}
	clear(w.uncreated)
	clear(w.expiries)
	w.uncreated, w.expiries = w.uncreated[:0], w.expiries[:0]
	targets := w.collect(batches)
	err := w.ensureTargets(ctx, targets)
	for _, t := range targets {
		for _, e := range t.entries {
			if e.status == collected { // the error came first
				e.status = unknown
			}
		}
	}
	if err != nil {
		w.postponeExpiries()
		return err
	}
	w.collectEnded(batches)
	return w.expire(ctx)
}

func (w *Writer) ensureTargets(ctx context.Context, targets []*target) error {
	for some := range slices.Chunk(targets, w.commandSize.seriesPerStep(len(targets))) {
		err := w.place(ctx, some)
		if err == nil {
			err = w.ensureCompactions(ctx, some)
		}
		for _, t := range some {
			for _, e := range t.entries {
				if err != nil && w.config.compacts() { // the compaction rules must be looked up again
					e.status = unknown
				}
				w.progressed = w.progressed || e.status == ready
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// collect returns a target for each series that must be looked up, in the order of their first samples, and notes the
// expiries that are due. Handles of the same series share a target.
func (w *Writer) collect(batches []*telemetry.Batch) []*target {
	var targets []*target
	var byKey map[string]*target
	now := w.now.UnixMilli()
	for _, b := range batches {
		for i := range b.Len() {
			s, _, _ := b.Sample(i)
			e := w.entryOf(s)
			if e != nil && e.status == ready && e.slotMoves == w.slotMoves && e.renewAt > now && !e.lacksCompactions {
				continue // like most series; what follows is the slow path
			}
			if e == nil {
				e = &entry{owner: w, renewAt: noRenewal}
				s.SetMemo(w.slot, e)
			}
			if !w.mustLookUp(e) {
				if e.renewAt <= now && e.status == ready {
					w.noteExpiry(s, e)
				}
				continue
			}
			e.status = collected
			t := w.newTarget(s, e)
			name := t.key
			other := byKey[name]
			if other != nil && !sameSeries(t, other) {
				name = t.key + "\x00" + t.id
				other = byKey[name]
			}
			if other != nil {
				other.entries = append(other.entries, e)
				continue
			}
			if byKey == nil {
				byKey = map[string]*target{}
			}
			byKey[name], targets = t, append(targets, t)
		}
	}
	return targets
}

// mustLookUp reports whether it is not known whether a series exists in Redis as it should.
func (w *Writer) mustLookUp(e *entry) bool {
	switch e.status {
	case ready:
		return e.slotMoves != w.slotMoves || e.lacksCompactions && e.retry != w.retry
	case refused:
		return e.retry != w.retry
	case collected:
		return false
	}
	return true
}

func (w *Writer) newTarget(s *telemetry.Series, e *entry) *target {
	t := &target{series: s, definition: w.definitionOf(s), entries: []*entry{e}}
	if s == w.liveness {
		t.key, t.labels = w.naming.Liveness(w.host), tskey.LivenessLabels(w.host)
		t.identity = t.labels
		return t
	}
	t.key = w.naming.Key(s)
	if t.definition.Labels {
		t.labels = tskey.Labels(s)
	}
	return t
}

func sameSeries(a, b *target) bool {
	_, x := a.identify()
	_, y := b.identify()
	return x == y
}

// place finds the key of every series: its own key or, if that belongs to another series, its alternative key. The labels in
// Redis decide who owns a key, so a restart changes nothing. Two new series with the same key take turns: the first one
// creates the key, and the second one finds it taken.
func (w *Writer) place(ctx context.Context, targets []*target) error {
	for len(targets) > 0 {
		now, later := onePerKey(targets)
		err := w.settle(ctx, now)
		for _, t := range now {
			switch {
			case !t.settled: // the error came first
			case t.taken && !t.alternative:
				identity, _ := t.identify()
				t.key, t.alternative = tskey.Alternative(t.key, identity), true
				t.existed, t.taken, t.settled, t.info = false, false, false, seriesInfo{}
				later = append(later, t)
			default:
				w.assign(t)
			}
		}
		if err != nil {
			return err
		}
		targets = later
	}
	return nil
}

// onePerKey returns one target for each key, and the rest. The smallest label set goes first, so the order in which series
// appear does not matter.
func onePerKey(targets []*target) (first, rest []*target) {
	index := make(map[string]int, len(targets))
	for _, t := range targets {
		i, known := index[t.key]
		if !known {
			index[t.key], first = len(first), append(first, t)
			continue
		}
		_, a := t.identify()
		if _, b := first[i].identify(); a < b {
			first[i], t = t, first[i]
		}
		rest = append(rest, t)
	}
	return first, rest
}

// assign records what was found out about a series.
func (w *Writer) assign(t *target) {
	if t.taken { // the alternative key, too: 32 bits of hash are the same
		t.refusal = errTaken
	} else if !t.definition.Labels {
		_, w.unlabelled[t.key] = t.identify()
	}
	for _, e := range t.entries {
		e.keyArg = redisconn.AppendArg(make([]byte, 0, len(t.key)+8), t.key)
		e.slot = uint16(w.shards.Slot(t.key))
		e.slotMoves, e.lacksCompactions = w.slotMoves, false
		e.warned = e.warned && t.refusal != ""
		switch {
		case t.refusal == "":
			e.status = ready
			w.startExpiry(t, e)
		case t.refusal == errTaken || isTimeSeriesReply(t.refusal):
			w.refuse(t, e)
		default:
			e.status = uncreated
			w.uncreated = append(w.uncreated, t)
		}
	}
}

// refuse marks a series that cannot be written, and logs it once.
func (w *Writer) refuse(t *target, e *entry) {
	e.status, e.retry = refused, w.retry
	if !e.warned {
		w.log.Error("redis refuses a series, its samples are rejected; delete or rename what has its key, it is tried again every minute",
			"key", t.key, "reason", t.refusal)
	}
	e.warned = true
}

// judgeUncreated decides about series that could not be created, once the other samples are sent. If the server accepted
// some of those, either its state has changed since it refused the series, such as after loading, or it refuses new series only: it is
// full for them, or the user may not create them. So it is asked once more. If it refuses the series again, their samples are
// rejected. If it accepts no samples, the refusal is returned, and everything is written again. The nodes of a cluster do not speak for each
// other, so there everything is always written again.
func (w *Writer) judgeUncreated() error {
	accepts := w.samples.anyAccepted()
	w.askAgain = false
	switch {
	case len(w.uncreated) == 0:
		if accepts {
			w.uncreatedReason = ""
		}
		return nil
	case !accepts || w.client.Clustered:
		return redisconn.ServerError(w.uncreated[0].refusal)
	case !w.askedAgain:
		w.askAgain, w.askedAgain = true, true
		return nil
	}
	for _, t := range w.uncreated {
		for _, e := range t.entries {
			e.status, e.retry = refused, w.retry
		}
	}
	w.samples.replace(undecided, unwritable)
	first := w.uncreated[0]
	if reason, _, _ := strings.Cut(first.refusal, " "); reason != w.uncreatedReason {
		w.uncreatedReason = reason
		w.log.Error("redis refuses to create series, their samples are rejected; it is tried again every minute",
			"series", len(w.uncreated), "key", first.key, keyError, w.client.Explain(context.Background(), redisconn.ServerError(first.refusal)))
	}
	return nil
}

// settle creates the keys that do not exist, finds out who owns those that do, and updates their settings. It marks the
// targets that it is done with, also when it returns an error.
func (w *Writer) settle(ctx context.Context, targets []*target) error {
	if err := w.create(ctx, targets); err != nil {
		return err
	}
	var existing, outdated []*target
	for _, t := range targets {
		if t.existed {
			existing = append(existing, t)
		}
	}
	err := w.inspectKeys(ctx, existing)
	if err != nil {
		return err
	}
	for _, t := range existing {
		if !t.settled {
			outdated = append(outdated, t)
		}
	}
	return w.alter(ctx, outdated)
}

func (w *Writer) create(ctx context.Context, targets []*target) error {
	return w.each(ctx, targets, func(buf []byte, t *target) []byte { return appendDefinition(buf, "TS.CREATE", t) },
		func(t *target, refusal string) {
			if t.existed = isExisting(refusal); !t.existed {
				t.refusal, t.settled = refusal, true
			}
		})
}

// alter updates series whose settings or labels differ from the configuration.
func (w *Writer) alter(ctx context.Context, targets []*target) error {
	return w.each(ctx, targets, func(buf []byte, t *target) []byte { return appendDefinition(buf, "TS.ALTER", t) },
		func(t *target, refusal string) {
			t.settled = true
			if !isNoKey(refusal) { // a key that was deleted meanwhile is not an error: the write will create it again
				t.refusal = refusal
			}
		})
}

// each sends a command for each target and hands over each answer: "", or a refusal. Redirections are followed.
func (w *Writer) each(ctx context.Context, targets []*target, command func([]byte, *target) []byte, answer func(*target, string)) error {
	return w.doEach(ctx, len(targets), func(i int) string { return targets[i].key },
		func(buf []byte, i int) []byte { return command(buf, targets[i]) },
		func(i int, refusal string) { answer(targets[i], refusal) })
}

// doEach sends n commands with one key each and hands over each answer: "", or a refusal. Redirections are followed.
func (w *Writer) doEach(ctx context.Context, n int, key func(int) string, command func([]byte, int) []byte, answer func(int, string)) error {
	if n == 0 {
		return nil
	}
	return w.shards.Do(ctx, redisconn.Commands{
		Len:    n,
		Slot:   func(i int) int { return redisconn.Slot(key(i)) },
		Append: command,
		Reply: func(i int, from *redisconn.Reader) error {
			text, err := from.Item()
			if err != nil {
				return err
			}
			if w.client.Clustered && isRedirection(string(text)) {
				return redisconn.ServerError(text)
			}
			answer(i, string(text))
			return nil
		},
	})
}

// appendDefinition appends "TS.CREATE key RETENTION r … LABELS …", or TS.ALTER with the same arguments. TS.ALTER with LABELS and
// nothing after it removes all labels.
func appendDefinition(buf []byte, command string, t *target) []byte {
	var room [18]string
	args := append(room[:0], command, t.key)
	if command == "TS.ALTER" {
		args = append(t.definition.appendAlterOptions(args, t.labels, t.info), "LABELS")
	} else if args = t.definition.appendCreateOptions(args, t.labels); len(t.labels) > 0 {
		args = append(args, "LABELS")
	}
	buf = redisconn.AppendCommand(buf, len(args)+2*len(t.labels))
	for _, arg := range args {
		buf = redisconn.AppendArg(buf, arg)
	}
	for _, l := range t.labels {
		buf = redisconn.AppendArg(redisconn.AppendArg(buf, l.Key), l.Value)
	}
	return buf
}

// infoPipeline is how many TS.INFO travel together: enough to hide the round trip, few enough for a slow link to answer
// within the timeout.
const infoPipeline = 500

// inspectKeys reads what existing keys hold. It is rare and has nested replies, so go-redis does it.
func (w *Writer) inspectKeys(ctx context.Context, targets []*target) error {
	for some := range slices.Chunk(targets, infoPipeline) {
		p := w.client.Pipeline()
		commands := make([]*redis.Cmd, len(some))
		for i, t := range some {
			commands[i] = p.Do(ctx, "TS.INFO", t.key)
		}
		_, _ = p.Exec(ctx) // its error is that of the first command that failed; each one is looked at below
		var failed error
		for i, t := range some {
			reply, err := commands[i].Result()
			if err := w.inspected(t, reply, err); err != nil && failed == nil {
				failed = err
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// inspected evaluates the reply to TS.INFO. It returns the error unless that concerns this key only.
func (w *Writer) inspected(t *target, reply any, err error) error {
	var refusal redis.Error
	switch {
	case err == nil:
	case !errors.As(err, &refusal) || !isTimeSeriesReply(refusal.Error()):
		return err
	case !isNoKey(refusal.Error()): // a key that was deleted meanwhile is not an error: the write will create it again
		t.refusal, t.settled = refusal.Error(), true
		return nil
	}
	t.info = parseInfo(reply)
	t.taken = !w.owns(t)
	t.settled = t.taken || t.info.matches(t.definition, t.labels)
	return nil
}

// owns reports whether an existing key belongs to the series: whether its labels do not contradict the series' identity. A
// missing label contradicts nothing, because the predecessor left series without labels. Series that we create without
// labels are told apart as long as this process lives.
func (w *Writer) owns(t *target) bool {
	identity, id := t.identify()
	if owner, known := w.unlabelled[t.key]; known && len(t.info.labels) == 0 && owner != id {
		return false
	}
	return !t.info.contradicts(identity)
}
