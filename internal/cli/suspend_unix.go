//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// notStopped is when a process that asked to be stopped concludes that nobody can: its session has no shell with job
// control.
const notStopped = 200 * time.Millisecond

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
				signal.Reset(syscall.SIGTSTP)
				_ = syscall.Kill(0, syscall.SIGTSTP) // all processes of the pipeline, as Ctrl-Z does
				select {
				case <-resumed:
				case <-time.After(notStopped):
				}
				signal.Notify(stop, syscall.SIGTSTP)
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
