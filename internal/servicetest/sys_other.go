//go:build !unix

package servicetest

import (
	"os/exec"
	"time"
)

// Freeze skips the test: no signal stops a process here.
func (d *Daemon) Freeze() { d.t.Skip("a process cannot be frozen on this system") }

// Thaw does nothing.
func (d *Daemon) Thaw() {}

func (d *Daemon) chownToUser(string) {}

func (d *Daemon) setUser(*exec.Cmd) {}

// CPUTime returns the CPU time of this process on all cores, or 0 if it is unknown.
func CPUTime() time.Duration { return 0 }
