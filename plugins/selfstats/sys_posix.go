//go:build unix

package selfstats

import (
	"syscall"
	"time"
)

// maxDescriptors returns the limit of open files and sockets. ok is false if there is no limit.
func maxDescriptors() (float64, bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	const infinite = 1 << 62 // RLIM_INFINITY is at least that, whether signed or unsigned
	n := float64(limit.Cur)
	return n, err == nil && n < infinite
}

// cpuSeconds returns the CPU time that this process has used, in user mode and in the kernel.
func cpuSeconds() (float64, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds(), nil
}
