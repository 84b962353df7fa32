//go:build unix

package servicetest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// Freeze suspends the process. Its connections stay open and silent.
func (d *Daemon) Freeze() { _ = d.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw resumes the process.
func (d *Daemon) Thaw() { _ = d.cmd.Process.Signal(syscall.SIGCONT) }

// chownToUser makes the user of the service the owner of a file.
func (d *Daemon) chownToUser(path string) {
	if c := d.credential(); c != nil {
		if err := os.Chown(path, int(c.Uid), int(c.Gid)); err != nil {
			d.t.Fatal(err)
		}
	}
}

// setUser makes a command run as the user of the service.
func (d *Daemon) setUser(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: d.credential()}
}

func (d *Daemon) credential() *syscall.Credential {
	if d.user == "" {
		return nil
	}
	u, err := user.Lookup(d.user)
	if err != nil {
		d.t.Skipf("there is no user %s on this machine to run the service as", d.user)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// CPUTime returns the CPU time of this process on all cores, or 0 if it is unknown.
func CPUTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
