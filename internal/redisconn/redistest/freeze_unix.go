//go:build unix

package redistest

import "syscall"

// Freeze stops the process without ending it: its connections stay open and say nothing.
func (s *Server) Freeze() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (s *Server) Thaw() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
