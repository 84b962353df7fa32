package vault

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Pauses after a failed renewal.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// Keep implements [secrets.Keeper]. It renews the token after two thirds of its lifetime, as long as Vault allows it. It does not log in:
// the next call of Secret does that when the token has expired.
func (s *Store) Keep(ctx context.Context, log *slog.Logger) {
	k := keeper{store: s, log: log}
	for {
		var due <-chan time.Time
		if at, ok := k.nextDue(); ok {
			due = time.After(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-due:
			k.renewOrLookUp(ctx)
		}
	}
}

// keeper is what [Store.Keep] remembers from one renewal to the next.
type keeper struct {
	store   *Store
	log     *slog.Logger
	token   string        // the token that the fields below are about
	pause   time.Duration // 0: the last attempt succeeded
	retryAt time.Time     // time of the next attempt after a failure
}

// nextDue returns when to renew or look up the token; ok is false if there is nothing to do.
func (k *keeper) nextDue() (at time.Time, ok bool) {
	n := k.store.currentSession()
	if n.token != k.token {
		k.token, k.pause, k.retryAt = n.token, 0, time.Time{}
	}
	switch {
	case n.token == "":
		return time.Time{}, false
	case !n.hasLifetime:
		return k.retryAt, true
	case !n.renewable || !time.Now().Before(n.expiresAt):
		return time.Time{}, false
	case k.pause > 0:
		return k.retryAt, true
	}
	return n.renewAt, true
}

// renewOrLookUp renews the token, or looks up the lifetime of a configured one. It logs the first failure and sets the next attempt.
func (k *keeper) renewOrLookUp(ctx context.Context) {
	n := k.store.currentSession()
	var err error
	if n.hasLifetime {
		err = k.renew(ctx, n)
	} else {
		err = k.lookUpLifetime(ctx, n)
	}
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		if k.pause > 0 {
			k.log.Info("vault token renewed after failures")
		}
		k.pause = 0
		return
	}
	if k.pause == 0 {
		k.log.Warn("vault token could not be renewed; retrying", "error", err)
		k.pause = firstPause
	} else {
		k.pause = min(2*k.pause, lastPause)
	}
	k.retryAt = time.Now().Add(k.pause)
}

// lookUpLifetime reads the lifetime of a token. If the token lacks the permission for that, it counts as endless; its end will be noticed
// when it is refused.
func (k *keeper) lookUpLifetime(ctx context.Context, n session) error {
	r, err := k.store.sendRequest(ctx, http.MethodGet, "auth/token/lookup-self", n.token, nil)
	if err != nil {
		return err
	}
	switch r.status {
	case http.StatusOK:
		renewable, _ := r.Data["renewable"].(bool)
		updated := n.withLifetime(parseSeconds(r.Data["ttl"]), renewable)
		if !updated.renewable && !updated.expiresAt.IsZero() {
			k.log.Warn("vault token is not renewable; configure a new one before it expires", "ends", updated.expiresAt.Round(time.Second))
		}
		k.store.replaceSession(n.token, updated)
	case http.StatusForbidden:
		n.hasLifetime = true
		k.store.replaceSession(n.token, n)
	default:
		return k.store.explainRefusal(r)
	}
	return nil
}

// renew extends the lifetime of the token. If that adds less than a second, the maximum is reached, and the token is left to expire.
func (k *keeper) renew(ctx context.Context, n session) error {
	r, err := k.store.sendRequest(ctx, http.MethodPut, "auth/token/renew-self", n.token, struct{}{})
	if err != nil {
		return err
	}
	switch {
	case r.status == http.StatusOK && r.Auth != nil:
		updated := n.withLifetime(r.Auth.LeaseDuration, r.Auth.Renewable)
		if updated.expiresAt.Sub(n.expiresAt) < time.Second {
			updated.renewable = false
			k.warnExpiring(updated)
		}
		k.store.replaceSession(n.token, updated)
		k.log.Debug("vault token renewed", "ends", updated.expiresAt.Round(time.Second))
	case r.status == http.StatusForbidden || r.status == http.StatusBadRequest:
		n.renewable = false
		k.warnExpiring(n)
		k.store.replaceSession(n.token, n)
	default:
		return fmt.Errorf("renew the token: %w", k.store.explainRefusal(r))
	}
	return nil
}

// warnExpiring warns about a token that will expire and that only the user can replace.
func (k *keeper) warnExpiring(n session) {
	if k.store.config.Auth.Method == Token {
		k.log.Warn("vault token has reached its maximum lifetime; configure a new one before it expires", "ends", n.expiresAt.Round(time.Second))
	}
}
