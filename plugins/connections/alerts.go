package connections

import (
	"cmp"
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// Kinds of alerts. They are the names of their settings.
const (
	alertDomains        = "domains"
	alertUnknownDomain  = "unknown_domain"
	alertMaxConnections = "max_connections"
	alertMaxPerProvider = "max_per_provider"
	alertDuration       = "duration"
)

func alertKinds() []string {
	return []string{alertDomains, alertUnknownDomain, alertMaxConnections, alertMaxPerProvider, alertDuration}
}

// alerter decides when an alert is raised, and counts.
type alerter struct {
	last       map[alertSubject]time.Time
	raised     map[string]uint64 // by kind
	suppressed map[string]uint64 // by kind: within the cooldown
}

// alertSubject is what one cooldown is for.
type alertSubject struct{ kind, subject string }

// maxSubjects bounds the cooldowns that are remembered.
const maxSubjects = 4096

// checkName raises the alerts that the name of a remote end gives reason for, also if the connection could not be made.
func (a *alerter) checkName(t *tracker, c *connection, at time.Time) {
	want := &t.config.Alerts
	verb := "connected to"
	if c.err != "" {
		verb = "tried to connect to"
	}
	if want.Domains.match(&c.name) {
		a.raise(t, c, at, alertDomains, c.name.Name, fmt.Sprintf("%s %s %s", c.comm, verb, c.name.Name))
	}
	if want.UnknownDomain && c.name.Name == "" && t.names != nil && !c.remote.Addr().IsLoopback() {
		address := c.remote.Addr().String()
		a.raise(t, c, at, alertUnknownDomain, address, fmt.Sprintf("%s %s %s, which has no known name", c.comm, verb, c.remote))
	}
}

// checkNumbers raises the alerts that the number of open connections gives reason for.
func (a *alerter) checkNumbers(t *tracker, c *connection, at time.Time) {
	want := &t.config.Alerts
	if n := t.active(); want.MaxConnections > 0 && n > want.MaxConnections {
		a.raise(t, c, at, alertMaxConnections, "", fmt.Sprintf("%d connections are open, more than %d", n, want.MaxConnections))
	}
	provider := cmp.Or(c.provider, otherProvider)
	if n := t.activeOf(provider); want.MaxPerProvider > 0 && n > want.MaxPerProvider {
		a.raise(t, c, at, alertMaxPerProvider, provider, fmt.Sprintf("%d connections of %s are open, more than %d", n, provider, want.MaxPerProvider))
	}
}

// checkDurations raises alerts about connections that are open for too long.
func (a *alerter) checkDurations(t *tracker, now time.Time) {
	limit := t.config.Alerts.Duration.D()
	if limit == 0 {
		return
	}
	for c := range t.open {
		d, known := c.duration(now)
		if !known || d < limit || c.overdue || !c.announced || c.direction == connlog.Listen {
			continue
		}
		c.overdue = true
		where := cmp.Or(c.name.Name, c.remote.String())
		a.raise(t, c, now, alertDuration, where, fmt.Sprintf("%s has been connected to %s for %v", c.comm, where, limit))
	}
}

// raise makes the event of an alert and counts it, unless the last one of this kind about the same subject is too recent.
func (a *alerter) raise(t *tracker, c *connection, at time.Time, kind, subject, message string) {
	if a.last == nil {
		a.last, a.raised, a.suppressed = map[alertSubject]time.Time{}, map[string]uint64{}, map[string]uint64{}
	}
	key := alertSubject{kind, subject}
	if last, known := a.last[key]; known && at.Sub(last) < t.config.Alerts.Cooldown.D() {
		a.suppressed[kind]++
		return
	}
	if len(a.last) >= maxSubjects {
		clear(a.last)
	}
	a.last[key] = at
	a.raised[kind]++
	e := t.event(connlog.Alert, c, at)
	e.Alert, e.Message = kind, message
	e.Duration, e.HasDuration = c.duration(at)
	t.emit(&e)
}

// active returns the number of open connections, without listeners.
func (t *tracker) active() int {
	n := 0
	for _, s := range t.totals {
		n += s.active
	}
	return n
}

func (t *tracker) activeOf(provider string) int {
	n := 0
	for key, s := range t.totals {
		if key.provider == provider {
			n += s.active
		}
	}
	return n
}
