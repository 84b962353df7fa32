package keyspace

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// runTTL answers TTL, PTTL, EXPIRETIME and PEXPIRETIME.
func runTTL(s *Session, d *Database, args [][]byte) {
	answer := d.Deadline(string(args[1]))
	switch {
	case !d.Exists(args[1]):
		s.Out.Int(-2)
		return
	case answer == 0:
		s.Out.Int(-1)
		return
	}
	name := strings.ToUpper(string(args[0]))
	if strings.HasSuffix(name, "TTL") {
		answer -= s.Store.NowMillis()
	}
	if !strings.HasPrefix(name, "P") {
		answer = (answer + 500) / 1000
	}
	s.Out.Int(max(0, answer))
}

// runExpire runs EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT.
func runExpire(s *Session, d *Database, args [][]byte) {
	name := strings.ToUpper(string(args[0]))
	at, ok := resp.ParseInt(args[2])
	if !ok {
		s.Fail(resp.ErrNotInteger)
		return
	}
	if at > MaxTimestamp/1000 || at < -MaxTimestamp/1000 {
		s.Fail(s.ExpireTimeError())
		return
	}
	if !strings.HasPrefix(name, "P") {
		at *= 1000
	}
	if !strings.HasSuffix(name, "AT") {
		at += s.Store.NowMillis()
	}
	key := string(args[1])
	allowed, known := allowsDeadline(d.Deadline(key), at, args[3:])
	switch {
	case !known:
		s.Fail(resp.Error("ERR Unsupported option " + string(args[3])))
		return
	case !allowed || !d.Exists(args[1]):
		s.Out.Int(0)
		return
	}
	if at <= s.Store.NowMillis() {
		d.Delete(key)
	} else {
		d.SetDeadline(key, at)
		d.breakWatches(key)
		d.notify(DeadlineSet, key, d.values[key])
	}
	s.Out.Int(1)
}

// ExpireTimeError returns the error for an invalid time to live.
func (s *Session) ExpireTimeError() resp.Error {
	return resp.Error("ERR invalid expire time in '" + s.Command.Name + "' command")
}

// allowsDeadline applies NX, XX, GT and LT to the current deadline (0 is none)
// and the new one. It returns known = false for any other option.
func allowsDeadline(current, at int64, options [][]byte) (allowed, known bool) {
	allowed = true
	for _, option := range options {
		switch {
		case resp.IsWord(option, "NX"):
			allowed = allowed && current == 0
		case resp.IsWord(option, "XX"):
			allowed = allowed && current != 0
		case resp.IsWord(option, "GT"):
			allowed = allowed && current != 0 && at > current
		case resp.IsWord(option, "LT"):
			allowed = allowed && (current == 0 || at < current)
		default:
			return false, false
		}
	}
	return allowed, true
}

func runPersist(s *Session, d *Database, args [][]byte) {
	key := string(args[1])
	had := d.Deadline(key) != 0
	if had {
		d.SetDeadline(key, 0)
		d.breakWatches(key)
	}
	s.Out.Bool(had)
}
