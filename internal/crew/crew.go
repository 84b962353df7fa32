// Package crew runs functions side by side for an input.
package crew

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Crew runs functions and joins them. A panic of one is a panic of Wait, where the agent makes an error of it: in a
// goroutine of its own it would end the whole program. The zero value is ready.
type Crew struct {
	running sync.WaitGroup
	once    sync.Once
	crash   string // of the first that panicked
}

// Go runs f.
func (c *Crew) Go(f func()) {
	c.running.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				c.once.Do(func() { c.crash = fmt.Sprintf("%v\n%s", v, debug.Stack()) })
			}
		}()
		f()
	})
}

// Wait returns when all functions have, and panics if one of them did.
func (c *Crew) Wait() {
	c.running.Wait()
	if c.crash != "" {
		panic(c.crash)
	}
}
