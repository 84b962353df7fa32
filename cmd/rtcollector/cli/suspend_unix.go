//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// hasJobControl reports whether a shell can continue a stopped process, which is the case if it made a process group for us. A
// process in the group of its session leader (the command of a container or of a new window) would be stopped for ever. The
// kernel protects such processes from SIGTSTP but not from SIGSTOP, which we must use because Go's runtime does not restore
// the default action of a caught SIGTSTP.
func hasJobControl() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != syscall.Getpgrp()
}

// handleSuspension restores the terminal while the process is stopped (Ctrl-Z, SIGTSTP) and takes it over again afterwards, also after
// a SIGSTOP, which cannot be caught. It returns the function to call for Ctrl-Z. It works until ctx is done.
func (s *screen) handleSuspension(ctx context.Context) (suspend func()) {
	stop, resumed := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTSTP)
	signal.Notify(resumed, syscall.SIGCONT)
	go func() {
		defer s.restoreOnPanic()
		defer signal.Stop(stop)
		defer signal.Stop(resumed)
		for {
			select {
			case <-ctx.Done():
				return
			case <-stop:
				s.restoreTerminal()
				if hasJobControl() {
					_ = syscall.Kill(0, syscall.SIGSTOP) // all processes of the pipeline, as Ctrl-Z does
					<-resumed
				}
			case <-resumed:
				s.restoreTerminal()
			}
			if ctx.Err() == nil {
				_ = s.takeTerminal()
			}
		}
	}()
	return func() {
		select {
		case stop <- syscall.SIGTSTP:
		default: // already stopping
		}
	}
}
