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
	// claimEvery is how often an agent writes that it is the one which writes for this host. One that only lives for a
	// single write never does.
	claimEvery = 30 * time.Second

	// claimLasts is how long that stays without being written again.
	claimLasts = 5 * time.Minute

	// claimsLost is how often in a row another agent must have written there in between. Once may be an agent that was
	// replaced by us, or by which we are being replaced.
	claimsLost = 2
)

// hostClaim notices a second agent that writes under the same host name. Their samples would overwrite each other.
type hostClaim struct {
	next   time.Time // when to write it again; zero: never
	made   bool
	lost   int // how often in a row another agent had written there
	warned bool
}

// claimHost writes from time to time which agent writes for this host, and warns once if another one does, too. It is
// not worth failing a write.
func (w *Writer) claimHost(ctx context.Context) {
	now := time.Now()
	if w.instance == "" || w.claim.next.IsZero() || now.Before(w.claim.next) {
		return
	}
	w.claim.next = now.Add(claimEvery)
	key := w.naming.Agent(w.host)
	before, err := w.client.SetArgs(ctx, key, fmt.Sprintf("%s since %s", w.instance, w.started.UTC().Format(time.RFC3339)),
		redis.SetArgs{TTL: claimLasts, Get: true}).Result()
	var refusal redis.Error
	switch {
	case errors.Is(err, redis.Nil):
	case errors.As(err, &refusal):
		w.log.Debug("cannot look for a second agent with this host name; that needs Redis 6.2 and the right +set", "key", key, keyError, err)
		if rights := strings.HasPrefix(refusal.Error(), "NOPERM"); rights || !redisconn.IsPassing(refusal.Error()) {
			w.claim.next = time.Time{}
		}
		return
	case err != nil:
		return // the next write will tell
	}
	owner, since, _ := strings.Cut(before, " since ")
	switch {
	case owner == "" || owner == w.instance:
		w.claim.lost = 0
	case w.claim.made:
		w.claim.lost++
	}
	w.claim.made = true
	if w.claim.lost >= claimsLost && !w.claim.warned {
		w.claim.warned = true
		w.log.Warn("another agent writes under this host name, and their samples overwrite each other: give each agent a hostname of its own, or stop one",
			"host", w.host, "key", key, "other_since", since)
	}
}
