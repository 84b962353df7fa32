package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends. The second one calls exit with
// [ExitInterrupted]. A SIGHUP that nohup(1) has switched off stays so.
func UntilSignal(exit func(code int)) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		cancel()
		<-signals
		exit(ExitInterrupted)
	}()
	return ctx
}
