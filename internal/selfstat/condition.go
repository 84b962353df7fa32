package selfstat

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// States of a [Condition].
const (
	Starting = "starting" // nothing has succeeded and nothing has failed yet
	Works    = "ok"
	Failing  = "failing"
)

// Condition says whether an input or output works. What can fail has parts, such as its opening and its gathers, which fail and recover on
// their own. The zero value is starting. A nil Condition is kept nowhere.
type Condition struct {
	calm atomic.Bool // works: nothing to do after a success

	mu          sync.Mutex
	succeeded   bool
	since       time.Time         // of the state
	failures    map[string]string // errors by part
	lastError   string
	lastErrorAt time.Time
}

// ConditionReport is what a [Condition] is at one moment.
type ConditionReport struct {
	State       string
	Since       time.Time
	LastError   string    // "": none so far
	LastErrorAt time.Time // zero: none so far
}

// maxErrorText bounds the text of an error that is kept, in bytes.
const maxErrorText = 500

// Reset begins again: the input or output was replaced.
func (c *Condition) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calm.Store(false)
	c.succeeded, c.since, c.failures = false, time.Now(), nil
}

// Fail notes that a part fails.
func (c *Condition) Fail(part, text string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	if len(c.failures) == 0 {
		c.since = now
	}
	if c.failures == nil {
		c.failures = map[string]string{}
	}
	c.failures[part], c.lastError, c.lastErrorAt = text, text, now
	c.calm.Store(false)
}

// Succeed notes that a part works.
func (c *Condition) Succeed(part string) {
	if c == nil || c.calm.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, failed := c.failures[part]
	delete(c.failures, part)
	if len(c.failures) > 0 {
		return
	}
	if failed || !c.succeeded {
		c.since = time.Now()
	}
	c.succeeded = true
	c.calm.Store(true)
}

// IsFailing reports whether a part fails.
func (c *Condition) IsFailing() bool {
	if c.calm.Load() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.failures) > 0
}

// Report returns the state. The last error is that of a part that fails, if one does.
func (c *Condition) Report() ConditionReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := ConditionReport{State: Starting, Since: c.since, LastError: c.lastError, LastErrorAt: c.lastErrorAt}
	switch {
	case len(c.failures) > 0:
		r.State = Failing
		texts := slices.Sorted(maps.Values(c.failures))
		if !slices.Contains(texts, r.LastError) {
			r.LastError = texts[0]
		}
	case c.succeeded:
		r.State = Works
	}
	return r
}
