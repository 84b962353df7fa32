//go:build !unix

package cli

import "context"

// handleSuspension does nothing: processes are not stopped here.
func (s *screen) handleSuspension(context.Context) (suspend func()) { return func() {} }
