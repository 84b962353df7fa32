//go:build unix

package childproc

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// User is the user that a child runs as, with all groups.
type User struct {
	credential syscall.Credential
	name, home string
}

// LookUpUser finds a user by name or number. It returns an error if the agent may not run a child as that user.
func LookUpUser(name string) (*User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("look up the user %q: no user has this name or number", name)
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
		return nil, fmt.Errorf("run commands as the user %q: only root may do that: run the agent as root, or remove user", name)
	}
	found := &User{syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: os.Geteuid() != 0}, u.Username, u.HomeDir}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("look up the groups of the user %q: %w", name, err)
	}
	for _, text := range groups {
		if g, err := strconv.ParseUint(text, 10, 32); err == nil {
			found.credential.Groups = append(found.credential.Groups, uint32(g))
		}
	}
	return found, nil
}

// loginVariables returns the environment variables that login(1) would set.
func (u *User) loginVariables() []string {
	return []string{"HOME=" + u.home, "USER=" + u.name, "LOGNAME=" + u.name, "SHELL=/bin/sh"}
}

// setProcessGroup makes the child the leader of its own process group. When the context is done, the whole group gets a signal: SIGTERM
// if politely is set, else SIGKILL.
func setProcessGroup(cmd *exec.Cmd, u *User, politely bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if u != nil {
		cmd.SysProcAttr.Credential = &u.credential
	}
	signal := syscall.SIGKILL
	if politely {
		signal = syscall.SIGTERM
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, signal) }
}

// killProcessGroup kills the remaining processes of the child's group. The kernel does not reuse the group's number while it has members.
func killProcessGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

func endSignal(s *os.ProcessState) (int, bool) {
	w, ok := s.Sys().(syscall.WaitStatus)
	return int(w.Signal()), ok && w.Signaled()
}
