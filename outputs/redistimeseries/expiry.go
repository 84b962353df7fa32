package redistimeseries

import (
	"context"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// An ephemeral series belongs to a thing that never comes back, so its keys must not stay in Redis for ever. They expire when
// the series had no sample for its lifetime (see definition.lifetime). Permanent series, and those with an unlimited
// retention, never expire: the history of a host that is switched off stays.
//
// While a series is written, its keys expire after expirySlack · lifetime. The expiry is renewed when less than one lifetime
// remains, so a series outlives its last sample by at least its lifetime even if the agent is killed. When the series ends,
// the expiry becomes exactly its lifetime.
const (
	expirySlack   = 5.0 / 4
	renewFraction = expirySlack - 1 // of the lifetime, after which the expiry is renewed
)

// expiry is a series whose expiry must be set.
type expiry struct {
	series *telemetry.Series
	entry  *entry
	ended  bool
}

// startExpiry notes the expiry of a series that was just looked up, if it is ephemeral.
func (w *Writer) startExpiry(t *target, e *entry) {
	e.renewAt = noRenewal
	if ttl := t.series.TTL(); ttl > 0 && (t.existed || t.definition.lifetime(ttl) > 0) {
		w.noteExpiry(t.series, e)
	}
}

// noteExpiry adds a series to those whose expiry this write sets. Its renewal is not due again until that is done.
func (w *Writer) noteExpiry(s *telemetry.Series, e *entry) {
	e.renewAt = noRenewal
	w.expiries = append(w.expiries, expiry{series: s, entry: e})
}

// postponeExpiries makes the expiries due again, because they could not be set.
func (w *Writer) postponeExpiries() {
	for _, x := range w.expiries {
		x.entry.renewAt = 0
	}
}

// collectEnded adds the ephemeral series that ended to those whose expiry this write sets.
func (w *Writer) collectEnded(batches []*telemetry.Batch) {
	for _, b := range batches {
		for _, s := range b.Ended() {
			if e := w.entryOf(s); e != nil && e.status == ready && s.TTL() > 0 {
				w.expiries = append(w.expiries, expiry{series: s, entry: e, ended: true})
			}
		}
	}
}

// forgetEnded frees what the output remembers of the series that ended.
func (w *Writer) forgetEnded(batches []*telemetry.Batch) {
	for _, b := range batches {
		for _, s := range b.Ended() {
			e := w.entryOf(s)
			if e == nil {
				continue
			}
			s.SetMemo(w.slot, nil)
			if len(w.unlabelled) > 0 {
				delete(w.unlabelled, e.key())
			}
		}
	}
}

// expireCommand sets the expiry of one key, or removes it if after is 0.
type expireCommand struct {
	key   string
	after time.Duration
}

func (c expireCommand) append(buf []byte) []byte {
	if c.after == 0 {
		return redisconn.AppendArg(redisconn.AppendArg(redisconn.AppendCommand(buf, 2), "PERSIST"), c.key)
	}
	buf = redisconn.AppendArg(redisconn.AppendArg(redisconn.AppendCommand(buf, 3), "PEXPIRE"), c.key)
	return redisconn.AppendInt(buf, c.after.Milliseconds())
}

// expire sets the expiries that are due, of the series and their compactions, in one pipeline. A missing key is not an error:
// the write will find out and create it again.
func (w *Writer) expire(ctx context.Context) error {
	if len(w.expiries) == 0 || w.expiryRefused && w.expiryRetry == w.retry {
		w.postponeExpiries()
		return nil
	}
	var commands []expireCommand
	for _, x := range w.expiries {
		d := w.definitionOf(x.series)
		lifetime := d.lifetime(x.series.TTL())
		after := lifetime
		if !x.ended {
			after = time.Duration(float64(lifetime) * expirySlack)
		}
		key := x.entry.key()
		commands = append(commands, expireCommand{key, after})
		for i := range d.compactions {
			commands = append(commands, expireCommand{key + ":" + d.compactions[i].name(), after})
		}
		x.entry.renewAt = noRenewal
		if lifetime > 0 {
			x.entry.renewAt = w.now.Add(time.Duration(float64(lifetime) * renewFraction)).UnixMilli()
		}
	}
	var refusal, passing string
	err := w.doEach(ctx, len(commands), func(i int) string { return commands[i].key },
		func(buf []byte, i int) []byte { return commands[i].append(buf) },
		func(_ int, text string) {
			switch {
			case text == "":
			case redisconn.IsPassing(text) && !strings.HasPrefix(text, "NOPERM"):
				passing = text
			default:
				refusal = text
			}
		})
	if err == nil && passing != "" {
		err = redisconn.ServerError(passing)
	}
	if err != nil {
		w.postponeExpiries()
		return err
	}
	w.reportRefusedExpiry(refusal)
	return nil
}

// reportRefusedExpiry logs once that keys of ephemeral series will stay in Redis, because the user may not let them expire.
func (w *Writer) reportRefusedExpiry(refusal string) {
	if refusal == "" {
		w.expiryRefused = false
		return
	}
	w.postponeExpiries()
	if !w.expiryRefused {
		w.log.Warn("redis refuses to let series expire, so those of things that are gone stay there: grant +pexpire and +persist",
			keyError, redisconn.Explain(w.client.Addr, redisconn.ServerError(refusal)))
	}
	w.expiryRefused, w.expiryRetry = true, w.retry
}

// key returns the key of the series.
func (e *entry) key() string {
	_, text, _ := strings.Cut(string(e.keyArg), "\r\n")
	return strings.TrimSuffix(text, "\r\n")
}
