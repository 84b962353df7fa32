//go:build !core

package cli

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// describeMachine returns the hardware for a report of measurements: system, cores and, if known, the processor.
func describeMachine() string {
	name := fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return name
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return name + "," + value
		}
	}
	return name
}
