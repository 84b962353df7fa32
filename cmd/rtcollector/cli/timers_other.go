//go:build !linux

package cli

// coarsenTimers does nothing, because other systems have no timer slack.
func coarsenTimers() {}
