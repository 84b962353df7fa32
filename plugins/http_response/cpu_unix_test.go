//go:build unix

package httpresponse

import "syscall"

// cpuTime is the CPU time that this process has taken, in nanoseconds.
func cpuTime() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
