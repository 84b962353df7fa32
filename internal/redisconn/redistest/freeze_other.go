//go:build !unix

package redistest

// Freeze skips the test: no signal stops a process here.
func (s *Server) Freeze() { s.t.Skip("a process cannot be frozen on this system") }

// Thaw does nothing.
func (s *Server) Thaw() {}
