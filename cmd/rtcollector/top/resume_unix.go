//go:build unix

package top

import (
	"os"
	"os/signal"
	"syscall"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"
)

// hasJobControl reports whether a shell can continue a stopped process, which is the case if it made a process group for us. A
// process in the group of its session leader (the command of a container or of a new window) would be stopped for ever.
func hasJobControl() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != syscall.Getpgrp()
}

// repaintWhenContinued prepares the terminal again after a stop that could not be noticed (SIGSTOP), because the shell or another
// program has used it in the meantime.
func repaintWhenContinued(p *tea.Program) (stop func()) {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	go func() {
		for range continued {
			_ = p.ReleaseTerminal()
			_ = p.RestoreTerminal()
		}
	}()
	return func() {
		signal.Stop(continued)
		close(continued)
	}
}
