//go:build linux

package cli

import (
	"os"
	"path/filepath"
)

// timerSlack is how late a timer may be, in nanoseconds, so that the kernel can wake a thread for several at once: 5 ms. The kernel's default
// is 50 µs. The thread with which Go watches its scheduler asks to be woken every 20 µs while anything runs.
const timerSlack = "5000000"

// coarsenTimers sets the timer slack of all threads (proc_pid_timerslack_ns(5)); later threads inherit it. For threads other than
// the caller's, the kernel requires CAP_SYS_NICE. Without it nothing changes; under systemd the unit has set the slack before the start.
func coarsenTimers() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		// This only saves CPU time, so a failure is not worth a message.
		_ = os.WriteFile(filepath.Join("/proc", thread.Name(), "timerslack_ns"), []byte(timerSlack), 0)
	}
}
