//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// hasJobControl reports whether there is a shell that can continue a stopped process: it made a process group for us. A
// process that is in the group of its session's leader (the command of a container or of a new window) would be stopped
// for ever. It has to be SIGSTOP, which is not held back by the kernel in that case: once SIGTSTP was caught, Go's
// runtime never gives it back its default action.
func hasJobControl() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != syscall.Getpgrp()
}

// suspendable gives the terminal back while the process is stopped (Ctrl-Z, SIGTSTP), and takes it again afterwards, also
// after a SIGSTOP, which nobody can see. It returns the function for Ctrl-Z. It works until ctx is done.
func (s *screen) suspendable(ctx context.Context) (suspend func()) {
	stop, resumed := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTSTP)
	signal.Notify(resumed, syscall.SIGCONT)
	go func() {
		defer s.leaveOnPanic()
		defer signal.Stop(stop)
		defer signal.Stop(resumed)
		for {
			select {
			case <-ctx.Done():
				return
			case <-stop:
				s.leave()
				if hasJobControl() {
					_ = syscall.Kill(0, syscall.SIGSTOP) // all processes of the pipeline, as Ctrl-Z does
					<-resumed
				}
			case <-resumed:
				s.leave()
			}
			if ctx.Err() == nil {
				_ = s.enter()
			}
		}
	}()
	return func() {
		select {
		case stop <- syscall.SIGTSTP:
		default: // is being stopped
		}
	}
}
