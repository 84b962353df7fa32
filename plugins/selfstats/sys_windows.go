package selfstats

import (
	"syscall"
	"time"
)

// maxDescriptors returns false, because Windows has no such limit.
func maxDescriptors() (float64, bool) { return 0, false }

// cpuSeconds returns the CPU time that this process has used, in user mode and in the kernel.
func cpuSeconds() (float64, error) {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, err
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(self, &created, &exited, &kernel, &user); err != nil {
		return 0, err
	}
	return (parseTimeSpan(kernel) + parseTimeSpan(user)).Seconds(), nil
}

// parseTimeSpan converts a FILETIME that is a time span, in units of 100 ns. Filetime.Nanoseconds would treat it as a
// date.
func parseTimeSpan(t syscall.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
