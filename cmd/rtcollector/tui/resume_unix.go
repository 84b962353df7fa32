//go:build unix

package tui

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

// repaintWhenContinued sends Continued after every stop of the process, because the shell or another program has written to the terminal
// in the meantime. Shells restore the modes of the terminal when they continue a process.
func repaintWhenContinued(p *tea.Program) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCONT)
	go func() {
		for range signals {
			p.Send(Continued{})
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
