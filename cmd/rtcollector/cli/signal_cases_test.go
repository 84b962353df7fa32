package cli

import (
	"context"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// signalCase is a process that gets signals in fake time.
type signalCase struct {
	signals  chan os.Signal
	terminal atomic.Bool // it has one at present
	reloads  *Reloads
	ctx      context.Context
	code     int // with which it was told to end at once; 0: it was not
}

// receiveSignals starts the handler of a process that was started on a terminal or as a service.
func receiveSignals(t *testing.T, onTerminal, accepts bool) *signalCase {
	t.Helper()
	c := &signalCase{signals: make(chan os.Signal, 2), reloads: NewReloads()}
	c.terminal.Store(onTerminal)
	if accepts {
		c.reloads.accept()
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	c.ctx = ctx
	h := &signalHandler{
		signals: c.signals, startedOnTerminal: onTerminal, hasTerminal: c.terminal.Load, reloads: c.reloads, stop: cancel,
		exit: func(code int) { c.code = code },
	}
	go h.run()
	return c
}

// after lets time pass and sends a signal.
func (c *signalCase) after(d time.Duration, s os.Signal) {
	time.Sleep(d)
	c.signals <- s
	synctest.Wait()
}

// end lets time pass until nothing more can happen. It returns what stopped the process, how many reloads wait, and the exit code if it was
// told to end at once.
func (c *signalCase) end() (cause string, reloads, code int) {
	time.Sleep(time.Minute)
	synctest.Wait()
	if err := context.Cause(c.ctx); err != nil {
		cause = err.Error()
	} else {
		c.after(0, syscall.SIGTERM)
	}
	close(c.signals)
	return cause, len(c.reloads.requests), c.code
}

func TestSignals(t *testing.T) {
	const hup, term = syscall.SIGHUP, syscall.SIGTERM
	for name, tc := range map[string]struct {
		onTerminal, declines bool
		do                   func(*signalCase)
		cause                string
		reloads, code        int
	}{
		"a service reloads": {
			do: func(c *signalCase) { c.after(0, hup); c.after(time.Hour, hup) }, reloads: 1, // nobody has begun the first one
		},
		"another command of a service ends": {
			declines: true, do: func(c *signalCase) { c.after(0, hup) }, cause: "signal: hangup",
		},
		"an agent on a terminal reloads": {
			onTerminal: true, do: func(c *signalCase) { c.after(0, hup) }, reloads: 1,
		},
		"another command on a terminal ends": {
			onTerminal: true, declines: true, do: func(c *signalCase) { c.after(0, hup) }, cause: "signal: hangup",
		},
		"the terminal has gone away": {
			onTerminal: true, do: func(c *signalCase) { c.terminal.Store(false); c.after(0, hup) }, cause: "signal: hangup",
		},
		"the terminal goes away after the signal of the shell": {
			onTerminal: true, do: func(c *signalCase) { c.after(0, hup); time.Sleep(hangupTime / 2); c.terminal.Store(false) }, cause: "signal: hangup", reloads: 1,
		},
		"the terminal goes away later, and the kernel says nothing": {
			onTerminal: true, do: func(c *signalCase) { c.after(0, hup); time.Sleep(2 * hangupTime); c.terminal.Store(false) }, reloads: 1,
		},
		"the shell and the kernel tell it": { // the check after the first one must not count as a second signal
			onTerminal: true, do: func(c *signalCase) { c.after(0, hup); c.terminal.Store(false); c.after(hangupTime/2, hup) }, cause: "signal: hangup", reloads: 1,
		},
		"the kernel and, late, the shell tell it": {
			onTerminal: true, do: func(c *signalCase) { c.terminal.Store(false); c.after(0, hup); c.after(time.Second, hup) }, cause: "signal: hangup",
		},
		"a stop between the signal of the shell and the end of the terminal": {
			onTerminal: true, do: func(c *signalCase) { c.after(0, hup); c.after(hangupTime/2, term); c.terminal.Store(false) }, cause: "signal: terminated", reloads: 1,
		},
		"a stop, then the terminal goes away": {
			onTerminal: true, do: func(c *signalCase) { c.after(0, term); c.terminal.Store(false); c.after(time.Second, hup) }, cause: "signal: terminated",
		},
		"a reload of a service that stops": {
			do: func(c *signalCase) { c.after(0, term); c.after(time.Second, hup) }, cause: "signal: terminated",
		},
		"a stop twice": {
			do: func(c *signalCase) { c.after(0, term); c.after(time.Second, os.Interrupt) }, cause: "signal: terminated", code: ExitInterrupted,
		},
		"a stop after the terminal has gone away": {
			onTerminal: true, do: func(c *signalCase) { c.terminal.Store(false); c.after(0, hup); c.after(time.Second, term) }, cause: "signal: hangup",
			code: ExitInterrupted,
		},
		"a stop that is doubled": {
			do: func(c *signalCase) { c.after(0, term); c.after(repeatWindow, os.Interrupt) }, cause: "signal: terminated",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := receiveSignals(t, tc.onTerminal, !tc.declines)
				tc.do(c)
				if cause, reloads, code := c.end(); cause != tc.cause || reloads != tc.reloads || code != tc.code {
					t.Errorf("stopped by %q, %d reloads, exit code %d; want %q, %d, %d", cause, reloads, code, tc.cause, tc.reloads, tc.code)
				}
			})
		})
	}
}

func TestRequestsForReloads(t *testing.T) {
	var nobody *Reloads
	if nobody.Request("x") || nobody.accept() != nil {
		t.Error("a nil Reloads accepts a request")
	}
	r := NewReloads()
	if r.Request("early") {
		t.Error("accepted before the command does")
	}
	requests := r.accept()
	if !r.Request("first") || !r.Request("second") {
		t.Error("not accepted")
	}
	if cause := <-requests; cause != "first" || len(requests) != 0 {
		t.Errorf("got %q and %d more", cause, len(requests))
	}
	r.decline()
	if r.Request("late") {
		t.Error("accepted after the command declined")
	}
}
