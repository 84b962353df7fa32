package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// repeatWindow is the time after the first signal in which another one counts as the same: timeout(1) and some shells and
// supervisors send a signal to a process and then to its process group.
const repeatWindow = 250 * time.Millisecond

// Reloads tells a running agent that it is to read its configuration again. The zero value is ready to use. A nil Reloads never does.
type Reloads struct {
	accepted atomic.Bool
	requests chan string // causes; see UntilSignal
}

// NewReloads returns a Reloads that nobody accepts yet.
func NewReloads() *Reloads { return &Reloads{requests: make(chan string, 1)} }

// Request asks for a reload. One that nobody has begun yet is enough for several requests. It reports false if the command that runs
// does not reload.
func (r *Reloads) Request(cause string) bool {
	if r == nil || !r.accepted.Load() {
		return false
	}
	select {
	case r.requests <- cause:
	default:
	}
	return true
}

// accept returns the requests from now on. Decline ends that.
func (r *Reloads) accept() <-chan string {
	if r == nil {
		return nil
	}
	r.accepted.Store(true)
	return r.requests
}

func (r *Reloads) decline() {
	if r != nil {
		r.accepted.Store(false)
	}
}

// hangupTime is how long a shell that ends may take from SIGHUP for its jobs until its terminal is gone.
const hangupTime = time.Second

// UntilSignal returns a context that ends with the first SIGINT, SIGTERM or SIGHUP; its cause names the signal. The next SIGINT or
// SIGTERM calls exit with [ExitInterrupted]. A SIGHUP that is ignored, as with nohup(1), stays ignored. If the command reloads, SIGHUP becomes a
// request for that, unless it says that the terminal has gone away from which the process was started.
func UntilSignal(exit func(code int), reloads *Reloads) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // otherwise writing to a pipe without a reader ends the process; signal.Ignore would be inherited by child processes
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	h := &signalHandler{
		signals: signals, startedOnTerminal: hasTerminal(), hasTerminal: hasTerminal, reloads: reloads, stop: cancel, exit: exit,
	}
	go h.run()
	return ctx
}

// signalHandler decides what signals mean: reload, stop, or end at once.
type signalHandler struct {
	signals           <-chan os.Signal
	startedOnTerminal bool
	hasTerminal       func() bool // now
	reloads           *Reloads
	stop              context.CancelCauseFunc
	exit              func(code int)
}

// run handles signals until there are no more. SIGHUP during a stop is no wish to end at once: a service is asked to reload too late, or a
// terminal goes away.
func (h *signalHandler) run() {
	first := h.waitForStop()
	h.stop(fmt.Errorf("signal: %v", first))
	began := time.Now()
	for s := range h.signals {
		if time.Since(began) > repeatWindow && s != syscall.SIGHUP {
			h.exit(ExitInterrupted)
		}
	}
}

// waitForStop returns the first signal that is not a request for a reload.
func (h *signalHandler) waitForStop() os.Signal {
	var hangup <-chan time.Time // receives when the terminal must be gone if the SIGHUP before was about that
	for {
		select {
		case s := <-h.signals:
			isGone := h.startedOnTerminal && !h.hasTerminal()
			if s != syscall.SIGHUP || isGone || !h.reloads.Request("signal: hangup") {
				return s
			}
			if h.startedOnTerminal { // some shells send it to their jobs just before the terminal goes away
				hangup = time.After(hangupTime)
			}
		case <-hangup:
			if !h.hasTerminal() {
				return syscall.SIGHUP
			}
		}
	}
}

// hasTerminal reports whether the process has a controlling terminal. Once that is gone, which is what SIGHUP was made for, its name can no
// longer be opened: tty(4).
func hasTerminal() bool {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}
