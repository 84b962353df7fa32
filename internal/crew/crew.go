// Package crew keeps panics of plugins from ending the agent: [Catch] turns the panic of a function into an error, and a
// [Crew] runs functions side by side and passes their panics to the goroutine that waits for them.
package crew

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// PanicError is the error of a function that panicked.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked
}

// Error implements error. It does not contain the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Catch calls f and returns its error, or a [*PanicError] if f panicked.
func Catch(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = asError(v)
		}
	}()
	return f()
}

// asError returns the error of a panic with value v. A *PanicError was caught before; it has the stack of its origin.
func asError(v any) *PanicError {
	if e, ok := v.(*PanicError); ok {
		return e
	}
	return &PanicError{v, debug.Stack()}
}

// Crew runs functions and waits for them. When one of them panics, Wait panics: a panic that no function of its own
// goroutine recovers would end the program. The zero value is ready.
type Crew struct {
	running sync.WaitGroup
	once    sync.Once
	crash   *PanicError // the first
}

// Go runs f in a goroutine.
func (c *Crew) Go(f func()) {
	c.running.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				e := asError(v)
				c.once.Do(func() { c.crash = e })
			}
		}()
		f()
	})
}

// Wait returns when all functions have returned. If one of them panicked, Wait panics with its [*PanicError].
func (c *Crew) Wait() {
	c.running.Wait()
	if c.crash != nil {
		panic(c.crash)
	}
}

// Each calls f for all items side by side and returns when it has returned for all. It panics as [Crew.Wait] does.
func Each[T any](items []T, f func(T)) {
	if len(items) == 1 {
		f(items[0])
		return
	}
	var all Crew
	for _, item := range items {
		all.Go(func() { f(item) })
	}
	all.Wait()
}
