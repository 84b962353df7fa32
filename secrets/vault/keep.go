package vault

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Pauses after a renewal that failed.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// Keep implements [secrets.Keeper]: it renews the token when two thirds of its life are over, as long as Vault lets it.
// It does not log in: who asks for a secret does that when there is no token any more.
func (s *Store) Keep(ctx context.Context, log *slog.Logger) {
	k := keeper{store: s, log: log}
	for {
		var due <-chan time.Time
		if at, ok := k.next(); ok {
			due = time.After(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-due:
			k.work(ctx)
		}
	}
}

// keeper is what [Store.Keep] remembers from one renewal to the next.
type keeper struct {
	store *Store
	log   *slog.Logger
	of    string        // the token that the rest is about
	pause time.Duration // 0: the last attempt was fine
	again time.Time     // not before this
}

// next says when there is something to do.
func (k *keeper) next() (time.Time, bool) {
	n := k.store.current()
	if n.token != k.of {
		k.of, k.pause, k.again = n.token, 0, time.Time{}
	}
	switch {
	case n.token == "":
		return time.Time{}, false
	case !n.known:
		return k.again, true
	case !n.renewable || !time.Now().Before(n.ends):
		return time.Time{}, false
	case k.pause > 0:
		return k.again, true
	}
	return n.renewAt, true
}

// work finds out how long a token lives that was given to us, or renews it.
func (k *keeper) work(ctx context.Context) {
	n := k.store.current()
	var err error
	if n.known {
		err = k.renew(ctx, n)
	} else {
		err = k.inquire(ctx, n)
	}
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		if k.pause > 0 {
			k.log.Info("vault token is renewed again")
		}
		k.pause = 0
		return
	}
	if k.pause == 0 {
		k.log.Warn("vault token could not be renewed: trying again", "error", err)
		k.pause = firstPause
	} else {
		k.pause = min(2*k.pause, lastPause)
	}
	k.again = time.Now().Add(k.pause)
}

// inquire asks about a token's life. Without the right to ask, it is taken as endless: it will be seen when it ends.
func (k *keeper) inquire(ctx context.Context, n session) error {
	r, err := k.store.exchange(ctx, http.MethodGet, "auth/token/lookup-self", n.token, nil)
	if err != nil {
		return err
	}
	switch r.status {
	case http.StatusOK:
		renewable, _ := r.Data["renewable"].(bool)
		told := n.lasts(seconds(r.Data["ttl"]), renewable)
		if !told.renewable && !told.ends.IsZero() {
			k.log.Warn("vault token cannot be renewed: give it a new one before it ends", "ends", told.ends.Round(time.Second))
		}
		k.store.replace(n.token, told)
	case http.StatusForbidden:
		n.known = true
		k.store.replace(n.token, n)
	default:
		return k.store.refused(r)
	}
	return nil
}

// renew extends the token's life. When that adds nothing any more its maximum is near, and it is left to end.
func (k *keeper) renew(ctx context.Context, n session) error {
	r, err := k.store.exchange(ctx, http.MethodPut, "auth/token/renew-self", n.token, struct{}{})
	if err != nil {
		return err
	}
	switch {
	case r.status == http.StatusOK && r.Auth != nil:
		told := n.lasts(r.Auth.LeaseDuration, r.Auth.Renewable)
		if told.ends.Sub(n.ends) < time.Second {
			told.renewable = false
			k.ending(told)
		}
		k.store.replace(n.token, told)
		k.log.Debug("vault token renewed", "ends", told.ends.Round(time.Second))
	case r.status == http.StatusForbidden || r.status == http.StatusBadRequest:
		n.renewable = false
		k.ending(n)
		k.store.replace(n.token, n)
	default:
		return fmt.Errorf("renew the token: %w", k.store.refused(r))
	}
	return nil
}

// ending says that a token will end for which nobody but a person can get another.
func (k *keeper) ending(n session) {
	if k.store.config.Auth.Method == Token {
		k.log.Warn("vault token cannot be renewed any more: give it a new one before it ends", "ends", n.ends.Round(time.Second))
	}
}
