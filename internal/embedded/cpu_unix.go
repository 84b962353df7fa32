//go:build unix

package embedded

import (
	"fmt"
	"syscall"
	"time"
)

// infoCPU returns the CPU time of this process in seconds, which may do more than serve.
func infoCPU() string {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return ""
	}
	return fmt.Sprintf("used_cpu_sys:%f\r\nused_cpu_user:%f\r\n", time.Duration(u.Stime.Nano()).Seconds(), time.Duration(u.Utime.Nano()).Seconds())
}
