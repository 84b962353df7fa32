//go:build !unix

package tui

import tea "charm.land/bubbletea/v2"

// hasJobControl reports whether a shell can continue a stopped process.
func hasJobControl() bool { return false }

func repaintWhenContinued(*tea.Program) (stop func()) { return func() {} }
