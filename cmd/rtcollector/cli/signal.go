package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// repeatWindow is the time after the first signal in which another one counts as the same: timeout(1) and some shells and
// supervisors send a signal to a process and then to its process group.
const repeatWindow = 250 * time.Millisecond

// UntilSignal returns a context that ends with the first SIGINT, SIGTERM or SIGHUP; its cause names the signal. The next signal
// calls exit with [ExitInterrupted]. A SIGHUP that is ignored, as with nohup(1), stays ignored.
func UntilSignal(exit func(code int)) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // otherwise writing to a pipe without a reader ends the process; signal.Ignore would be inherited by child processes
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		cancel(fmt.Errorf("signal: %v", <-signals))
		first := time.Now()
		for range signals {
			if time.Since(first) > repeatWindow {
				exit(ExitInterrupted)
			}
		}
	}()
	return ctx
}
