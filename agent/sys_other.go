//go:build !linux

package agent

import "time"

// suspended is not known on this system.
func suspended() time.Duration { return 0 }
