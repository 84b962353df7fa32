package redistimeseries

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

const (
	// markEvery is how often an agent writes its mark. An agent that only lives for a single write never does.
	markEvery = 30 * time.Second

	// markLasts is how long the mark stays in Redis without being renewed.
	markLasts = 5 * time.Minute

	// marksLost is how often in a row another agent must have overwritten the mark before it is warned about. Once may be an
	// agent that we replace, or that replaces us.
	marksLost = 2
)

// hostMark detects a second agent that writes under the same host name. Their samples would overwrite each other. The mark is
// a key that says which agent writes for the host.
type hostMark struct {
	next   time.Time // when to write it again; zero: never
	made   bool
	lost   int // how often in a row another agent had overwritten it
	warned bool
}

// markHost renews the mark from time to time, and warns once if another agent writes for this host, too. Its errors do not fail
// the write.
func (w *Writer) markHost(ctx context.Context) {
	now := time.Now()
	if w.instance == "" || w.hostMark.next.IsZero() || now.Before(w.hostMark.next) {
		return
	}
	w.hostMark.next = now.Add(markEvery)
	key := w.naming.Agent(w.host)
	before, err := w.client.SetArgs(ctx, key, fmt.Sprintf("%s since %s", w.instance, w.started.UTC().Format(time.RFC3339)),
		redis.SetArgs{TTL: markLasts, Get: true}).Result()
	var refusal redis.Error
	switch {
	case errors.Is(err, redis.Nil):
	case errors.As(err, &refusal):
		w.log.Debug("cannot look for a second agent with this host name; that needs Redis 6.2 and the right +set", "key", key, keyError, err)
		if rights := strings.HasPrefix(refusal.Error(), "NOPERM"); rights || !redisconn.IsPassing(refusal.Error()) {
			w.hostMark.next = time.Time{}
		}
		return
	case err != nil:
		return // the next write fails, too, if the server is gone
	}
	owner, since, _ := strings.Cut(before, " since ")
	switch {
	case owner == "" || owner == w.instance:
		w.hostMark.lost = 0
	case w.hostMark.made:
		w.hostMark.lost++
	}
	w.hostMark.made = true
	if w.hostMark.lost >= marksLost && !w.hostMark.warned {
		w.hostMark.warned = true
		w.log.Warn("another agent writes under this host name, and their samples overwrite each other: give each agent a hostname of its own, or stop one",
			"host", w.host, "key", key, "other_since", since)
	}
}
