//go:build unix

package execinput

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// credential is who a command runs as; nil: as the agent.
type credential struct {
	syscall.Credential
	name, home string
}

// lookUp finds a user, by name or number, with all groups.
func lookUp(name string) (*credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("look up the user %q: there is none of this name", name)
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 && uint64(os.Geteuid()) != uid {
		return nil, fmt.Errorf("run commands as the user %q: only root may do that: run the agent as root, or leave user out", name)
	}
	c := &credential{syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: os.Geteuid() != 0}, u.Username, u.HomeDir}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("look up the groups of the user %q: %w", name, err)
	}
	for _, text := range groups {
		if g, err := strconv.ParseUint(text, 10, 32); err == nil {
			c.Groups = append(c.Groups, uint32(g))
		}
	}
	return c, nil
}

// variables are what login(1) would set.
func (c *credential) variables() []string {
	return []string{"HOME=" + c.home, "USER=" + c.name, "LOGNAME=" + c.name, "SHELL=/bin/sh"}
}

// setGroup makes a command the leader of a process group of its own, and lets it be killed as a whole: also what it
// started, and what ignores SIGTERM.
func setGroup(cmd *exec.Cmd, c *credential) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c != nil {
		cmd.SysProcAttr.Credential = &c.Credential
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// endGroup kills what a command that has ended left behind. As long as there is any of it, its group's number is not
// given to another.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

func signalOf(s *os.ProcessState) (int, bool) {
	w, ok := s.Sys().(syscall.WaitStatus)
	return int(w.Signal()), ok && w.Signaled()
}
