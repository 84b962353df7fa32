//go:build !unix

package cli

import "context"

// suspendable does nothing: processes are not stopped here.
func (s *screen) suspendable(context.Context) (suspend func()) { return func() {} }
