//go:build unix

package selfstats

import (
	"syscall"
	"time"
)

// cpuSeconds is the CPU time that this process has used, in programs and in the kernel.
func cpuSeconds() (float64, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds(), nil
}
