package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// suspended returns how long the machine has slept since its start: what CLOCK_BOOTTIME counts and CLOCK_MONOTONIC does not
// (clock_gettime(2)).
func suspended() time.Duration {
	var boot, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - awake.Nano())
}
