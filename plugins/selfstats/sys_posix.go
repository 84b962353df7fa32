//go:build unix

package selfstats

import (
	"syscall"
	"time"
)

// maxDescriptors is how many files and sockets this process may have open; not ok where there is no limit.
func maxDescriptors() (float64, bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	const infinite = 1 << 62 // RLIM_INFINITY is at least that, signed or not
	n := float64(limit.Cur)
	return n, err == nil && n < infinite
}

// cpuSeconds is the CPU time that this process has used, in programs and in the kernel.
func cpuSeconds() (float64, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds(), nil
}
