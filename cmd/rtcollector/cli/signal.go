package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// doubled is how long after the first a signal is still the same one: timeout(1), and some shells and supervisors, send it to
// a process and then to all of its group.
const doubled = 250 * time.Millisecond

// UntilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends; its cause names the signal. The next one calls
// exit with [ExitInterrupted]. A SIGHUP that nohup(1) has switched off stays so.
func UntilSignal(exit func(code int)) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // or writing to a pipe without a reader would kill us; not Ignore, which exec(2) inherits
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		cancel(fmt.Errorf("signal: %v", <-signals))
		first := time.Now()
		for range signals {
			if time.Since(first) > doubled {
				exit(ExitInterrupted)
			}
		}
	}()
	return ctx
}
